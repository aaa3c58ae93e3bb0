"""What is known by its name: cookies, and headers or fields whose name says secret.

Never stored whatever the options say. What is known by its looks: `patterns`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from convotrace.model import Json

REDACTED = "[redacted]"

_FIELDS = (
    "apikey", "accesstoken", "refreshtoken", "idtoken", "secret", "password", "passwd", "privatekey", "authorization",
)  # fmt: skip
_HEADERS = (*_FIELDS, "xauthtoken")
_HEADER_ATTRIBUTES = (
    "http.request.header.", "http.response.header.", "rpc.request.metadata.", "rpc.response.metadata.",
)  # fmt: skip
_COOKIES = frozenset({"cookie", "setcookie"})
# JSON, lines of it, or a stream of events that carry it.
_JSON_TEXT = re.compile(r'[\s\ufeff"\\]*[{\[]|[\s\ufeff]*(?:data|event|id|retry)?:')
# A name, its colon and the quote that opens its text, as deep inside quoted JSON as up to 15 backslashes tell.
_NAME = re.compile(r'(?<!\\)(\\{0,15})"((?:[^"\\]|\\{1,15}u[0-9a-fA-F]{4}){1,200})\1"\s*:\s*\1"')
_ESCAPE = re.compile(r"\\{1,15}u([0-9a-fA-F]{4})")
_ESCAPED_NAME = re.compile(r"\\u00[2-7]")
# A text that begins with another letter or digit, or with one of these words in vain, is no JSON.
_BEGINNINGS = frozenset("deir")
_STREAMS = ("data:", "event:", "id:", "retry:")
_WORDS = frozenset(string.ascii_letters + string.digits) - _BEGINNINGS
_PLAIN = frozenset({int, float, bool, type(None)})
_DEEPEST = 200
_LONGEST_CACHED = 100
_FEW_QUOTES = 64
_HARMLESS: set[str] = set()
"""Names of fields that are no secrets': code gives its fields the same names again and again."""
_HARMLESS_HEADERS: set[str] = set()
_MOST_HARMLESS, _LONGEST_HARMLESS = 4_000, 60


def never_stored(name: str) -> bool:
    """Tell whether a field of this name is never stored when its value is text."""
    return _known_field(name) if len(name) <= _LONGEST_CACHED else flat(name).endswith(_FIELDS)


# Asked for every field of every body; a name is the client's to choose, so a long one is not kept.
@lru_cache(maxsize=4096)
def _known_field(name: str) -> bool:
    return flat(name).endswith(_FIELDS)


def never_stored_header(name: str) -> bool:
    """Tell whether a header of this name is never stored."""
    return _known_header(name) if len(name) <= _LONGEST_CACHED else _is_secret_header(name)


def _is_secret_header(name: str) -> bool:
    shown = flat(name)
    return shown in _COOKIES or shown.endswith(_HEADERS)


_known_header = lru_cache(maxsize=1024)(_is_secret_header)


def flat(name: str) -> str:
    """Return a name as names are compared: in any case, with `-` and `_` or without."""
    return name.lower().replace("-", "").replace("_", "")


class Redactor:
    """Cleans values and counts what it took out; one for each writer, used by its thread alone."""

    def __init__(self) -> None:
        self.count = 0

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers without cookies, and with the values of secret ones replaced."""
        if _HARMLESS_HEADERS.issuperset(headers):
            return dict(headers)
        if not any(map(never_stored_header, headers)):
            remember(_HARMLESS_HEADERS, headers)
            return dict(headers)
        kept: dict[str, str] = {}
        for name, value in headers.items():
            if not never_stored_header(name):
                kept[name] = value
            elif flat(name) in _COOKIES:
                self.count += 1
            else:
                kept[name] = self._replace()
        return kept

    def attributes(self, attributes: Mapping[str, Json]) -> dict[str, Json]:
        """Return a span's attributes; a header's value is a list there, and its name the end of its attribute's."""
        found: dict[str, Json] = self.clean(dict(attributes))
        for name, value in found.items():
            if name.startswith(_HEADER_ATTRIBUTES):
                if never_stored_header(name.rpartition(".")[2]):
                    found[name] = REDACTED
            elif isinstance(value, list) and never_stored(name):
                found[name] = [REDACTED if isinstance(item, str) else item for item in value]
        return found

    def clean(self, value: Json) -> Json:
        """Return a JSON value with the texts of never-stored fields replaced, also in JSON written as text.

        What holds none is returned as it is: nearly all values are, and no copy of them is made.
        """
        return value if _is_clean(value, 0) else self._cleaned(value, 0)

    def _cleaned(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            return self._clean_text(value)
        if depth > _DEEPEST:
            return REDACTED
        if isinstance(value, dict):
            return {name: self._clean_member(name, item, depth) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._cleaned(item, depth + 1) for item in value]
        return value

    def _clean_member(self, name: object, value: Json, depth: int) -> Json:
        if not isinstance(value, str):
            return self._cleaned(value, depth + 1)
        return self._replace() if isinstance(name, str) and never_stored(name) else self._clean_text(value)

    def _replace(self) -> str:
        self.count += 1
        return REDACTED

    def _clean_text(self, text: str) -> str:
        # Arguments and results often are JSON kept as text; it may be cut, so it is searched and not parsed.
        if not _may_hold_secret(text):
            return text
        kept, at = [], 0
        while found := _NAME.search(text, at):
            kept.append(text[at : found.end()])
            at = found.end()
            if never_stored(_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found[2])):
                kept.append(self._replace())
                at = _end_of_value(text, at, len(found[1]))
        return "".join([*kept, text[at:]])


def _is_clean(value: Json, depth: int) -> bool:
    """Tell whether nothing in a value has to be looked at more closely."""
    kind = type(value)
    if kind is str:
        return not _may_hold_secret(value)
    if kind in _PLAIN:
        return True
    if depth > _DEEPEST:
        return False
    if kind is dict:
        return _is_clean_mapping(value, depth)
    return kind is list and all(_is_clean(item, depth + 1) for item in value)


def _is_clean_mapping(value: dict[Any, Json], depth: int) -> bool:
    if not (_HARMLESS.issuperset(value) or _are_harmless(value)):
        return False
    for item in value.values():
        kind = type(item)
        if kind is str:
            if item[:1] not in _WORDS and _may_hold_secret(item):
                return False
        elif kind not in _PLAIN and not _is_clean(item, depth + 1):
            return False
    return True


def _are_harmless(value: dict[Any, Json]) -> bool:
    """Tell whether no text in a mapping goes by the name of a secret, and remember its names."""
    names = [name for name in value if type(name) is str]
    secret = [name for name in names if never_stored(name)]
    if any(type(value[name]) is str for name in secret):
        return False
    remember(_HARMLESS, [name for name in names if name not in secret])
    return True


def remember(harmless: set[str], names: Iterable[str]) -> None:
    """Add names to those that are known to be harmless, as long as these are not many; no long ones."""
    if len(harmless) < _MOST_HARMLESS:
        harmless.update([name for name in names if len(name) <= _LONGEST_HARMLESS])


def _may_hold_secret(text: str) -> bool:
    first = text[:1]
    if first in _BEGINNINGS:
        if not text.startswith(_STREAMS):
            return False
    elif first.isalnum() or not _JSON_TEXT.match(text):
        return False
    if _ESCAPED_NAME.search(text) is not None:
        return True
    # Most JSON that is kept as text holds long texts under few names: those are looked at, and not the texts.
    if text.count('"') <= _FEW_QUOTES:
        pieces = pairwise(text.split('"'))
        return any(after.lstrip()[:1] == ":" and never_stored(name.rstrip("\\")) for name, after in pieces)
    shown = flat(text)
    return any(name in shown for name in _FIELDS)


def _end_of_value(text: str, start: int, depth: int) -> int:
    """Return where a quoted text ends whose closing quote has `depth` backslashes: 0, 1, 3, 7 or 15."""
    quote = text.find('"', start)
    while quote >= 0:
        before = text[max(start, quote - 64) : quote]
        if (len(before) - len(before.rstrip("\\"))) % (2 * depth + 2) == depth:
            return quote - depth
        quote = text.find('"', quote + 1)
    return len(text)
