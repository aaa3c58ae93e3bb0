"""A finished page → a file that stands alone: nothing in it runs, is sent, or is fetched from anywhere.

What may stay is listed here, so that whatever else a page has does not come along.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser

_GONE = frozenset({
    "script", "link", "style", "form", "dialog", "button", "select", "textarea", "iframe", "object", "embed", "base",
    "template", "video", "audio", "img", "meta", "title", "datalist",
})  # fmt: skip
_GONE_CLASSES = frozenset({
    "js", "skip", "top", "toast", "seg", "menu", "add", "btn-score", "find", "ib",
})  # fmt: skip
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
_NAMING = ("dd", "p", "td")
"""Where the words of a link say something without it."""

_KEPT = frozenset({
    "class", "id", "dir", "title", "lang", "datetime", "open", "colspan", "rowspan", "start", "type", "for", "role",
    "aria-label", "aria-hidden", "aria-labelledby", "viewbox", "width", "height", "x", "y", "x1", "x2", "y1", "y2",
    "rx", "ry", "cx", "cy", "r", "d", "points", "fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin",
    "transform", "tabindex", "preserveaspectratio",
})  # fmt: skip
_CASED = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def sealed(page: str, title: str, styles: Iterable[str], foot: str) -> str:
    """Return the body of a page as a whole file.

    Args:
        page: HTML as the page renders it.
        title: Of the file.
        styles: Style sheets, written into it.
        foot: A line of text that ends it.
    """
    sealing = _Sealing()
    sealing.feed(page)
    sealing.close()
    body = "".join(sealing.out)
    sheet = "\n".join(styles).replace("</", "<\\/")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{sheet}\n</style>\n</head>\n<body>\n{body}\n"
        f'<footer class="zone">{escape(foot)}</footer>\n</body>\n</html>\n'
    )


class _Sealing(HTMLParser):
    """Copies the body without what is to go, whole elements at a time."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._in_body = False
        # The element that is being left out, and how many of its name are open in it.
        self._gone: str | None = None
        self._depth = 0
        # The elements around, each with the name that it has in the file.
        self._around: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
        elif self._gone is not None:
            self._depth += tag == self._gone
        elif self._in_body:
            self._begin(tag, attrs)

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._goes(tag, dict(attrs)):
            if tag not in _VOID:
                self._gone, self._depth = tag, 1
            return
        kept = "".join(self._kept(tag, attrs))
        name = "span" if tag == "a" and " href=" not in kept else tag
        if tag not in _VOID:
            self._around.append((tag, name))
        self.out.append(f"<{name}{kept}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._in_body and self._gone is None and not self._goes(tag, dict(attrs)):
            self.out.append(f"<{tag}{''.join(self._kept(tag, attrs))}/>")

    def handle_endtag(self, tag: str) -> None:
        if self._gone is not None:
            self._depth -= tag == self._gone
            if self._depth == 0:
                self._gone = None
        elif tag == "body":
            self._in_body = False
        elif any(opened == tag for opened, _ in self._around):
            # What was left open inside ends with it.
            while self._around:
                opened, name = self._around.pop()
                self.out.append(f"</{name}>")
                if opened == tag:
                    break

    def handle_data(self, data: str) -> None:
        if self._in_body and self._gone is None:
            self.out.append(escape(data, quote=False))

    def _goes(self, tag: str, attrs: dict[str, str | None]) -> bool:
        classes = set((attrs.get("class") or "").split())
        if tag == "input":
            return "unfold" not in classes
        if tag == "a" and not classes and not [*_href(attrs.get("href") or "")]:
            return not self._around or self._around[-1][0] not in _NAMING
        return tag in _GONE or tag == "footer" or not _GONE_CLASSES.isdisjoint(classes)

    def _kept(self, tag: str, attrs: list[tuple[str, str | None]]) -> Iterable[str]:
        for name, value in attrs:
            if name == "href":
                yield from _href(value or "")
            elif name in _KEPT:
                yield f" {_CASED.get(name, name)}" if value is None else f' {_CASED.get(name, name)}="{escape(value)}"'


def _href(value: str) -> Iterable[str]:
    """Yield a link into the file itself, or to the web; none to what is on the page alone."""
    if value.startswith(("http://", "https://")):
        yield f' href="{escape(value)}" rel="noopener noreferrer nofollow"'
    elif value.startswith(("#", "?")) and (place := value.partition("#")[2]):
        # What else an address of the page says is which turns it shows: here are all.
        yield f' href="#{escape(place)}"'
