"""Which requests never make a trace: by method, or by a pattern over the path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

_WILD = re.compile(r"[*?\[]")
_BEGINNING = re.compile(r"[^*?\[]*\*", re.DOTALL)
_INSIDE = re.compile(r"\*[^*?\[]+\*", re.DOTALL)


class Excluder:
    """Tells whether a request is excluded.

    Args:
        entries: Methods in upper case, or paths in which `*` stands for anything.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        entries = tuple(entries)
        self._methods = frozenset(entry for entry in entries if entry.isupper() and entry.isalpha())
        paths = [entry for entry in entries if entry not in self._methods]
        # Most patterns are no more than one of these, and asked for with every request.
        self._exact = frozenset(path for path in paths if not _WILD.search(path))
        self._beginnings = tuple(path[:-1] for path in paths if _BEGINNING.fullmatch(path))
        self._inside = tuple(path[1:-1] for path in paths if _INSIDE.fullmatch(path))
        patterns = [translate(path) for path in paths if _WILD.search(path) and not _is_simple(path)]
        self._paths = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, method: str, path: str) -> bool:
        if method in self._methods or path in self._exact or path.startswith(self._beginnings):
            return True
        for part in self._inside:
            if part in path:
                return True
        return self._paths is not None and self._paths.match(path) is not None


def _is_simple(path: str) -> bool:
    return bool(_BEGINNING.fullmatch(path) or _INSIDE.fullmatch(path))
