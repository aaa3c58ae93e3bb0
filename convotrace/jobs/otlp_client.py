"""One POST of spans to an OTLP/HTTP backend: bounded in time and in what is read of the answer; nothing is followed.

When to send, and what to do about a failure, is decided in `forwarding.py`.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from convotrace.errors import SettingsError
from convotrace.export.otlp_names import DIALECTS
from convotrace.export.otlp_wire import JSON, PROTOBUF, check_protobuf

CONNECT, WHOLE = 5.0, 15.0
"""Seconds to reach a backend, and for a whole exchange with it."""

_READ_AT_MOST = 64 * 1024
_RETRY_AFTER_AT_MOST = 3600.0
_LEVEL = 6


@dataclass(frozen=True)
class Forward:
    """Where spans are sent, and in whose words.

    Args:
        url: Of the backend's OTLP/HTTP endpoint, with or without `/v1/traces` (added, but for Maxim).
        headers: Sent with every request, such as `{"Authorization": "Basic …"}`; never shown.
        dialect: `otel`, or `phoenix`, `langfuse`, `maxim`: whose names stand beside OpenTelemetry's.
        protobuf: Send protobuf (extra `otlp`) instead of JSON; when None, to Phoenix alone, which takes nothing else.
        exported: Send also the requests whose spans the app's own OpenTelemetry SDK exports.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    dialect: str = "otel"
    protobuf: bool | None = None
    exported: bool = False

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise SettingsError(f"forward has dialect={self.dialect!r}; use one of {', '.join(DIALECTS)}.")
        try:
            parts = urlsplit(self.url)
            has_place = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            has_place = False
        if not has_place or parts.username is not None:
            # What came is not shown: it may hold a key.
            raise SettingsError(
                "forward has something that is no address; write it as http://127.0.0.1:4318, keys go into headers."
            )
        for name, value in self.headers.items():
            if (
                not isinstance(name, str)
                or not isinstance(value, str)
                or set("\r\n:") & {*name}
                or {*value} & {*"\r\n"}
            ):
                raise SettingsError("forward has a header that is none; use a mapping of names to texts.")
        if self.in_protobuf:
            check_protobuf()

    @property
    def in_protobuf(self) -> bool:
        """Whether protobuf is sent, and not JSON."""
        return self.dialect == "phoenix" if self.protobuf is None else self.protobuf

    @property
    def endpoint(self) -> str:
        """The address that is posted to."""
        is_whole = self.dialect == "maxim" or urlsplit(self.url).path.endswith("/v1/traces")
        return self.url if is_whole else f"{self.url.rstrip('/')}/v1/traces"

    @property
    def target(self) -> str:
        """The name under which the store remembers what went there."""
        return sha256(f"{self.endpoint}\0{self.dialect}".encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"


class NotTaken(Exception):
    """Why a backend did not take spans.

    Attributes:
        kind: `again` (it may take them later), `large` (fewer at once), `bad` (it will never take these).
        after: Seconds until it wants to be asked again, where it said.
        status: Of its answer, None where there was none.
    """

    def __init__(self, why: str, kind: str, after: float | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.kind, self.after, self.status = kind, after, status


def post(to: Forward, body: bytes, whole: float = WHOLE) -> str:
    """Send a request once; return what the backend remarked on it, empty where nothing.

    Args:
        to: Where.
        body: Of an export request, as JSON or protobuf.
        whole: Seconds for all of it.

    Raises:
        NotTaken: It was not taken; the sentence holds no header and no query.
    """
    parts, began = urlsplit(to.endpoint), time.monotonic()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "User-Agent": "convotrace", **to.headers, "Content-Type": PROTOBUF if to.in_protobuf else JSON,
        "Content-Encoding": "gzip", "Connection": "close",
    }  # fmt: skip
    sock: _Timed | None = None
    try:
        connection, sock = _connection(parts.scheme, parts.hostname or "", parts.port, began + whole)
        connection.request("POST", path, _zipped(body), headers)
        response = connection.getresponse()
        said = response.read(_READ_AT_MOST)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotTaken(f"{parts.hostname} did not answer ({_reason(error)})", "again") from None
    finally:
        if sock is not None:
            sock.end()
    if 200 <= response.status < 300:
        return _remark(said)
    raise _refusal(parts.hostname or "", response.status, response.headers.get("Retry-After"))


def retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds of a `Retry-After`, which is a number or a date; None where it is neither."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _RETRY_AFTER_AT_MOST) if seconds == seconds else None


def _refusal(host: str, status: int, after: str | None) -> NotTaken:
    kind = "large" if status == 413 else "bad" if status in (400, 422) else "again"
    hint = "" if kind != "again" or status in (408, 429) or status >= 500 else "; look at its address and headers"
    hint = "; it may take protobuf alone: protobuf=True, --protobuf" if status == 415 else hint
    return NotTaken(f"{host} answered {status}{hint}", kind, retry_after(after, time.time()), status)


def _remark(said: bytes) -> str:
    try:
        partial = json.loads(said).get("partialSuccess") or {}
        rejected, message = int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or "")
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""
    return f"{rejected} spans were rejected: {message[:200]}" if rejected else message[:200]


def _reason(error: BaseException) -> str:
    return "timed out" if isinstance(error, TimeoutError) else type(error).__name__


def _zipped(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _connection(scheme: str, host: str, port: int | None, until: float) -> tuple[Any, _Timed]:
    made: Any
    if scheme == "https":
        made = http.client.HTTPSConnection(host, port or 443, timeout=CONNECT, context=ssl.create_default_context())
    else:
        made = http.client.HTTPConnection(host, port or 80, timeout=CONNECT)
    made.connect()
    made.sock = _Timed(made.sock, until)
    return made, made.sock


class _Timed:
    """A socket with one deadline for all that is sent and read: a limit for each read alone lets a backend drip."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def _hurry(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """Do nothing: the connection lets go of it before the answer has been read."""

    def end(self) -> None:
        self._sock.close()

    def recv_into(self, buffer: Any) -> int:
        self._hurry()
        return self._sock.recv_into(buffer)


class _Reading(io.RawIOBase):
    def __init__(self, sock: _Timed) -> None:
        self._from = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._from.recv_into(buffer)
