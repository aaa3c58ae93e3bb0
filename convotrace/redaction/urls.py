"""Headers that hold the address of a page: its query may hold anything, and nobody here has looked at its names."""

from __future__ import annotations

from convotrace.redaction.fields import REDACTED

_ADDRESSES = frozenset({"referer", "referrer", "x-original-url", "x-original-uri", "x-forwarded-uri", "x-rewrite-url"})


def without_queries(headers: dict[str, str]) -> dict[str, str]:
    """Return headers in which no address has a query or a fragment."""
    for name in _ADDRESSES.intersection(headers):
        address = headers[name].partition("#")[0]
        page, mark, query = address.partition("?")
        headers[name] = f"{page}?{REDACTED}" if mark and query else page
    return headers
