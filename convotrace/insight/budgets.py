"""Budgets: limits of a session and of a turn, and what happens at them. Pure; `observer.acting` knows the totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from convotrace.errors import SettingsError
from convotrace.insight.spending import Totals

ACTIONS = ("notice", "advise", "stop", "hand_over", "refuse")
REFUSED = 429
_JSON, _PLAIN, _BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"


@dataclass(frozen=True)
class Refusal:
    """An answer in the place of the app's."""

    body: bytes
    status: int = REFUSED
    content_type: str = _JSON


@dataclass(frozen=True)
class Budget:
    """Limits, any of which brings the action about; made by `budget`."""

    name: str
    cost: float | None = None
    tokens: int | None = None
    turns: int | None = None
    errors: int | None = None
    same_failures: int | None = None
    tool_loop: int | None = None
    action: str = "stop"
    notice: str | None = None
    team: str | None = None
    values: Mapping[str, Any] | None = None
    refusal: Refusal | None = None

    def reached(self, session: Totals, turn: Totals) -> str | None:
        """Return in words which limit has been reached, None where none has."""
        told = (
            (self.cost, session.cost, "the session cost ${:.4f}"),
            (self.tokens, session.tokens, "the session took {:,} tokens"),
            (self.turns, session.turns, "the session has {:,} turns"),
            (self.errors, session.errors, "{:,} errors in the session"),
            (self.same_failures, session.same_failures, "a tool failed in the same way {:,} times"),
            (self.tool_loop, turn.repeated_calls, "a tool was called with the same arguments {:,} times in one turn"),
        )
        for limit, value, words in told:
            if limit is not None and value >= limit:
                return words.format(value)
        return None


_LIMITS = ("cost", "tokens", "turns", "errors", "same_failures", "tool_loop")


def budget(
    name: str, *, cost: float | None = None, tokens: int | None = None, turns: int | None = None,
    errors: int | None = None, same_failures: int | None = None, tool_loop: int | None = None,
    action: str = "stop", notice: str | None = None, team: str | None = None,
    values: Mapping[str, Any] | None = None, answer: Any = None, status: int = REFUSED,
    content_type: str | None = None,
) -> Budget:  # fmt: skip
    """Make a budget of a session; give it to `ConvoTrace(budgets=[…])`. The first limit that is reached counts.

    Args:
        name: What it is called, in the events of the session.
        cost: From so many US dollars on.
        tokens: From so many tokens on, input and output together.
        turns: From so many turns on: with 20, the twenty-first meets the action.
        errors: From so many errors on.
        same_failures: Where a tool fails in the same way so many times.
        tool_loop: Where a tool is called with the same arguments so many times in one turn.
        action: `notice`, `advise` (with `values`), `stop`, `hand_over` (to `team`) or `refuse` (with `answer`).
        notice: Words for the user; the app finds them in `convotrace.advice().notices`.
        team: Who takes over.
        values: What the app finds in `convotrace.advice()`, such as `{"model": "small"}`.
        answer: Body of a refusal: what can be JSON, a text, or bytes.
        status: Status of a refusal.
        content_type: Of a refusal; by the kind of `answer` when None.

    Raises:
        SettingsError: One of these cannot be used.
    """
    where = f"budget {name!r}"
    limits = (cost, tokens, turns, errors, same_failures, tool_loop)
    for limit_name, limit in zip(_LIMITS, limits, strict=True):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit >= 0):
            raise SettingsError(f"{where} has {limit_name}={limit!r}; use a number from 0 on.")
    if all(limit is None for limit in limits):
        raise SettingsError(f"{where} has no limit; give one of {', '.join(_LIMITS)}.")
    if action not in ACTIONS:
        raise SettingsError(f"{where} has action={action!r}; use one of {', '.join(ACTIONS)}.")
    if action == "notice" and not notice:
        raise SettingsError(f"{where} has nothing to say; give notice='…'.")
    if action == "advise" and not values:
        raise SettingsError(f"{where} advises nothing; give values={{'model': '…'}}.")
    refusal = refusal_of(where, answer, status, content_type) if action == "refuse" else None
    return Budget(name, *limits, action, notice, team, values, refusal)


def budget_of(told: Mapping[str, Any]) -> Budget:
    """Return the budget that a mapping describes, as a settings file or the environment has it.

    Raises:
        SettingsError: It describes none.
    """
    known = {"name", *(one.name for one in fields(Budget)), "answer", "status", "content_type"} - {"refusal"}
    wrong = next((name for name in told if name not in known), None)
    if wrong is not None:
        raise SettingsError(f"a budget has {wrong!r}; use some of {', '.join(sorted(known))}.")
    rest = {name: value for name, value in told.items() if name != "name"}
    return budget(str(told.get("name", "budget")), **rest)


def refusal_of(where: str, answer: Any, status: int = REFUSED, content_type: str | None = None) -> Refusal:
    """Return an answer that refuses.

    Args:
        where: Who says it, for what is wrong with it.
        answer: What can be JSON, a text, or bytes.
        status: From 200 to 599.
        content_type: By the kind of `answer` when None.

    Raises:
        SettingsError: It cannot be an answer.
    """
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise SettingsError(f"{where} has status={status!r}; use 200 to 599.")
    if content_type is not None and not _is_header(content_type):
        raise SettingsError(f"{where} has content_type={content_type!r}; use one such as text/plain.")
    if isinstance(answer, (bytes, bytearray)):
        return Refusal(bytes(answer), status, content_type or _BYTES)
    if isinstance(answer, str):
        return Refusal(answer.encode("utf-8", "replace"), status, content_type or _PLAIN)
    try:
        body = json.dumps({} if answer is None else answer, ensure_ascii=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        raise SettingsError(f"{where} has an answer that is no JSON, text or bytes.") from None
    return Refusal(body, status, content_type or _JSON)


def _is_header(text: Any) -> bool:
    return isinstance(text, str) and bool(text) and text.isascii() and text.isprintable()
