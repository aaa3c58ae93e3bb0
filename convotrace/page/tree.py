"""A JSON value as a tree of folds. What is too large or too deep for a tree is shown as indented text, all of it.

Coloured text and single lines are made in `values`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from markupsafe import Markup, escape

from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.format import plural
from convotrace.page.values import LONGEST, parsed, pretty
from convotrace.page.visible import visible

_MOST = 1_500
_DEEPEST = 24
_OPEN_TO = 2
_OPEN_UP_TO = 30
"""Folds stand open down to this depth where they hold at most so many entries; of a small tree all do."""
_SMALL = 100


def shown(value: Json, whole: str | None = None) -> Markup:
    """Return a value for a page: a tree where it is an object or list, else its text.

    Args:
        value: Any JSON value.
        whole: Where all of it is to be found, for a value that is cut.
    """
    held = parsed(value)
    if isinstance(held, (Mapping, list, tuple)) and held and _fits(held):
        is_small = sum(1 for _ in islice(_nodes(held, 0), _SMALL + 1)) <= _SMALL
        return Markup('<div class="tree">{}</div>').format(_entry(held, -_DEEPEST if is_small else 0))
    return Markup("<pre>{}</pre>{}").format(pretty(held), _rest(held, whole))


def length(value: Json) -> int:
    """Return how many characters a value has as it is shown."""
    value = parsed(value)
    return len(value) if isinstance(value, str) else len(dump(value, indented=True).decode())


def _rest(value: Json, whole: str | None) -> Markup:
    if whole is None or length(value) <= LONGEST:
        return Markup("")
    return Markup('<p class="whole"><a href="{}">Show all {} characters</a></p>').format(whole, f"{length(value):,}")


def _fits(value: Json) -> bool:
    return sum(1 for _ in islice(_nodes(value, 0), _MOST + 1)) <= _MOST and length(value) <= LONGEST


def _nodes(value: Json, depth: int) -> Iterator[None]:
    """Yield once for each value; a value that is too deep yields without end."""
    while depth > _DEEPEST:
        yield None
    yield None
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for item in items:
        yield from _nodes(item, depth + 1)


def _entry(value: Json, depth: int) -> Markup:
    if isinstance(value, Mapping) and value:
        rows = [Markup('<li><b class="jk">{}</b> {}</li>').format(visible(str(key)), _entry(item, depth + 1))
                for key, item in value.items()]  # fmt: skip
        return _fold("{ }", plural(len(value), "key"), rows, depth)
    if isinstance(value, (list, tuple)) and value:
        rows = [Markup('<li><span class="jn">{}</span> {}</li>').format(at, _entry(item, depth + 1))
                for at, item in enumerate(value)]  # fmt: skip
        return _fold("[ ]", plural(len(value), "item"), rows, depth)
    return _leaf(value)


def _fold(sign: str, words: str, rows: list[Markup], depth: int) -> Markup:
    is_open = Markup(" open") if depth < _OPEN_TO and len(rows) <= _OPEN_UP_TO else ""
    return Markup("<details{}><summary>{} <i>{}</i></summary><ul>{}</ul></details>").format(
        is_open, sign, words, Markup("").join(rows)
    )


def _leaf(value: Json) -> Markup:
    if isinstance(value, str):
        return Markup('<span class="jt" dir="auto">{}</span>').format(visible(value) or "“”")
    return escape(dump(value).decode())
