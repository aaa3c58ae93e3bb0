"""The cookie of our own that names a session where nothing else does; only on answers that no cache shares."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from convotrace.identity import OWN_COOKIE, Incoming

_ISSUING = ("POST", "WEBSOCKET")


def own_cookie(incoming: Incoming, response: Mapping[str, str], https: bool) -> str | None:
    """Return the `Set-Cookie` value for an answer, None where none may be set or one came with the request.

    Args:
        incoming: The request; it has the cookie from now on.
        response: Lower-case response headers.
        https: Whether the browser speaks https.
    """
    if incoming.cookies.get(OWN_COOKIE):
        return None
    control = response.get("cache-control", "").lower()
    private = "private" in control or "no-store" in control
    if "public" in control or "s-maxage" in control or not (private or incoming.method in _ISSUING):
        return None
    value = os.urandom(16).hex()
    incoming.cookies = {**incoming.cookies, OWN_COOKIE: value}
    return f"{OWN_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if https else "")


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name; those of one name are one text, as HTTP takes them."""
    found: dict[str, str] = {}
    for name, value in headers:
        known = name.lower()
        found[known] = f"{found[known]}, {value}" if known in found else value
    return found
