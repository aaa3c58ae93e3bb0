"""Small parts of pages that stand in every row of a list, as finished markup: no call of a macro for each."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup, escape

from convotrace.export.records import iso
from convotrace.page.signs import outcome
from convotrace.page.strip import Strip


@lru_cache(maxsize=64)
def mark(name: str) -> Markup:
    """Return the sign of an outcome, with its word for those who do not see it."""
    word = escape(outcome(name))
    return Markup(
        f'<svg class="mk {word}" role="img" aria-label="{word}"><title>{word}</title><use href="#o-{word}"/></svg>'
    )


def time(ns: int, text: str, how: str) -> Markup:
    """Return a moment with its text; a script shows it in the reader's zone in the way that `how` names."""
    at = iso(ns)
    return Markup(f'<time datetime="{at}" data-as="{escape(how)}" title="{at}">{escape(text)}</time>')


def strip(it: Strip, height: int = 24) -> Markup:
    """Return the drawing of a strip; nothing of one without bars."""
    if not it.bars:
        return Markup()
    paths = "".join([f'<path class="{kind}" d="{path}"/>' for kind, path in it.paths])  # of our own letters alone
    size = f'width="{it.width * height // 24}" height="{height}" viewBox="0 0 {it.width} 24"'
    return Markup(f'<svg class="strip" role="img" aria-label="{escape(it.label)}" {size}>{paths}</svg>')
