"""Which requests never make a trace: by method, or by a pattern over the path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate


class Excluder:
    """Tells whether a request is excluded.

    Args:
        entries: Methods in upper case, or paths in which `*` stands for anything.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        entries = tuple(entries)
        self._methods = frozenset(entry for entry in entries if entry.isupper() and entry.isalpha())
        patterns = [translate(entry) for entry in entries if entry not in self._methods]
        self._paths = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, method: str, path: str) -> bool:
        return method in self._methods or (self._paths is not None and self._paths.match(path) is not None)
