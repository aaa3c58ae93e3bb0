"""What must never reach the store: cookies, and headers or fields whose name says secret.

Pure: values in, values out. Patterns for secrets inside free text come with their own feature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from convotrace.model import Json

REDACTED = "[redacted]"

_FIELDS = (
    "apikey", "accesstoken", "refreshtoken", "idtoken", "secret", "password", "passwd", "privatekey", "authorization",
)  # fmt: skip
_HEADERS = (*_FIELDS, "xauthtoken")
_COOKIES = frozenset({"cookie", "setcookie"})
_STEM = re.compile("|".join(re.sub(r"(?<!^)", "[-_]?", stem) for stem in _FIELDS), re.IGNORECASE)
_PAIR = re.compile(r'"([^"\\]{1,200})"(\s*:\s*)"((?:[^"\\]|\\.)*)("|\Z)', re.DOTALL)
_DEEPEST = 200


@lru_cache(maxsize=4096)
def never_stored(name: str) -> bool:
    """Tell whether a field of this name is never stored when its value is text."""
    return name.lower().replace("-", "").replace("_", "").endswith(_FIELDS)


@lru_cache(maxsize=4096)
def never_stored_header(name: str) -> bool:
    """Tell whether a header of this name is never stored."""
    flat = name.lower().replace("-", "").replace("_", "")
    return flat in _COOKIES or flat.endswith(_HEADERS)


class Redactor:
    """Cleans values and counts what it took out; one for each writer, used by its thread alone."""

    def __init__(self) -> None:
        self.count = 0

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers without cookies, and with the values of secret ones replaced."""
        kept: dict[str, str] = {}
        for name, value in headers.items():
            if name.replace("-", "") in _COOKIES:
                self.count += 1
            else:
                kept[name] = self._replace() if never_stored_header(name) else value
        return kept

    def clean(self, value: Json, depth: int = 0) -> Json:
        """Return a JSON value with the texts of never-stored fields replaced, also in JSON written as text."""
        if isinstance(value, str):
            return self._clean_text(value)
        if depth > _DEEPEST:
            return REDACTED
        if isinstance(value, dict):
            return {k: self._replace() if self._secret(k, v) else self.clean(v, depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean(item, depth + 1) for item in value]
        return value

    def _secret(self, name: object, value: Json) -> bool:
        return isinstance(value, str) and isinstance(name, str) and never_stored(name)

    def _replace(self) -> str:
        self.count += 1
        return REDACTED

    def _clean_text(self, text: str) -> str:
        # Arguments and results often are JSON kept as text; it may be cut, so it is searched and not parsed.
        if text.lstrip()[:1] not in ("{", "[") or not _STEM.search(text):
            return text
        return _PAIR.sub(self._pair, text)

    def _pair(self, match: re.Match[str]) -> str:
        if not never_stored(match[1]):
            return match[0]
        return f'"{match[1]}"{match[2]}"{self._replace()}{match[4]}'
