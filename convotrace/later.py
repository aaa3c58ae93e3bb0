"""Modules that are loaded when something of them is first used: what only a page needs is no part of recording.

What is loaded stays, and the collector of garbage goes through it again and again.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until then."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def later(name: str) -> Any:
    """Return what stands for a module, given its full name."""
    return _Later(name)
