"""Where each HTTP client can be told of a call: once for each host it goes to, redirects included. None is imported."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}

CallTo = Callable[..., Any]
HeadersTo = Callable[..., None]
Hook = Callable[[ModuleType, CallTo, HeadersTo], bool]


def _httpx(module: ModuleType, call_to: CallTo, _: HeadersTo) -> bool:
    """Hook where a client hands one request to its transport, whichever that is."""
    name = "_send_single_request"
    sync, asynchronous = (getattr(module, client, None) for client in ("Client", "AsyncClient"))
    if not (hasattr(sync, name) and hasattr(asynchronous, name)):
        return False
    sent, sent_async = getattr(sync, name), getattr(asynchronous, name)

    @functools.wraps(sent)
    def send(self: Any, request: Any) -> Any:
        call = _httpx_call(self, request, call_to, "handle_request")
        if call is None:
            return sent(self, request)
        with call:
            response = sent(self, request)
            call.answered(response.status_code)
            return response

    @functools.wraps(sent_async)
    async def send_async(self: Any, request: Any) -> Any:
        call = _httpx_call(self, request, call_to, "handle_async_request")
        if call is None:
            return await sent_async(self, request)
        with call:
            response = await sent_async(self, request)
            call.answered(response.status_code)
            return response

    setattr(sync, name, send)
    setattr(asynchronous, name, send_async)
    return True


def _httpx_call(client: Any, request: Any, call_to: CallTo, handler: str) -> Any:
    try:
        url = request.url
        # OpenTelemetry's instrumentor wraps the transport, further in than this.
        instrumented = hasattr(getattr(client._transport_for_url(url), handler, None), "__wrapped__")
        port = url.port or _PORTS.get(url.scheme)
        return call_to(request.method, _spelled(url.raw_host), port, url.path, request.headers, instrumented)
    except Exception:  # a request of another class: the client itself says what is wrong
        return None


def _spelled(host: Any) -> Any:
    """Return a host name as it is spelled on the wire: a name in letters beyond ASCII is `xn--…` there."""
    return host.decode("ascii") if isinstance(host, bytes) else host


def _requests(module: ModuleType, call_to: CallTo, _: HeadersTo) -> bool:
    """Hook where an adapter sends one request."""
    adapter = getattr(getattr(module, "adapters", None), "HTTPAdapter", None)
    if adapter is None:
        return False
    sent = adapter.send

    @functools.wraps(sent)
    def send(self: Any, request: Any, *args: Any, **named: Any) -> Any:
        call = _requests_call(request, call_to)
        if call is None:
            return sent(self, request, *args, **named)
        with call:
            response = sent(self, request, *args, **named)
            call.answered(getattr(response, "status_code", None))
            return response

    adapter.send = send
    return True


def _requests_call(request: Any, call_to: CallTo) -> Any:
    try:
        url = urlsplit(request.url)
        port = url.port or _PORTS.get(url.scheme)
        return call_to(request.method, url.hostname, port, url.path, request.headers)
    except Exception:
        return None


def _aiohttp(module: ModuleType, call_to: CallTo, headers_to: HeadersTo) -> bool:
    """Hook where a session makes a call, for the span, and where it writes each request, for the headers."""
    session, request = getattr(module, "ClientSession", None), getattr(module, "ClientRequest", None)
    if not (hasattr(session, "_request") and hasattr(request, "send")):
        return False
    asked: Callable[..., Coroutine[Any, Any, Any]] = session._request  # type: ignore[union-attr]
    sent: Callable[..., Coroutine[Any, Any, Any]] = request.send  # type: ignore[union-attr]

    @functools.wraps(asked)
    async def ask(self: Any, method: str, str_or_url: Any, **named: Any) -> Any:
        call = _aiohttp_call(self, method, str_or_url, call_to)
        if call is None:
            return await asked(self, method, str_or_url, **named)
        with call:
            response = await asked(self, method, str_or_url, **named)
            call.answered(response.status)
            return response

    @functools.wraps(sent)
    async def send(self: Any, *args: Any, **named: Any) -> Any:
        headers_to(_spelled(self.url.raw_host), self.url.port, self.headers)
        return await sent(self, *args, **named)

    session._request, request.send = ask, send  # type: ignore[union-attr]
    return True


def _aiohttp_call(session: Any, method: Any, str_or_url: Any, call_to: CallTo) -> Any:
    try:
        url = session._build_url(str_or_url)
        return call_to(
            method, _spelled(url.raw_host), url.port, url.path, None, any(map(_is_telemetry, session.trace_configs))
        )
    except Exception:
        return None


def _is_telemetry(config: Any) -> bool:
    """Tell whether OpenTelemetry's instrumentor listens here."""
    return any("opentelemetry" in getattr(listener, "__module__", "") for listener in config.on_request_start)


CLIENTS: dict[str, Hook] = {"httpx": _httpx, "httpx2": _httpx, "requests": _requests, "aiohttp": _aiohttp}
"""By the name of the module: what hooks into it, and returns whether it could."""
