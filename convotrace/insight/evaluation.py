"""What an evaluator is, and what its answer means: a function over a turn, a session or a span becomes a score.

When evaluators run is decided in `jobs.evaluation`; those that come with the package are in `checks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from inspect import signature
from typing import Any, overload

from convotrace.errors import SettingsError
from convotrace.model import Conversation, Score, Span, Target, Trace

TARGETS = ("turn", "session", "span")
FAILED = "failed"
"""The value of a result that is none: its reason says what went wrong with the evaluator."""

Judged = Trace | Conversation | Span


@dataclass(frozen=True)
class Evaluator:
    """A function that judges, and when it does.

    Args:
        function: Takes what it judges, and the conversation as a second argument where it names one; sync or async.
            Returns a bool, a number, a word, one of these with its reason as a pair, a Score, or None for no judgement.
        name: Name of its scores.
        on: `turn`, `session` or `span`.
        version: Results of another version stay beside those of this one.
        sample: Share of what it could judge, from 0 to 1, chosen by id.
        when: A filter; only sessions that it finds are judged.
        after_idle: Seconds of silence after which a session is judged; None for the app's `idle_timeout`.
        timeout: Seconds after which an answer is not waited for.
    """

    function: Callable[..., Any]
    name: str
    on: str = "turn"
    version: str | None = None
    sample: float = 1.0
    when: str | None = None
    after_idle: float | None = None
    timeout: float = 10.0

    def __call__(self, judged: Judged, conversation: Conversation) -> Any:
        """Return what the function says; awaitable where it is async."""
        return self.function(judged, conversation) if self._takes_two else self.function(judged)

    @property
    def _takes_two(self) -> bool:
        try:
            named = signature(self.function).parameters.values()
        except (TypeError, ValueError):
            return False
        return sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in named) >= 2

    def takes(self, id: str) -> bool:
        """Tell whether what has this id is in the sample: the same in every process and at every time."""
        if self.sample >= 1:
            return True
        digest = blake2b(f"{self.name}\0{id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.sample * 2**64


@overload
def evaluator(
    function: Callable[..., Any],
    /,
    *,
    on: str = ...,
    name: str | None = ...,
    version: str | None = ...,
    sample: float = ...,
    when: str | None = ...,
    after_idle: float | None = ...,
    timeout: float = ...,
) -> Evaluator: ...


@overload
def evaluator(
    *,
    on: str = ...,
    name: str | None = ...,
    version: str | None = ...,
    sample: float = ...,
    when: str | None = ...,
    after_idle: float | None = ...,
    timeout: float = ...,
) -> Callable[[Callable[..., Any]], Evaluator]: ...


def evaluator(
    function: Callable[..., Any] | None = None,
    /,
    *,
    on: str = "turn",
    name: str | None = None,
    version: str | None = None,
    sample: float = 1.0,
    when: str | None = None,
    after_idle: float | None = None,
    timeout: float = 10.0,
) -> Any:
    """Make an evaluator of a function; give it to `ConvoTrace(evaluators=[…])`.

    Args:
        function: The function, where the decorator stands without parentheses.
        on: What it judges: `turn`, `session` or `span`.
        name: Name of its scores; the function's own when None.
        version: Results of another version stay beside those of this one.
        sample: Share of what it could judge, from 0 to 1.
        when: A filter such as `tool:search`; only sessions that it finds are judged.
        after_idle: Seconds of silence after which a session is judged; None for the app's `idle_timeout`.
        timeout: Seconds after which an answer is not waited for.

    Raises:
        SettingsError: One of these cannot be used.
    """
    if on not in TARGETS:
        raise SettingsError(f"on came as {on!r}; use one of {', '.join(TARGETS)}.")
    if not (isinstance(sample, (int, float)) and 0 <= sample <= 1):
        raise SettingsError(f"sample came as {sample!r}; use a number from 0 to 1.")

    def made(function: Callable[..., Any]) -> Evaluator:
        own = name or str(getattr(function, "__name__", type(function).__name__))
        return Evaluator(function, own, on, version, float(sample), when, after_idle, timeout)

    return made if function is None else made(function)


def result(evaluator: Evaluator, target: Target, answer: Any, at_ns: int, duration_ns: int, turns: int) -> Score | None:
    """Return an answer as a score, None where the evaluator gave no judgement.

    Args:
        evaluator: Whose answer it is.
        target: What was judged.
        answer: What the function returned.
        at_ns: When.
        duration_ns: How long it took.
        turns: How many turns the session had.
    """
    if answer is None:
        return None
    reason = None
    if isinstance(answer, tuple) and len(answer) == 2:
        answer, reason = answer
    if not isinstance(answer, Score):
        answer = _as_score(answer, None if reason is None else str(reason))
    told: dict[str, Any] = {
        "evaluator": evaluator.name,
        "version": evaluator.version,
        "duration_ns": duration_ns,
        "turns": turns,
    }
    id = _id(evaluator, target, turns)
    score: Score = replace(answer, id=id, name=evaluator.name, at_ns=at_ns, target=target, source="evaluator", **told)
    return score


def failure(evaluator: Evaluator, target: Target, why: str, at_ns: int, duration_ns: int, turns: int) -> Score:
    """Return the result of an evaluator that gave none, with the reason."""
    found = result(evaluator, target, (FAILED, why), at_ns, duration_ns, turns)
    assert found is not None
    return replace(found, passed=None)


def _as_score(value: Any, reason: str | None) -> Score:
    nothing = Target("")
    if isinstance(value, bool):
        return Score("", "", "boolean", value, 0, nothing, reason=reason, passed=value)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return Score("", "", "numeric", value, 0, nothing, reason=reason)
    if isinstance(value, str):
        return Score("", "", "categorical", value, 0, nothing, reason=reason)
    came = f"{type(value).__name__} came; an evaluator returns a bool, a finite number, a word, a Score or None."
    return Score("", "", "categorical", FAILED, 0, nothing, reason=came)


def _id(evaluator: Evaluator, target: Target, turns: int) -> str:
    """Return the same id for the same judgement of the same thing, so that it is stored once."""
    seen = turns if evaluator.on == "session" else 0
    said = (evaluator.name, evaluator.version, target.session_id, target.trace_id, target.span_id, seen)
    return blake2b("\0".join(map(str, said)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
