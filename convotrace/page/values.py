"""JSON values on a page: one line for a row, indented and coloured for a closer look."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.format import cut_end, plural
from convotrace.page.visible import visible

# A string of JSON after escaping, with the colon that follows where it is a name.
_STRING = re.compile(r"(&#34;(?:[^&\\]|\\&#34;|\\(?!&)[^&]|&(?!#34;))*&#34;)(:?)")
_LINE = 200
LONGEST = 64 * 1024
"""Characters of one text that a page shows; all of it is a link away."""


def capped(text: str) -> str:
    """Return as much of a text as a page shows."""
    return text if len(text) <= LONGEST else text[:LONGEST]


def left_out(text: str | None) -> int:
    """Return how many characters of a text a page does not show."""
    return max(0, len(text or "") - LONGEST)


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
    return visible(cut_end(", ".join(f"{key}={_compact(item)}" for key, item in list(value.items())[:12]), _LINE))


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
    return visible("{" + cut_end(", ".join(str(key) for key in list(value)[:3]), _LINE) + f", … {len(value)} keys}}")


def _short(value: Json) -> str:
    return visible(cut_end(value if isinstance(value, str) else _compact(value), _LINE))


def _compact(value: Json) -> str:
    if isinstance(value, str):
        return json.dumps(value[:_LINE], ensure_ascii=False)
    return dump(value).decode()[: _LINE * 2]


def pretty(value: Json, limit: int = LONGEST) -> Markup:
    """Return a value for a `<pre>`: JSON indented and coloured, a text as it is, unseen characters as escapes.

    Args:
        value: Any JSON value.
        limit: Characters after which it is cut, and says so.
    """
    value = parsed(value)
    text = value if isinstance(value, str) else dump(value, indented=True).decode()
    safe = escape(visible(text[:limit]))
    shown = safe if isinstance(value, str) else _coloured(safe)
    if len(text) <= limit:
        return shown
    return shown + Markup('\n<span class="tag warn">cut at {} of {} characters</span>').format(
        f"{limit:,}", f"{len(text):,}"
    )


def _coloured(escaped: Markup) -> Markup:
    """Return escaped JSON with its names and texts marked; it stays escaped, since only whole strings are wrapped."""
    return Markup(_STRING.sub(_marked, str(escaped)))


def _marked(match: re.Match[str]) -> str:
    kind = "jk" if match[2] else "jt"
    return f'<span class="{kind}">{match[1]}</span>{match[2]}'
