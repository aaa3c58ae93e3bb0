"""The one guard of the page: who may see or do anything, for every route, method and shape of path.

It looks at the request alone and changes nothing. What is answered to the refused is decided by the caller: always 404.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from inspect import isawaitable, iscoroutine
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from convotrace.options import RIGHTS
from convotrace.page.backend import Backend
from convotrace.page.http import PageRequest

SEND = "send"
"""The right to send spans: it opens the receiver, and the receiver alone."""
JUDGE = "judge"
"""The right to judge a turn: its ticket, which stands in the body, gives it, and it opens nothing else."""
COOKIE = "convotrace_page"
"""How the names of our cookies begin; the rest tells one store from another."""
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_PROXY_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
_LONGEST_NAME = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Admission:
    """What the visitor may do, and what opened the door: auth, link, token or development."""

    rights: frozenset[str]
    by: str
    name: str = ""
    """What `auth` calls the visitor."""

    @property
    def who(self) -> str:
        """Who is named in the audit."""
        return self.name or {"development": "loopback", "link": "token"}.get(self.by, self.by)


def admit(request: PageRequest, backend: Backend, is_html: bool) -> Admission | None:
    """Return what a visitor may do, None for everybody else.

    Args:
        request: The request as it came.
        backend: Gives the settings and the token.
        is_html: Whether the address is a page for people, which a link elsewhere may lead to.
    """
    settings = backend.settings
    if not _sent_from_here(request, settings.page_url, is_html):
        return None
    if settings.auth is not None:
        return _asked(settings.auth, request, backend)
    by = _opened_by_token(request, backend, is_html)
    if by is None and _is_development(request):
        by = "development"
    return Admission(frozenset(settings.rights), by) if by else None


def admit_sender(request: PageRequest, backend: Backend) -> Admission | None:
    """Return the right to send spans to the receiver, None for everybody without it and while the receiver is off.

    A token of its own takes the place of the guard against other sites: no browser adds it by itself. The app's
    `auth` is not asked, since a service cannot log in.
    """
    settings = backend.settings
    if not settings.otlp_receiver:
        return None
    bearer = _bearer(request)
    token = settings.otlp_token or (_token(backend) if bearer else None)
    if token and _same(bearer, token):
        return Admission(frozenset({SEND}), "token")
    if _is_development(request) and _sent_from_here(request, settings.page_url, is_html=False):
        return Admission(frozenset({SEND}), "development")
    return None


def cookie_value(token: str) -> str:
    """Return what the cookie holds: enough to prove the token, not the token."""
    key = blake2b(token.encode(errors="surrogatepass")).digest()
    return blake2b(b"convotrace page cookie", key=key, digest_size=24).hexdigest()


def _sent_from_here(request: PageRequest, page_url: str | None, is_html: bool) -> bool:
    site = request.header("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none") or (is_html and _is_navigation(request))
    origin = request.header("origin")
    if origin is None:
        return True
    hosts = (request.header("host"), urlsplit(page_url).netloc if page_url else None)
    return any(_is_origin_of(origin, host) for host in hosts if host)


def _is_navigation(request: PageRequest) -> bool:
    mode, target = request.header("sec-fetch-mode"), request.header("sec-fetch-dest")
    return request.method == "GET" and mode == "navigate" and target == "document"


def _is_origin_of(origin: str, host: str) -> bool:
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        usual = _DEFAULT_PORTS.get(theirs.scheme)
        same_port = (theirs.port or usual) == (ours.port or usual)
    except ValueError:
        return False
    return usual is not None and bool(theirs.hostname) and theirs.hostname == ours.hostname and same_port


def _asked(auth: Callable[[Any], Any], request: PageRequest, backend: Backend) -> Admission | None:
    # A guard that fails must refuse, so even what is no Exception (a cancellation, a timeout of gevent) is caught;
    # the three that end a process or a generator pass through and open nothing either.
    try:
        name, answer = _named(auth(request))
        rights = _rights_of(answer, backend.settings.rights)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        backend.failed("auth", error)
        return None
    return Admission(rights, "auth", name) if rights else None


def _named(answer: Any) -> tuple[str, Any]:
    """Return the name and the rights that an answer holds: `{"name": "ben", "rights": ["read"]}`, else rights alone."""
    if type(answer) is not dict:
        return "", answer
    name = answer.get("name")
    if not answer.keys() <= {"name", "rights"} or type(name) is not str or not 0 < len(name) <= _LONGEST_NAME:
        return "", None
    return name, answer.get("rights", True)


def _rights_of(answer: Any, granted: tuple[str, ...]) -> frozenset[str]:
    if answer is True:
        return frozenset(granted)
    if type(answer) is str:
        answer = (answer,)
    if type(answer) in (set, frozenset, list, tuple) and all(type(one) is str and one in RIGHTS for one in answer):
        return frozenset(answer)
    if isawaitable(answer):
        _dispose(answer)
        raise TypeError("auth= answered with an awaitable; use a function that answers at once.")
    return frozenset()


def _dispose(answer: Any) -> None:
    # An unawaited coroutine would complain into the app's log.
    if iscoroutine(answer):
        answer.close()


def _opened_by_token(request: PageRequest, backend: Backend, is_html: bool) -> str | None:
    links = _in_query(request) if is_html and request.method == "GET" else []
    cookies, bearer = _in_cookies(request), _bearer(request)
    if not (links or cookies or bearer):
        return None
    token = _token(backend)
    if token is None:
        return None
    if any(_same(given, token) for given in links):
        return "link"
    proof = cookie_value(token)
    return "token" if any(_same(given, proof) for given in cookies) or _same(bearer, token) else None


def _token(backend: Backend) -> str | None:
    try:
        return backend.token() or None
    except Exception as error:
        # Without its store the page has no token: then nobody has one.
        backend.failed("token", error)
        return None


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), secret.encode(errors="surrogatepass"))


def _in_query(request: PageRequest) -> list[str]:
    try:
        return [value for name, value in parse_qsl(request.query, max_num_fields=60) if name == "token"]
    except ValueError:
        return []


def _in_cookies(request: PageRequest) -> list[str]:
    # Cookies of one name may come from several paths or ports: any of them may be ours.
    pairs = (part.strip().partition("=") for part in (request.header("cookie") or "").split(";"))
    return [value.strip('"') for name, _, value in pairs if name == COOKIE or name.startswith(COOKIE + "_")][:32]


def _bearer(request: PageRequest) -> str:
    scheme, _, credentials = (request.header("authorization") or "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _is_development(request: PageRequest) -> bool:
    return (
        request.dev
        and _is_loopback(request.peer)
        and not any(name in _PROXY_HEADERS or name.startswith("x-forwarded-") for name in request.headers or {})
        and _LOCAL_HOST.fullmatch(request.header("host") or "") is not None
    )


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
