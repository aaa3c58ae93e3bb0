"""Patterns of the app's owner: checked when they are given, and bounded when they are used.

A regular expression cannot be stopped, and while it runs no other thread does: one that may take exponential time is
refused, and each is shown a window of a text at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from time import thread_time_ns
from typing import Any

from convotrace.errors import SettingsError
from convotrace.redaction.numbers import Costly

_WINDOW, _OVERLAP = 1_024, 256
"""Characters that a pattern is shown at a time; and the longest match that is found for certain across windows."""
_MOST_NS = 20_000_000
"""What one pattern may take for one text, in ns of the thread's own time: then the text is not kept at all."""
_SLOW_NS = 10_000_000
_TRIES = 3
"""A machine that is busy with others may make one try slow."""
_TRIED = (*range(2, 32, 2), 32, 64, 128, 256, 512, 1_024)
_MANY = 10
_SAMPLES = "a0 A_-.@/,:;=x\n\"'é"


def find(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield where a pattern matches, in order; a match longer than the overlap of two windows may be missed.

    Raises:
        Costly: It takes too long.
    """
    begun, at = thread_time_ns(), 0
    while at < len(text):
        end = min(at + _WINDOW, len(text))
        rest = end if end == len(text) else end - _OVERLAP
        for found in pattern.finditer(text, at, end):
            if found.start() >= rest:
                break
            if found.end() == end < len(text) and found.start() > at:
                rest = found.start()  # it may go on: looked at again in a window that begins with it
                break
            if found.end() > found.start():
                yield found.span()
                rest = max(rest, found.end())
        at = rest
        if thread_time_ns() - begun > _MOST_NS:
            raise Costly


def check(redact: Iterable[Any]) -> None:
    """Say at the call which pattern of the owner's may not be used.

    Raises:
        SettingsError: One may take too long.
    """
    for pattern in redact:
        fault = fault_of(pattern) if isinstance(pattern, re.Pattern) else None
        if fault is not None:
            raise SettingsError(f"redact has the pattern {pattern.pattern[:80]!r}, which {fault}.")


def fault_of(pattern: re.Pattern[str]) -> str | None:
    """Return why a pattern may not be used, None where it may."""
    try:
        parsed = re._parser.parse(pattern.pattern, pattern.flags)  # type: ignore[attr-defined]
    except Exception:  # the form of what it parses is no promise of Python's
        return None
    if _is_nested(parsed, False):
        return "has a repetition inside a repetition; make the inner one possessive (a++) or leave one out"
    slow = next(filter(None, (_slow_at(pattern, before, unit) for before, unit in dict.fromkeys(_hard(parsed)))), None)
    if slow:
        return f"took too long for a text of {slow} characters; make it simpler, or its repetitions possessive (a++)"
    return None


def _hard(parsed: Any) -> Iterator[tuple[str, str]]:
    """Yield texts of which many in a row may be hard for a pattern, each with what leads to where they stand."""
    before = ""
    for op, argument in parsed:
        for unit in _units([(op, argument)]):
            yield "", unit
            yield before, unit
        before = (before + _sampled(str(op), argument))[-64:]


def _slow_at(pattern: re.Pattern[str], before: str, unit: str) -> int | None:
    """Return how long a text is that takes too long; texts grow little by little, so that this ends soon."""
    for number in _TRIED:
        text = f"{before}{unit * number}"[: _WINDOW - 1] + "\0"
        if all(_took_ns(pattern, text) > _SLOW_NS for _ in range(_TRIES)):
            return len(text)
        if len(text) == _WINDOW:  # it is shown no more at a time
            break
    return None


def _took_ns(pattern: re.Pattern[str], text: str) -> int:
    begun = thread_time_ns()
    pattern.search(text)
    return thread_time_ns() - begun


def _parts(node: Any) -> Iterator[tuple[str, Any]]:
    for op, argument in node:
        yield str(op), argument


def _inside(op: str, argument: Any) -> Sequence[Any]:
    """Return the patterns inside an element of one."""
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return (argument[2],)
    if op == "SUBPATTERN":
        return (argument[3],)
    if op == "BRANCH":
        return tuple(argument[1])
    if op == "GROUPREF_EXISTS":
        return tuple(part for part in argument[1:] if part is not None)
    if op in ("ASSERT", "ASSERT_NOT"):
        return (argument[1],)
    return (argument,) if op == "ATOMIC_GROUP" else ()


def _is_nested(node: Any, inside: bool) -> bool:
    for op, argument in _parts(node):
        many = op in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] >= _MANY
        if many and ((inside and argument[0] != argument[1]) or argument[2].getwidth()[0] == 0):
            return True
        # What is possessive or atomic gives nothing back, however often it is tried.
        again = inside and op not in ("POSSESSIVE_REPEAT", "ATOMIC_GROUP")
        if any(_is_nested(inner, again or many) for inner in _inside(op, argument)):
            return True
    return False


def _units(node: Any) -> Iterator[str]:
    """Yield texts of which many in a row may be hard for a pattern: what it repeats, and its single characters."""
    for op, argument in _parts(node):
        if op in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > 1:
            yield _sample(argument[2]) or "a"
        for inner in _inside(op, argument):
            yield from _units(inner)
            yield _sample(inner)[:16] or "a"
        if op in ("LITERAL", "IN", "ANY", "NOT_LITERAL"):
            yield _sample([(op, argument)]) or "a"


def _sample(node: Any) -> str:
    """Return a text that a pattern matches, more or less."""
    return "".join(_sampled(str(op), argument) for op, argument in node)


def _sampled(op: str, argument: Any) -> str:
    if op == "LITERAL":
        return chr(argument)
    if op == "IN":
        return _of_set([(str(kind), value) for kind, value in argument])
    if op == "BRANCH":
        return _sample(argument[1][0])
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _sample(argument[2]) * min(max(int(argument[0]), 1), 64)
    if op in ("ASSERT", "ASSERT_NOT", "AT", "GROUPREF", "GROUPREF_EXISTS"):
        return ""
    return "".join(_sample(inner) for inner in _inside(op, argument)) or "a"


_CATEGORIES: dict[str, str] = {
    "CATEGORY_DIGIT": "0",
    "CATEGORY_SPACE": " ",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_SPACE": "a",
}


def _of_set(members: Iterable[tuple[str, Any]]) -> str:
    for kind, value in members:
        if kind == "NEGATE":
            return next((letter for letter in _SAMPLES if letter not in _literals(members)), "a")
        if kind == "LITERAL":
            return chr(value)
        if kind == "RANGE":
            return chr(value[0])
        if kind == "CATEGORY":
            return _CATEGORIES.get(str(value), "-")
    return "a"


def _literals(members: Iterable[tuple[str, Any]]) -> str:
    return "".join(chr(value) for kind, value in members if kind == "LITERAL")
