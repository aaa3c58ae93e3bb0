"""The receiver of OTLP/HTTP: limits, codings and the protocol's answers. What a body says is read in `intake`.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from convotrace.errors import BadRequest
from convotrace.page.http import PageRequest, PageResponse, respond
from convotrace.page.unpack import Damaged, TooLarge, gunzip
from convotrace.page.visit import Visit

if TYPE_CHECKING:
    from convotrace.intake import Received

MAX_SENT = 20 * 1024 * 1024
"""Largest body, as it is sent and as it is unpacked."""
_MIB = MAX_SENT // (1024 * 1024)
_JSON = "application/json"
_PROTOBUF = frozenset({"application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"})
_AT_ONCE = 2
_PATIENCE = 0.5
_room = BoundedSemaphore(_AT_ONCE)
"""Each body being read holds memory and a thread: more than these wait for a moment, then are asked to come again."""

# google.rpc.Code
_INVALID, _UNAVAILABLE = 3, 14


@dataclass(frozen=True)
class _Refusal(Exception):
    """Why a whole request was not taken."""

    http: int
    code: int
    sentence: str
    headers: tuple[tuple[str, str], ...] = ()


_FULL = _Refusal(503, _UNAVAILABLE, "The queue of spans is full; send them again.", (("retry-after", "2"),))
# 429 would say it as well, but not every exporter sends again after it.
_BUSY = _Refusal(503, _UNAVAILABLE, "Many requests are being read; send this one again.", (("retry-after", "1"),))
_LARGE = _Refusal(413, _INVALID, f"The body is over {_MIB} MiB; send smaller batches.")
_BOMB = _Refusal(413, _INVALID, f"The unpacked body is over {_MIB} MiB; send smaller batches.")


def receive(visit: Visit) -> PageResponse:
    """Take the spans or log records of another service, and answer in the content type of its request."""
    kind = _kind(visit.request)
    backend = visit.backend
    backend.count("requests", 1)
    try:
        return _answered(visit, kind)
    except _Refusal as refusal:
        backend.count("refused", 1)
        return _status(refusal, kind)


def too_long(request: PageRequest, limit: int) -> bool:
    """Tell whether a request says that its body is over a limit."""
    length = request.header("content-length") or ""
    return length.isascii() and length.isdecimal() and (len(length) > 15 or int(length) > limit)


def _answered(visit: Visit, kind: str) -> PageResponse:
    from convotrace import intake  # read with the first request that brings something

    if not _room.acquire(timeout=_PATIENCE):
        raise _BUSY
    try:
        signal = visit.parts["signal"]
        body = _body(visit.request, kind)
        received = _read(body, kind, signal, visit)
        if received.changes and not visit.backend.take(received.changes, len(body)):
            raise _FULL
    finally:
        _room.release()
    _count(visit, received)
    return respond(200, kind, intake.answer(kind, received.rejected, received.message, signal))


def _body(request: PageRequest, kind: str) -> bytes:
    """Return the body as it was before it was packed."""
    if kind != _JSON and kind not in _PROTOBUF:
        raise _Refusal(415, _INVALID, f"Content-Type came as {_shown(kind)}; send application/x-protobuf "
                       "or application/json.")  # fmt: skip
    coding = (request.header("content-encoding") or "identity").strip().lower()
    if coding not in ("gzip", "identity"):
        raise _Refusal(415, _INVALID, f"Content-Encoding came as {_shown(coding)}; send gzip or none.",
                       (("accept-encoding", "gzip"),))  # fmt: skip
    if request.exceeds(MAX_SENT) or too_long(request, MAX_SENT):
        raise _LARGE
    _check_length(request)
    return _unpacked(request.body) if coding == "gzip" else request.body


def _check_length(request: PageRequest) -> None:
    length = request.header("content-length")
    if length and length != str(len(request.body)):
        raise _Refusal(400, _INVALID, f"{len(request.body)} bytes came of {_shown(length)}; send the whole body.")


def _unpacked(body: bytes) -> bytes:
    try:
        return gunzip(body, MAX_SENT)
    except TooLarge:
        raise _BOMB from None
    except Damaged as error:
        raise _Refusal(400, _INVALID, str(error)) from None


def _read(body: bytes, kind: str, signal: str, visit: Visit) -> Received:
    from convotrace import intake

    try:
        return intake.receive(body, kind, signal, visit.backend.settings, visit.backend.prices())
    except intake.NotInstalled as error:
        raise _Refusal(415, _INVALID, str(error)) from None
    except BadRequest as error:
        raise _Refusal(400, _INVALID, str(error)) from None


def _count(visit: Visit, received: Received) -> None:
    visit.backend.count("spans" if visit.parts["signal"] == "traces" else "logs", received.accepted)
    visit.backend.count("rejected", received.rejected)


def _status(refusal: _Refusal, kind: str) -> PageResponse:
    from convotrace import intake

    told = kind if kind in _PROTOBUF else _JSON
    return respond(refusal.http, told, intake.status(told, refusal.code, refusal.sentence), *refusal.headers)


def _shown(value: str) -> str:
    return value[:60].encode("ascii", "backslashreplace").decode() or "nothing"


def _kind(request: PageRequest) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()
