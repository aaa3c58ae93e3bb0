"""JSON values on a page: one line for a row, indented and coloured for a closer look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.format import cut_end, plural
from convotrace.page.visible import visible

_DEEPEST = 40
_LINE = 200
LONGEST = 64 * 1024


def parsed(value: Json) -> Json:
    """Return what a text holds where it is a JSON object or list, else the value itself."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def arguments_line(value: Json) -> str:
    """Return a call's arguments on one line: `name="Ann", seats=2`."""
    value = parsed(value)
    if not isinstance(value, Mapping):
        return "" if value is None else _short(value)
    return cut_end(", ".join(f"{key}={_compact(item)}" for key, item in list(value.items())[:12]), _LINE)


def result_line(value: Json) -> str:
    """Return a result on one line: the text, the keys of an object, the length of a list."""
    value = parsed(value)
    if isinstance(value, Mapping):
        return _keys(value)
    if isinstance(value, (list, tuple)):
        return plural(len(value), "item") if value else "nothing"
    return "" if value is None else _short(value)


def _keys(value: Mapping[str, Json]) -> str:
    if len(value) <= 3:
        return _short(value)
    return "{" + ", ".join(str(key) for key in list(value)[:3]) + f", … {len(value)} keys}}"


def _short(value: Json) -> str:
    return visible(cut_end(value if isinstance(value, str) else _compact(value), _LINE))


def _compact(value: Json) -> str:
    if isinstance(value, str):
        return visible(json.dumps(value[:_LINE], ensure_ascii=False))
    return visible(dump(value).decode()[: _LINE * 2])


def pretty(value: Json, limit: int = LONGEST) -> Markup:
    """Return a value for a `<pre>`: JSON indented and coloured, a text as it is, unseen characters as escapes.

    Args:
        value: Any JSON value.
        limit: Characters after which it is cut, and says so.
    """
    value = parsed(value)
    if isinstance(value, str):
        return _cut(escape(visible(value[:limit])), len(value), limit)
    whole = dump(value)
    if len(whole) > limit:
        return _cut(escape(visible(whole.decode()[:limit])), len(whole), limit)
    return Markup("").join(_coloured(value, 0))


def _cut(text: Markup, whole: int, limit: int) -> Markup:
    if whole <= limit:
        return text
    return text + Markup('\n<span class="tag warn">cut at {} of {} characters</span>').format(
        f"{limit:,}", f"{whole:,}"
    )


def _coloured(value: Any, depth: int) -> Iterator[Markup]:
    if isinstance(value, Mapping) and value and depth < _DEEPEST:
        names = [
            (Markup('<span class="jk">{}</span>: ').format(_quoted(str(name))), item) for name, item in value.items()
        ]
        yield from _nested("{", names, "}", depth)
    elif isinstance(value, (list, tuple)) and value and depth < _DEEPEST:
        yield from _nested("[", [(Markup(""), item) for item in value], "]", depth)
    elif isinstance(value, str):
        yield Markup('<span class="jt">{}</span>').format(_quoted(value))
    else:
        yield escape(dump(value).decode())


def _nested(opening: str, items: list[tuple[Markup, Any]], closing: str, depth: int) -> Iterator[Markup]:
    indent = "  " * (depth + 1)
    yield Markup(opening)
    for index, (label, item) in enumerate(items):
        yield Markup((",\n" if index else "\n") + indent) + label
        yield from _coloured(item, depth + 1)
    yield Markup("\n" + "  " * depth + closing)


def _quoted(text: str) -> str:
    # Line breaks stay line breaks: a prompt inside JSON is read, not parsed.
    return visible(json.dumps(text, ensure_ascii=False))
