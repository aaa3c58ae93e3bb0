"""An agent's Markdown as safe HTML. What a model wrote is hostile: no HTML of its own, no image, only web and mail.

Two walls: the renderer emits none of it, and the cleaner lets only a short list of elements through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 32 * 1024
_DEEPEST = 40
# Marks whose pairing costs up to the square of their number: prose has few, brackets cost most.
_MOST_DELIMITERS = 2_000
_MOST_BRACKETS = 500
_DELIMITERS = re.compile(r"!\[|[\[*_~`|<&]")
_SCHEMES = ("http", "https", "mailto")
_TAGS = {
    "p", "br", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "table", "thead", "tbody", "tr", "th", "td", "a", "span",
}  # fmt: skip


@lru_cache(maxsize=256)
def rendered(text: str) -> tuple[Markup, str | None]:
    """Return safe HTML for a text, and a notice where it is shown as plain text instead.

    Args:
        text: What the agent wrote.
    """
    # Lone surrogates, which UTF-8 cannot carry, are shown as escapes.
    text = text.encode("utf-8", "backslashreplace").decode()
    why = _too_much(text)
    if why is None:
        parser = _parser()
        tokens = parser.parse(text)
        if max((token.level for token in tokens), default=0) < _DEEPEST - 2:
            return _clean(parser.renderer.render(tokens, parser.options, {})), None
        why = "Nested too deep for Markdown"
    return Markup('<p class="plain">{}</p>').format(text), f"{why}: shown as plain text."


def _too_much(text: str) -> str | None:
    if len(text) > LONGEST or len(text.encode()) > LONGEST:
        return "Over 32 kB"
    if text.count("[") > _MOST_BRACKETS or sum(1 for _ in _DELIMITERS.finditer(text)) > _MOST_DELIMITERS:
        return "Too many Markdown marks"
    return None


def _clean(html: str) -> Markup:
    import nh3

    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "target"}, "ol": {"start"}},
        allowed_classes={"span": {"image", "host"}},
        url_schemes=set(_SCHEMES),
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(cleaned)


@cache
def _parser() -> MarkdownIt:
    # Imported here: most processes that carry the middleware never show a page.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "breaks": True, "maxNesting": _DEEPEST})
    parser.validateLink = _is_outside_link  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("link_close", _link_close)
    return parser


def _is_outside_link(url: str) -> bool:
    scheme, colon, _ = url.strip().partition(":")
    return bool(colon) and scheme.lower() in _SCHEMES


def _image(self: object, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
    source = str(tokens[index].attrs.get("src", ""))
    return f'<span class="image">image: {escape(_host(source) or source[:60])}</span> {escape(tokens[index].content)}'


def _link_open(self: object, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
    return f'<a href="{escape(str(tokens[index].attrs.get("href", "")))}" target="_blank">'


def _link_close(self: object, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
    # A link's text may lie about where it leads.
    depth, start = 0, index
    while start > 0:
        start -= 1
        depth += {"link_close": 1, "link_open": -1}.get(tokens[start].type, 0)
        if depth < 0:
            break
    host = _host(str(tokens[start].attrs.get("href", "")))
    text = "".join(token.content for token in tokens[start:index])
    return "</a>" if not host or host in text else f'</a> <span class="host">{escape(host)}</span>'


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
