"""Which spans of a turn a text means: words in anything a span says, a kind, `>2s` and `<50ms` for how long it took.

Where those spans lie, and what is drawn of the others, is in `turn.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from convotrace.export import dump
from convotrace.model import SPAN_KINDS, Span
from convotrace.page.sections import of_span
from convotrace.query.values import read_duration

LONGEST = 200
"""Characters of a text that are looked for."""
Test = Callable[[Span], bool]


def sift(text: str) -> Test:
    """Return what tells whether a span is meant: all of the words have to fit."""
    tests = [_test(word) for word in text[:LONGEST].split()]
    return lambda span: all(test(span) for test in tests)


def _test(word: str) -> Test:
    bound = read_duration(word[1:])
    if bound is not None and word[0] == ">":
        return lambda span: (span.duration_ns or 0) > bound
    if bound is not None and word[0] == "<":
        return lambda span: span.duration_ns is not None and span.duration_ns < bound
    wanted = word.casefold()
    if wanted in SPAN_KINDS:  # Messages of a model call say "tool" too.
        return lambda span: span.kind == wanted
    return lambda span: wanted in _words(span)


def _words(span: Span) -> str:
    named = (span.kind, span.name, span.status, span.model, span.service, span.finish_reason)
    said = (value if isinstance(value, str) else dump(value).decode() for value in of_span(span).values() if value)
    return "\n".join([*filter(None, named), *said]).casefold()
