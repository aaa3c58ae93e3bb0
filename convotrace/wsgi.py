"""The WSGI door: forwards the body lazily, chunk for chunk, and notes it after. It translates, nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from convotrace.capture.acting import HOOKS
from convotrace.capture.current import Place, enter, leave, now_of
from convotrace.exchange import captured
from convotrace.identity import Incoming
from convotrace.observer import ConvoTrace
from convotrace.observer.cookie import joined
from convotrace.observer.guard import Guard
from convotrace.observer.mirror import Mirror
from convotrace.recorder import OpenTrace

if TYPE_CHECKING:
    from convotrace.insight.budgets import Refusal

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

SEEN = "convotrace.stores"
"""Key in the app's environ: the stores that already record this request."""
TRACE = "convotrace.trace"
"""Key in the app's environ: the open trace, for a porch that knows more about the request."""
_PIECE = 64 * 1024
_MOST = 1 << 62
_REASONS = {
    200: "OK", 201: "Created", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    413: "Content Too Large", 415: "Unsupported Media Type",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


class ConvoTraceMiddleware:
    """Observe the conversations of a WSGI app, and answer for the page under the mount.

    Args:
        app: The app, of any framework or none.
        convotrace: The object to record with; made from the options when None.
        options: Options of `ConvoTrace`.
    """

    def __init__(self, app: WSGIApp, convotrace: ConvoTrace | None = None, **options: Any) -> None:
        self.app = app
        self.convotrace = ConvoTrace(**options) if convotrace is None else convotrace
        self._limit = int(self.convotrace.settings.max_body_bytes)
        self.convotrace.warm()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        observer = self.convotrace
        if not observer.enabled:
            return self.app(environ, start_response)
        page = exchange = None
        try:
            path = app_path(environ)
            page = observer.page_path(path)
            exchange = self._exchange(environ, start_response, path) if page is None else None
        except Exception as fault:  # whatever a server calls a request, the app gets it
            observer.guard.failed("recording", fault)
        if page is not None:
            return answer_page(observer, environ, start_response, page)
        if exchange is None:
            return self.app(environ, start_response)
        return exchange.run(_acting_app(observer, exchange, self) if HOOKS or observer.deeds else self.app)

    def _exchange(self, environ: Environ, start_response: StartResponse, path: str) -> _Exchange | None:
        """Return what a request passes through, None where it is not recorded."""
        observer = self.convotrace
        store, seen = observer.store_name, environ.get(SEEN, ())
        trace = None if store in seen else observer.begin(incoming(environ, path))
        if trace is None:
            return None
        ours = {SEEN: (*seen, store), TRACE: trace}
        if "wsgi.input" in environ:
            tee = _ActingInput if HOOKS or observer.deeds else TeedInput
            ours["wsgi.input"] = tee(environ["wsgi.input"], trace, observer.guard, self._limit)
        return _Exchange(observer, trace, Mirror(environ, ours), start_response, self._limit)


class _Exchange:
    """One request on its way through the door; a fault of ours is counted and goes no further."""

    def __init__(
        self, observer: ConvoTrace, trace: OpenTrace, mirror: Mirror, start: StartResponse, limit: int
    ) -> None:
        self.trace = trace
        self._observer = observer
        self.mirror = mirror
        self._limit = limit
        self._start = start
        self._finished = False
        if trace.incoming is not None:
            trace.incoming.native = mirror.copy

    def run(self, app: WSGIApp) -> Iterable[bytes]:
        """Call the app, with the trace current; return the body for the server."""
        before = enter(self.trace)
        try:
            body = app(self.mirror.copy, self.start)
        except BaseException as error:
            self.finish(error)
            raise
        finally:
            left = leave(self.trace, before)
        return self._forward(body, left)

    def start(self, status: str, headers: Headers, *more: Any, **named: Any) -> Callable[[bytes], object]:
        """Stand in for `start_response`; what it returns writes through us."""
        headers = self._before_start(headers)
        write = self._start(status, headers, *more, **named)
        self._observer.guard.note(self._note_start, status, headers)

        def traced_write(chunk: bytes) -> object:
            written = write(chunk)
            self.sent(chunk)
            return written

        return traced_write

    def _before_start(self, headers: Headers) -> Headers:
        try:
            self.mirror.hand_back()
            if self.trace.telemetry is not None:
                self.trace.telemetry.answering(self.trace)
            return self._with_cookie(headers)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
            return headers

    def _with_cookie(self, headers: Headers) -> Headers:
        request = self.trace.incoming
        if not self._observer.issues_cookies or request is None:
            return headers
        headers = list(headers)
        https = self.mirror.copy.get("wsgi.url_scheme") == "https"
        cookie = self._observer.issue_cookie(request, joined(headers), https)
        return headers if cookie is None else [*headers, ("Set-Cookie", cookie)]

    def _note_start(self, status: str, headers: Headers) -> None:
        # Others than a list a server may read only once, and later: then it does.
        given = headers if isinstance(headers, (list, tuple)) else ()
        named = {_spelt(name).lower(): _spelt(value) for name, value in given}
        kind, encoding, code = named.get("content-type", ""), named.get("content-encoding", ""), _spelt(status)[:3]
        length = named.get("content-length", "")
        self.trace.respond(int(code) if code.isdecimal() else 0, kind, captured(kind), encoding, length)

    def _forward(self, body: Iterable[bytes], place: Place) -> Iterable[bytes]:
        """Return the body: itself where it is complete or a file, else wrapped chunk by chunk."""
        if type(body) is list or type(body) is tuple:
            for chunk in body:
                self.sent(chunk)
            self.finish()
            return body
        wrapper = self.mirror.copy.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # Servers send such a body by themselves, and know it by its type.
            self.finish()
            return body
        return (_SizedBody if hasattr(body, "__len__") else _Body)(self, body, place)

    def sent(self, chunk: bytes) -> None:
        """Note a chunk that has been handed on."""
        self._observer.guard.note(lambda: self.trace.sent(chunk, now_of(self.trace), self._limit))

    def complete(self) -> None:
        """Note that the last byte has been handed on."""
        self._observer.guard.note(lambda: self.trace.finish_response(now_of(self.trace)))

    def finish(self, error: BaseException | None = None, complete: bool = True) -> None:
        """End the trace, once."""
        if self._finished:
            return
        self._finished = True
        self._observer.guard.note(self._last, complete)
        self._observer.finish(self.trace, error)

    def _last(self, complete: bool) -> None:
        self.mirror.hand_back()
        if not complete:
            self.trace.disconnect(now_of(self.trace))
        if self.trace.incoming is not None and not self._observer.announcer.done:
            scheme, host = self.mirror.copy.get("wsgi.url_scheme", "http"), self.trace.incoming.headers.get("host", "")
            self._observer.announcer.announce(scheme, host)


class _Body:
    """A body handed on lazily; the trace is current while the app makes each chunk, and only then."""

    def __init__(self, exchange: _Exchange, body: Iterable[bytes], place: Place) -> None:
        self._exchange = exchange
        self._body = body
        self._iterator: Iterator[bytes] | None = None
        self._place = place
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        before = enter(self._exchange.trace, self._place)
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
        except StopIteration:
            self._complete = True
            self._exchange.complete()
            raise
        except BaseException as error:
            self._exchange.finish(error)
            raise
        finally:
            self._place = leave(self._exchange.trace, before)
        self._exchange.sent(chunk)
        return chunk

    def close(self) -> None:
        """Close the app's body, once and always, then end the trace."""
        before = enter(self._exchange.trace, self._place)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._exchange.finish(error)
            raise
        finally:
            leave(self._exchange.trace, before)
            self._exchange.finish(complete=self._complete)

    def __del__(self) -> None:
        # A server that forgets close() must not leave a trace open for ever.
        self._exchange.finish(complete=self._complete)


class _SizedBody(_Body):
    """A body that knows its length; servers ask, to set `Content-Length` by it."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class TeedInput:
    """The request body as the app reads it, noted as it goes by; nothing is read on the app's behalf."""

    def __init__(self, stream: Any, trace: OpenTrace, guard: Guard, limit: int) -> None:
        self._stream = stream
        self._trace = trace
        self._guard = guard
        self._limit = limit

    def read(self, *size: int, **named: int) -> bytes:
        """Read as the stream inside does."""
        return self._noted(self._stream.read(*size, **named))

    def readline(self, *size: int, **named: int) -> bytes:
        """Read a line as the stream inside does."""
        return self._noted(self._stream.readline(*size, **named))

    def readlines(self, *hint: int, **named: int) -> list[bytes]:
        """Read lines as the stream inside does."""
        return [self._noted(line) for line in self._stream.readlines(*hint, **named)]

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            yield self._noted(line)

    def __next__(self) -> bytes:
        return self._noted(next(self._stream))

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # Some frameworks ask what the stream is, and do otherwise with one that they know.
        return type(self._stream)

    def __enter__(self) -> TeedInput:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._stream.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        # What the stream can do beyond the protocol stays possible, no more and no less.
        found = getattr(self._stream, name)
        if name in ("readinto", "readinto1"):
            return lambda buffer: self._noted_buffer(buffer, found(buffer))
        return (lambda *size: self._noted(found(*size))) if name in ("read1", "readall") else found

    def _noted_buffer(self, buffer: Any, size: int | None) -> int | None:
        if size:
            self._noted(bytes(memoryview(buffer)[:size]))
        return size

    def _noted(self, chunk: bytes) -> bytes:
        try:
            if chunk:
                self._trace.read(chunk, self._limit)
        except Exception as fault:
            self._guard.failed("recording", fault)
        return chunk


class _ActingInput(TeedInput):
    """The request body; with the last of it the session is known, and hooks are asked."""

    asks: Callable[[], object] | None = None
    """Set where they may be asked."""
    length = 0

    def _noted(self, chunk: bytes) -> bytes:
        chunk = super()._noted(chunk)
        if self.asks is not None and (not chunk or self._trace.request_bytes >= self.length):
            asks, self.asks = self.asks, None
            asks()
        return chunk


def _acting_app(observer: ConvoTrace, exchange: _Exchange, middleware: ConvoTraceMiddleware) -> WSGIApp:
    """Return the app with hooks and budgets before it: they may answer in its place."""
    trace = exchange.trace

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        refusal = _asked(observer.guard, at_the_door)
        if refusal is None:
            return middleware.app(environ, start_response)
        _body(environ, middleware._limit)  # what was said is part of the conversation
        headers = [("Content-Type", refusal.content_type), ("Content-Length", str(len(refusal.body)))]
        start_response(f"{refusal.status} {_reason(refusal.status)}", headers)
        return [refusal.body]

    def at_the_door() -> Refusal | None:
        act = observer.acting().at_the_door(trace)
        if act is not None:
            return act.before(may_refuse=True)
        given = exchange.mirror.copy.get("wsgi.input")
        if isinstance(given, _ActingInput) and trace.incoming is not None:
            given.length = _length(trace.incoming.headers.get("content-length", ""), _MOST)
            given.asks = lambda: _asked(observer.guard, when_read)
        return None

    def when_read() -> None:
        if (act := observer.acting().in_time(trace)) is not None:
            act.before()

    return app


def _asked(guard: Guard, ask: Callable[[], Refusal | None]) -> Refusal | None:
    """Ask hooks and budgets; what ends the worker or greenlet that waits for them here passes through."""
    try:
        return ask()
    except Exception as fault:  # whatever is wrong with us, the app answers its request
        guard.failed("acting", fault)
        return None


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a number of the app's own
        return "Refused"


def page_app(convotrace: ConvoTrace) -> WSGIApp:
    """Return the page as a WSGI app to mount anywhere; its answers are the same bytes."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return answer_page(convotrace, environ, start_response, app_path(environ))

    return app


def app_path(environ: Environ) -> str:
    """Return the decoded path below the prefix under which the app is mounted."""
    return _as_utf8(environ.get("PATH_INFO", ""))


def incoming(environ: Environ, path: str) -> Incoming:
    """Return the request of an environ; nothing is decoded before it is asked for."""
    headers = [(name, value) for name, value in environ.items() if name[:5] == "HTTP_" or name[:8] == "CONTENT_"]
    method = environ.get("REQUEST_METHOD", "GET")
    return Incoming(
        method, path, environ.get("QUERY_STRING", ""), headers, decode, environ, environ.get("REMOTE_ADDR") or None
    )


def decode(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Return headers of an environ by their lower-case names, as UTF-8 where they are."""
    for name, value in headers:
        if isinstance(value, str):
            yield name.removeprefix("HTTP_").replace("_", "-").lower(), _as_utf8(value)


def answer_page(observer: ConvoTrace, environ: Environ, start_response: StartResponse, path: str) -> Iterable[bytes]:
    """Answer a request under the mount."""
    from convotrace.page import PageRequest

    request = incoming(environ, path)
    asked = PageRequest(
        method=request.method,
        path=path,
        query=request.query_string,
        headers=dict(request.headers),
        peer=request.peer,
        scheme=environ.get("wsgi.url_scheme", "http"),
        dev=observer.settings.dev,
    )
    response = observer.page(asked.with_body(_body(environ, observer.page_reads(asked))))
    start_response(f"{response.status} {_REASONS.get(response.status, 'Unknown')}", list(response.headers))
    return [response.body]


def _body(environ: Environ, most: int) -> bytes | None:
    """Return the body, None where so many bytes came or nothing was to be read: then nothing is kept."""
    wanted = min(_length(environ.get("CONTENT_LENGTH") or "", 0), most)
    if not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
        wanted = most  # sent in chunks, and the server tells where they end
    pieces, left = [], wanted
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces) if wanted - left < most else None


def _length(text: str, otherwise: int) -> int:
    """Return what a `Content-Length` says; Python reads no number of thousands of digits, and no body is so long."""
    if not text.isdecimal():
        return otherwise
    return int(text) if len(text) < 19 else _MOST


def _spelt(word: str | bytes) -> str:
    """Return a status or a part of a header as text; some apps give bytes, and some servers take them."""
    return word.decode("latin-1") if isinstance(word, bytes) else word


def _as_utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
