"""Rules that stand in files: `alerts=["rules.toml"]`. They are read once, when the app is wired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convotrace.errors import SettingsError
from convotrace.insight.rule_file import rules_in

_LARGEST = 1 << 20


def rules_of(given: Sequence[Any]) -> tuple[Any, ...]:
    """Return rules, with those of files in the places of their paths.

    Args:
        given: Rules, and paths of TOML files.

    Raises:
        SettingsError: A file cannot be read, or one of its rules cannot be used.
    """
    return tuple(rule for one in given for rule in (read(one) if isinstance(one, (str, Path)) else (one,)))


def read(path: str | Path) -> tuple[Any, ...]:
    """Return the rules of a TOML file.

    Raises:
        SettingsError: It cannot be read, or one of its rules cannot be used.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise SettingsError(f"alerts names {str(path)!r}, which is larger than 1 MiB; that is no file of rules.")
        return rules_in(text.decode(), str(path))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"alerts names {str(path)!r}, which cannot be read: {why}.") from None
