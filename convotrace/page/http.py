"""What a door hands to the page and gets back, and the headers that every answer carries.

No server, no framework: a door translates its own request into a PageRequest and a PageResponse into bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Protocol
from urllib.parse import parse_qsl

from convotrace.errors import BadRequest, FilterError
from convotrace.export import dump
from convotrace.model import Json
from convotrace.page.visible import carriable

MAX_BODY = 64 * 1024
"""Largest body that most of the page accepts; `reads` tells a door how much to read for a request."""
_MAX_FIELDS = 60

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SHIELD = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
NO_STORE = ("cache-control", "no-store")


@dataclass(frozen=True)
class PageRequest:
    """One request under the mount, as any door sees it.

    Args:
        method: In upper case.
        path: What follows the mount, percent-decoded: "" or "/…".
        query: The raw query string.
        headers: Lower-case name to value; repeated ones joined by ", ", cookies by "; ".
        body: The whole body; empty where it is too large.
        peer: IP address at the other end of the socket, None where there is none.
        scheme: "http" or "https", as the server says.
        dev: Whether development was declared.
        is_overlong: Whether as many bytes came as `reads` says, or none were to be read.
        streams: Whether the door can send an answer in parts, as they come, without holding a thread.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    peer: str | None = None
    scheme: str = "http"
    dev: bool = False
    is_overlong: bool = False
    streams: bool = False

    def with_body(self, body: bytes | None) -> PageRequest:
        """Return this request with its body, None for one that is too large."""
        return replace(self, body=body or b"", is_overlong=body is None)

    def exceeds(self, limit: int) -> bool:
        """Tell whether the body is larger than a limit."""
        return self.is_overlong or len(self.body) > limit

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name."""
        return (self.headers or {}).get(name)

    @property
    def is_form(self) -> bool:
        """Tell whether the body comes from a form of the page."""
        kind = (self.header("content-type") or "").partition(";")[0]
        return kind.strip().lower() == "application/x-www-form-urlencoded"

    def fields(self) -> dict[str, str]:
        """Return the query's fields, the first of each name.

        Raises:
            BadRequest: There are absurdly many.
        """
        return first_of_each(self.query)


class Parts(Protocol):
    """An answer as it comes, for a door that streams; some of it may be empty."""

    def __aiter__(self) -> Parts: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """Release what it holds; it must be called, whether all of it was sent or not."""


@dataclass(frozen=True)
class PageResponse:
    """An answer, finished unless it has `parts`.

    `content-length` is set where it is finished; the body of an answer to HEAD is empty.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    parts: Parts | None = None
    """What follows the body, as it comes; only where the request said that the door streams."""


def first_of_each(encoded: str) -> dict[str, str]:
    """Return the first value of each field of a form-encoded text."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadRequest(f"More than {_MAX_FIELDS} fields came; send fewer.") from None
    return dict(reversed(pairs))


def respond(status: int, kind: str, body: bytes, *extra: tuple[str, str]) -> PageResponse:
    """Return an answer that nobody caches, with every protecting header."""
    headers = [("content-type", kind), ("content-length", str(len(body))), NO_STORE, *SHIELD, *extra]
    return PageResponse(status, headers, body)


def for_any_site(response: PageResponse) -> PageResponse:
    """Return an answer that pages of other sites may load; it must hold nothing of anybody's."""
    headers = [one for one in response.headers if one[0] != "cross-origin-resource-policy"]
    return PageResponse(response.status, [*headers, ("cross-origin-resource-policy", "cross-origin")], response.body)


def html(text: str, status: int = 200) -> PageResponse:
    """Return a page, with what it cannot carry shown in another way."""
    return respond(status, "text/html; charset=utf-8", carriable(text))


def as_data(value: Json, status: int = 200) -> PageResponse:
    """Return JSON."""
    return respond(status, "application/json", dump(value))


def plain(text: str, status: int = 200, *extra: tuple[str, str]) -> PageResponse:
    """Return plain text."""
    return respond(status, "text/plain; charset=utf-8", text.encode(), *extra)


def redirect(location: str, status: int, *extra: tuple[str, str]) -> PageResponse:
    """Return a redirect to a relative address."""
    return respond(status, "text/plain; charset=utf-8", b"", ("location", location), *extra)


def not_found() -> PageResponse:
    """Return the one answer to everything unknown and everything forbidden."""
    return plain("Not found\n", 404)


def wrong(sentence: str, status: int, as_json: bool) -> PageResponse:
    """Return an error in one sentence: JSON for programs, a bare page for people."""
    if as_json:
        return as_data({"error": sentence}, status)
    return html(_BARE.format(sentence=escape(sentence)), status)


def refusal(error: FilterError) -> dict[str, Json]:
    """Return what a program is told of a filter that cannot be read."""
    return {"error": str(error), "position": error.position, "hint": error.hint}


_BARE = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>convotrace</title></head>'
    "<body><main><p>{sentence}</p></main></body></html>\n"
)
