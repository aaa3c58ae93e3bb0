"""A filter's text into tokens, each with its place. Whether a term exists and its value fits is decided in `terms`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from convotrace.errors import FilterError
from convotrace.query.fields import find

_QUOTE = r'"(?:[^"\\]|\\.)*"'
_TERM = re.compile(rf"([A-Za-z_]\w*(?:\.(?:{_QUOTE}|[\w./-]+))?)(!=|>=|<=|:|=|>|<)", re.DOTALL)
_QUOTED = re.compile(_QUOTE, re.DOTALL)
_WORD = re.compile(r"[^\s()]+")
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """What stands behind a field, or a text; `prefix` where a star follows it."""

    text: str
    at: int
    prefix: bool = False
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a filter: `( ) - AND OR NOT`, a `text` or a `term`."""

    kind: str
    at: int
    value: Value = Value("", 0)
    field: str = ""
    operator: str = ""


def tokens(q: str) -> Iterator[Token]:
    """Yield the tokens of a filter.

    Raises:
        FilterError: A quotation mark has no second one.
    """
    at = _next(q, 0)
    while at < len(q):
        token, end = _token(q, at)
        yield token
        at = _next(q, end)


def unquoted(text: str) -> str:
    """Return what stands between quotation marks."""
    return _ESCAPE.sub(r"\1", text[1:-1])


def _next(q: str, at: int) -> int:
    match = _SPACE.match(q, at)
    return match.end() if match else at


def _token(q: str, at: int) -> tuple[Token, int]:
    if q[at] in "()":
        return Token(q[at], at), at + 1
    if q[at] == "-" and q[at + 1 : at + 2].strip() and q[at + 1] != ")":
        return Token("-", at), at + 1
    term = _TERM.match(q, at)
    if term is not None and _is_term(q, term):
        value, end = _value(q, term.end())
        return Token("term", at, value, term[1], term[2]), end
    value, end = _value(q, at)
    if not value.is_quoted and not value.prefix and value.text in ("AND", "OR", "NOT"):
        return Token(value.text, at), end
    return Token("text", at, value), end


def _is_term(q: str, term: re.Match[str]) -> bool:
    """Tell a term from a text with a colon in it: an address, or a word before a pause."""
    if find(term[1]) is not None:
        return True
    behind = q[term.end() : term.end() + 2]
    return bool(behind.strip()) and not behind[0].isspace() and behind != "//"


def _value(q: str, at: int) -> tuple[Value, int]:
    if q[at : at + 1] == '"':
        match = _QUOTED.match(q, at)
        if match is None:
            raise FilterError("A quotation mark is never closed", at, 'Add a second " where the text ends.')
        end = match.end()
        prefix = q[end : end + 1] == "*"
        return Value(unquoted(match[0]), at, prefix, True), end + prefix
    match = _WORD.match(q, at)
    if match is None:
        return Value("", at), at
    text, end = match[0], match.end()
    if text.endswith("*") and not text.endswith("**"):
        return Value(text[:-1], at, True), end
    return Value(text, at), end
