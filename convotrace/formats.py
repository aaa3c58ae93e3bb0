"""Forms of a conversation that rooms above the store make: they are named here, so that the store can hand them out.

What makes one is loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Maker = Callable[[Any], bytes]
"""From a conversation to a whole file."""

_LATE: dict[str, Callable[[], Maker]] = {}


def name(form: str, load: Callable[[], Maker]) -> None:
    """Name a form.

    Args:
        form: As exports ask for it, such as `html`.
        load: Returns what makes it.
    """
    _LATE[form] = load


def maker(form: str) -> Maker:
    """Return what makes a form that was named."""
    return _LATE[form]()


def names() -> tuple[str, ...]:
    """Return every form that was named."""
    return tuple(_LATE)
