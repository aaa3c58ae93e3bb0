"""JSON texts → values: whole ones, ones that only lenient parsers take, and ones that were cut off.

The types of bodies are the business of bodies.py.
"""

from __future__ import annotations

import json
import re

import orjson

from convotrace.model import Json

UNREADABLE: Json = object()
"""What a text is that is no JSON; no JSON value is the same."""

_TOKEN = re.compile(r'"[^"\\]*+(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*+)*+("?)|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)
_LONGEST_ESCAPE = 6
_CLOSERS = {"{": "}", "[": "]"}
# Half an id is a wrong id, and ids have 512 characters at most: a cut text that is longer is worth keeping.
_KEPT_FROM = 512


def loads(text: str | bytes) -> Json:
    """Return the JSON value of a text, `UNREADABLE` when it is none."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return UNREADABLE


def loads_leniently(text: str) -> Json:
    """Return what the parsers of web frameworks accept beyond the standard: NaN, lone surrogates, other charsets."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return UNREADABLE


def partial(text: str, kept_from: int = _KEPT_FROM) -> Json:
    """Return what a cut-off object or list held, `UNREADABLE` when the text is not one that was only cut off.

    A number or text that the cut went through is left out, but for a text of more than `kept_from` characters.
    """
    stack: list[str] = []
    safe, before = 0, ""
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in _CLOSERS:
            stack.append(_CLOSERS[word])
            safe = token.end()
        elif not stack:
            return UNREADABLE
        elif word in ("}", "]"):
            if stack.pop() != word or not stack:
                return UNREADABLE
            safe = token.end()
        elif word == ",":
            safe = token.start()
        elif word[0] == '"' and not token[1]:
            return _cut_in_text(text, token, safe, _is_value(before, stack) and len(token[0]) > kept_from, stack)
        elif word[0] == '"' and _is_value(before, stack):
            safe = token.end()
        before = word
    return _closed(text[:safe], stack) if stack else UNREADABLE


def cut_off(text: str) -> Json:
    """Return what a cut-off event holds, half a text included; `UNREADABLE` when it is no beginning of JSON."""
    value = partial("[" + text, kept_from=1)
    return value[0] if isinstance(value, list) and len(value) == 1 else UNREADABLE


def _is_value(before: str, stack: list[str]) -> bool:
    return before == ":" or stack[-1] == "]"


def _cut_in_text(text: str, token: re.Match[str], safe: int, kept: bool, stack: list[str]) -> Json:
    if len(text) - token.end() >= _LONGEST_ESCAPE:
        return UNREADABLE
    if kept:
        return _closed(text[: token.end()] + '"', stack)
    return _closed(text[:safe], stack)


def _closed(text: str, stack: list[str]) -> Json:
    whole = text + "".join(reversed(stack))
    value = loads(whole)
    return loads_leniently(whole) if value is UNREADABLE else value
