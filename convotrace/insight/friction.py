"""Signs of friction on the turns of one session, each with its reason in words; no model is asked.

Told when a session is read, from its turns in order. New versions, retries and double submits are told in `versions`,
how a session ended in `outcome`. How well each sign tells of a conversation that went wrong is measured in its tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from convotrace.insight.words import likeness, words
from convotrace.model import Signal, Span, Trace

SILENCE_NS = 30 * 60 * 10**9
"""From which time between two turns on a silence is a sign: after it, most people come back for something else."""

SIGNALS = {
    "left": "the client left before the answer was whole",
    "regenerated": "another answer was asked for in its place",
    "rephrased": "the user said again, in nearly the same words, what had been said before",
    "repeated_answer": "the answer is nearly the same as an earlier one",
    "repeated_call": "a tool was called with arguments that it had been called with before",
    "same_failure": "a tool failed as it had failed before",
    "empty_retrieval": "a retrieval found no document",
    "long_silence": "a long time passed before this message",
    "retry": "the same message had been sent before, without an answer",
    "double_submit": "the same message came twice",
}
"""Every sign, with what it says."""

EXPERIMENTAL = frozenset({"left", "regenerated", "long_silence", "retry", "double_submit"})
"""Signs of which nobody has measured how well they tell: the conversations that were judged cannot show them."""

ALIKE, SAME = 0.6, 0.8
"""From which likeness on two messages say the same, and two answers are the same."""

_FEWEST_WORDS, _FEWEST_IN_ANSWER = 3, 4
_LOOKS_BACK = 20
"""So many earlier messages are compared with: a session of ten thousand turns stays quick."""


class _Text:
    """What was said in a turn: its words in order, or as a set once they are compared."""

    __slots__ = ("said", "turn")

    def __init__(self, turn: Trace, said: list[str]) -> None:
        self.turn = turn
        self.said: list[str] | frozenset[str] = said

    @property
    def words(self) -> frozenset[str]:
        """The words, each once."""
        if not isinstance(self.said, frozenset):
            self.said = frozenset(self.said)
        return self.said


class _Said:
    """What one side said in the latest turns.

    Most texts are mostly new words, and so like none before: that is told by how many are new to all of them, and no
    set is made of such a text before another one is compared with it.
    """

    def __init__(self) -> None:
        self._texts: list[_Text] = []
        self._words: set[str] = set()

    def like(self, turn: Trace, text: str | None, fewest: int, enough: float) -> Trace | None:
        """Note what was said in a turn, unless it is too short; return the latest one in which nearly the same was."""
        said, known = words(text), len(self._words)
        self._words.update(said)
        new, one = len(self._words) - known, _Text(turn, said)
        if len(said) < fewest or (new < fewest and len(one.words) < fewest):
            return None
        found = None if (len(said) - new) / len(said) < enough else self._latest_like(one, enough)
        self._add(one)
        return found

    def _latest_like(self, one: _Text, enough: float) -> Trace | None:
        texts = reversed(self._texts[-_LOOKS_BACK:])
        return next((other.turn for other in texts if likeness(one.words, other.words) >= enough), None)

    def _add(self, one: _Text) -> None:
        self._texts.append(one)
        if len(self._texts) == 2 * _LOOKS_BACK:
            del self._texts[:_LOOKS_BACK]
            self._words = set().union(*[text.said for text in self._texts])


@dataclass
class _Before:
    """What was said and done in the turns before one."""

    asked: _Said = field(default_factory=_Said)
    answered: _Said = field(default_factory=_Said)
    calls: dict[bytes, Trace] = field(default_factory=dict)
    failures: dict[tuple[str, str], Trace] = field(default_factory=dict)
    ended_ns: int | None = None


def with_signals(traces: Sequence[Trace], silence_ns: int = SILENCE_NS) -> tuple[Trace, ...]:
    """Return traces, in order and with their versions told, with what each turn shows of friction.

    Args:
        traces: Of one session, as `versions.with_versions` returns them.
        silence_ns: From which time between two turns on a silence is long.
    """
    replaced = {trace.replaces: trace for trace in traces if trace.replaces and trace.retries is None}
    before, told = _Before(), []
    for trace in traces:
        if trace.is_turn:
            found = [*_of_itself(trace, replaced.get(trace.id)), *_of_earlier(trace, before, silence_ns)]
            trace = replace(trace, signals=(*trace.signals, *found)) if found else trace
        told.append(trace)
    return tuple(told)


def _of_itself(turn: Trace, successor: Trace | None) -> Iterator[Signal]:
    if turn.left is not None or turn.status == "disconnected":
        share = turn.left.share if turn.left is not None else None
        part = "before the answer was whole" if share is None else f"after {share:.0%} of the answer"
        yield Signal("left", f"The client left {part}.")
    if successor is not None and turn.output.text:
        yield Signal("regenerated", f"Another answer was asked for in its place, in {_name(successor)}.")
    for span in turn.spans:
        if span.kind == "retrieval" and span.status == "ok" and not span.documents:
            yield Signal("empty_retrieval", f"{span.name} found no document.", span.id)


def _of_earlier(turn: Trace, before: _Before, silence_ns: int) -> Iterator[Signal]:
    if before.ended_ns is not None and turn.started_ns - before.ended_ns > silence_ns:
        minutes = (turn.started_ns - before.ended_ns) / 60e9
        yield Signal("long_silence", f"{minutes:,.0f} minutes passed before this message.")
    before.ended_ns = max(before.ended_ns or 0, turn.started_ns + (turn.duration_ns or 0))
    if turn.replaces is None:
        yield from _said_again(turn, before)
    for span in turn.spans:
        if span.kind == "tool":
            yield from _called_again(turn, span, before)


def _said_again(turn: Trace, before: _Before) -> Iterator[Signal]:
    # What was sent twice or again has a sign of its own.
    if not turn.signals or not any(signal.name in ("double_submit", "retry") for signal in turn.signals):
        earlier = before.asked.like(turn, turn.input.text, _FEWEST_WORDS, ALIKE)
        if earlier is not None:
            yield Signal("rephrased", f"The user said nearly the same in {_name(earlier)}.")
    earlier = before.answered.like(turn, turn.output.text, _FEWEST_IN_ANSWER, SAME)
    if earlier is not None:
        yield Signal("repeated_answer", f"The answer is nearly the same as in {_name(earlier)}.")


def _called_again(turn: Trace, span: Span, before: _Before) -> Iterator[Signal]:
    # Of a call whose arguments nobody told, nothing is known.
    if span.arguments is not None:
        call = call_key(span.name, span.arguments)
        if call in before.calls:
            why = f"{span.name} had been called with the same arguments in {_name(before.calls[call])}."
            yield Signal("repeated_call", why, span.id)
        before.calls[call] = turn
    if span.status == "error" and span.error is not None:
        failure = (span.name, span.error.message or span.error.type)
        if failure in before.failures:
            why = f"{span.name} had failed in the same way in {_name(before.failures[failure])}."
            yield Signal("same_failure", why, span.id)
        before.failures[failure] = turn


def call_key(name: str, arguments: Any) -> bytes:
    """Return what is equal for two calls of the same tool with the same arguments, in whatever order they stand."""
    return name.encode("utf-8", "surrogatepass") + b"\0" + _canonical(arguments)


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # lone surrogates and whole numbers beyond 64 bits
        return repr(value).encode("utf-8", "backslashreplace")


def _name(turn: Trace) -> str:
    return "an earlier turn" if turn.turn is None else f"turn {turn.turn}"
