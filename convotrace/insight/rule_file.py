"""Rules as a settings file has them: TOML → rules. Pure: the text is an argument.

[[alert]]
name = "slow"
metric = "p95"
above = 3000
window = "10m"

[[session_alert]]
name = "runaway"
repeated_calls = 3
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from convotrace.errors import SettingsError
from convotrace.insight.rules import Rule, alert
from convotrace.insight.session_rules import SessionRule, session_alert

_MAKERS: dict[str, Callable[..., Any]] = {"alert": alert, "session_alert": session_alert}


def rules_in(text: str, where: str) -> tuple[Rule | SessionRule, ...]:
    """Return the rules of a TOML text.

    Args:
        text: The text.
        where: What is called wrong where it is: the path of the file.

    Raises:
        SettingsError: It is no TOML, or one of its rules cannot be used.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is no TOML: {error}.") from None
    wrong = next((name for name in told if name not in _MAKERS), None)
    if wrong is not None:
        raise SettingsError(f"{where} has {wrong!r}; use [[alert]] and [[session_alert]].")
    return tuple(_rule(where, kind, one) for kind, tables in told.items() for one in _tables(where, kind, tables))


def _tables(where: str, kind: str, tables: Any) -> list[Mapping[str, Any]]:
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise SettingsError(f"{where} has {kind} as one value; write [[{kind}]], with two brackets, for each rule.")
    return tables


def _rule(where: str, kind: str, told: Mapping[str, Any]) -> Rule | SessionRule:
    make = _MAKERS[kind]
    known = [name for name in inspect.signature(make).parameters if name != "notify"]
    wrong = next((name for name in told if name not in known), None)
    if wrong is not None:
        raise SettingsError(f"{where}: [[{kind}]] has {wrong!r}; use some of {', '.join(known)}.")
    missing = [name for name in ("name", "metric") if name in known and not isinstance(told.get(name), str)]
    if missing:
        raise SettingsError(f'{where}: [[{kind}]] has no text as {missing[0]}; give {missing[0]} = "…".')
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    try:
        rule: Rule | SessionRule = make(**given)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    return rule
