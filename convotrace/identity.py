"""Which session a request belongs to: the chain of rules over headers, parameters, body fields and cookies.

Pure: no rule reads anything that the app has not read, and nothing here is stored.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from convotrace import propagation
from convotrace.model import Json
from convotrace.quick import record
from convotrace.settings import Settings

MAX_ID = 512
"""Longer ids are replaced by their hash."""
OWN_COOKIE = "convotrace_session"

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{1,256}\Z")
_MAX_PARAMETERS = 1000
# An inherited text form says where an object lies in memory, or shows a whole mapping.
_INHERITED: Any = object.__str__
# As ASGI and WSGI spell it.
_BAGGAGE = frozenset({propagation.BAGGAGE, propagation.BAGGAGE.encode(), "HTTP_BAGGAGE"})

_T = TypeVar("_T")


class once(Generic[_T]):
    """An attribute that is worked out when first asked for: `functools.cached_property` takes a lock until 3.12."""

    def __init__(self, work_out: Callable[[Any], _T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, holder: Any, owner: type | None = None) -> _T:
        found = holder.__dict__[self._name] = self._work_out(holder)
        return found


class Incoming:
    """A request as the rules and the app's callables see it; everything is decoded when first asked for.

    Attributes:
        method: Upper-case HTTP method.
        path: Decoded path as the app sees it.
        native: The ASGI scope or WSGI environ that the app received.
        body: The parsed request body as far as the app has read it, None before.
        earlier: On a connection, the fields by which an earlier message named the session.
    """

    def __init__(
        self,
        method: str,
        path: str,
        query_string: str,
        raw_headers: Sequence[tuple[Any, Any]],
        decode: Callable[[Sequence[tuple[Any, Any]]], Iterable[tuple[str, str]]],
        native: Mapping[str, Any],
        peer: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.native = native
        self.peer = peer
        self._body: Json = None
        self._read_body: Callable[[], Json] | None = None
        self.path_params: Mapping[str, Any] = {}
        self.earlier: Mapping[str, Any] = {}
        self._raw_headers = raw_headers
        self._decode = decode

    @property
    def body(self) -> Json:
        """The parsed request body as far as the app has read it, None before."""
        if self._read_body is not None:
            self._body, self._read_body = self._read_body(), None
        return self._body

    @body.setter
    def body(self, body: Json) -> None:
        self._body, self._read_body = body, None

    def offer_body(self, read: Callable[[], Json] | None) -> None:
        """Have the body parsed by a function, if anybody asks for it."""
        self._read_body = read

    @once
    def headers(self) -> Mapping[str, str]:
        """Lower-cased names to values; of a repeated header the first value counts."""
        return _first_of(self._decode(self._raw_headers))

    @once
    def query(self) -> Mapping[str, str]:
        """Query parameters; of a repeated one the first value counts."""
        kept = "&".join(self.query_string.split("&", _MAX_PARAMETERS)[:_MAX_PARAMETERS])
        return _first_of(parse_qsl(kept, keep_blank_values=True)) if kept else {}

    @once
    def baggage(self) -> Mapping[str, str]:
        """What the caller's W3C baggage says, decoded."""
        return propagation.read_baggage(self.headers.get(propagation.BAGGAGE))

    @property
    def named_user(self) -> str | None:
        """The user that the caller's baggage names."""
        found = as_id(self.baggage.get(propagation.USER)) if self.may_have(_BAGGAGE) else None
        return bounded(found) if found else None

    def may_have(self, spellings: frozenset[Any]) -> bool:
        """Tell whether a header came, by its spellings: nothing is decoded for what most requests have not."""
        raw = self._raw_headers
        if type(raw) is not list and type(raw) is not tuple:
            raw = list(self.headers.items())  # it may be one that can be read only once
        return not spellings.isdisjoint(dict(raw))

    @once
    def cookies(self) -> Mapping[str, str]:
        """Cookies of the request; a part that is no cookie is passed over."""
        return read_cookies(self.headers.get("cookie", ""))


def _first_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return pairs as a mapping; of a repeated name the first value counts."""
    pairs = list(pairs)
    found = dict(pairs)
    if len(found) < len(pairs):
        found.update(reversed(pairs))
    return found


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a `Cookie` header, tolerating what is malformed."""
    from http.cookies import CookieError, SimpleCookie  # many requests bring none

    found: dict[str, str] = {}
    for part in header.split(";"):
        try:
            jar = SimpleCookie(part.strip())
        except CookieError:
            continue
        for name, morsel in jar.items():
            found.setdefault(name, morsel.value)
    return found


@record(frozen=True, slots=True)
class Identity:
    """The session id of a request and the rule that found it."""

    id: str
    source: str
    name: str | None = None


def identify(incoming: Incoming, settings: Settings, secret: bytes | None, own: str | None = None) -> Identity | None:
    """Return the first match of the identity chain, None when no rule matches.

    Args:
        incoming: The request; its `body` and `path_params` as far as they are known.
        settings: Names of headers, parameters, fields and cookies.
        secret: Key for hashing cookie values; without it the cookie rules are passed over.
        own: What the app's `session_id` callable returned for this request.
    """
    if own is not None:
        return Identity(bounded(own), "callable")
    return (
        _named(settings.session_headers, incoming.headers, "header")
        or _named(settings.session_query, incoming.path_params, "path")
        or _named(settings.session_query, incoming.query, "query")
        or _named(settings.session_fields, incoming.body if isinstance(incoming.body, Mapping) else {}, "body")
        or _named(settings.session_fields, incoming.earlier, "body")
        or _named((propagation.SESSION,), incoming.baggage, "baggage")
        or (_from_cookies(incoming, settings, secret) if secret else None)
    )


def as_id(value: Any) -> str | None:
    """Return a value as a session id, None for a blank and for what has no text form of its own.

    Texts, whole numbers, UUIDs and the like count; True, 1.5, bytes, lists and mappings do not. Never raises.
    """
    try:
        text = _own_text(value)
    except Exception:  # a class of the app's own, or a number of thousands of digits
        return None
    return text if text and text.strip() else None


def _own_text(value: Any) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, float, bytes, bytearray)):
        return None
    return str(value) if isinstance(value, int) or type(value).__str__ is not _INHERITED else None


def bounded(text: str) -> str:
    """Return an id with NUL and lone surrogates escaped, hashed and marked when over 512 characters."""
    if not text.isprintable():
        text = text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()
    if len(text) <= MAX_ID:
        return text
    return "sha256-" + hashlib.sha256(text.encode()).hexdigest()


def keyed_hash(secret: bytes, text: str, size: int = 16) -> str:
    """Return a keyed hash of a text in hex: equal texts of one store match, the text cannot be found from it."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), key=secret[:64], digest_size=size).hexdigest()


def session_key(session_id: str) -> str:
    """Return the form of a session id that can stand in a URL path."""
    if _PLAIN_KEY.match(session_id):
        return session_id
    raw = session_id.encode(errors="surrogatepass")
    if len(raw) > 256:
        raw = hashlib.sha256(raw).digest()
    return "~" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def session_id_of_key(key: str) -> str | None:
    """Return the session id of a key; None when it is no key or holds the hash of a long id."""
    if not key.startswith("~"):
        return key if _PLAIN_KEY.match(key) else None
    text = key[1:]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode() or None
    except ValueError:
        return None


def _named(names: Iterable[str], values: Mapping[str, Any], source: str) -> Identity | None:
    for name in names if values else ():
        value = values.get(name.lower() if source == "header" else name)
        found = None if value is None else as_id(value)
        if found is not None:
            return Identity(bounded(found), source, name)
    return None


def _from_cookies(incoming: Incoming, settings: Settings, secret: bytes) -> Identity | None:
    for name, source in ((OWN_COOKIE, "own_cookie"), *((name, "cookie") for name in settings.session_cookies)):
        value = incoming.cookies.get(name)
        if value and _OPAQUE.match(value):
            return Identity("cookie-" + keyed_hash(secret, f"{name}={value}"), source, name)
    return None
