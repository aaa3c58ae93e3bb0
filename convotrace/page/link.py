"""The link with the token: swapped for a cookie that is valid for the whole mount and for nothing else.

A cookie without Path belongs to the folder of the address that set it, also behind a prefix that we do not know;
so it is set at the mount's root only, and links to deeper pages pass through there.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

from convotrace.page.access import COOKIE, cookie_value
from convotrace.page.http import PageRequest, PageResponse, redirect


def swap(request: PageRequest, token: str, is_page: Callable[[str], bool]) -> PageResponse:
    """Return the redirect that turns a valid `?token=` into a cookie and drops it from the address.

    Args:
        request: An admitted GET of a page, with the valid token in its query.
        token: The valid token.
        is_page: Tells whether a path is one of our own pages: no redirect leaves the mount.
    """
    if request.path != "/":
        target = quote(request.path[1:]) + _query(request, drop=("token", "to"))
        return redirect(up_from(request.path) + "?" + urlencode({"token": token, "to": target}), 303)
    return redirect(_wanted(request, is_page), 303, ("set-cookie", _cookie(token, request.scheme)))


def to_folder(request: PageRequest, mount: str) -> PageResponse:
    """Return the redirect from the mount without its last slash; the query goes along."""
    return redirect(quote(mount.rsplit("/", 1)[-1], safe="") + "/" + _query(request, drop=()), 308)


def up_from(path: str) -> str:
    """Return the relative way from a page to the mount's root."""
    return "../" * (path.count("/") - 1) or "./"


def _wanted(request: PageRequest, is_page: Callable[[str], bool]) -> str:
    path, _, query = dict(parse_qsl(request.query)).get("to", "").partition("?")
    if path and is_page("/" + path):
        return "./" + path + ("?" + urlencode(parse_qsl(query)) if query else "")
    return "./" + _query(request, drop=("token", "to"))


def _query(request: PageRequest, drop: tuple[str, ...]) -> str:
    # Built anew, so that nothing of the raw text reaches a header.
    kept = [(name, value) for name, value in parse_qsl(request.query, keep_blank_values=True) if name not in drop]
    return "?" + urlencode(kept, errors="replace") if kept else ""


def _cookie(token: str, scheme: str) -> str:
    secure = "; Secure" if scheme == "https" else ""
    proof = cookie_value(token)
    # Browsers keep cookies by host, not by port: two apps on one host need two names.
    return f"{COOKIE}_{proof[:8]}={proof}; HttpOnly; SameSite=Lax{secure}"
