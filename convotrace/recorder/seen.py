"""A request and its answer as the door sees them pass: bytes, times, how it ended. No text is parsed here."""

from __future__ import annotations

from convotrace.identity import Incoming
from convotrace.model import Failure, Left

MOST_MARKS = 64
"""Moments noted of one answer; of one with more parts, those of every second, fourth, … part."""

RUNNING, OK, ERROR, CANCELLED = "running", "ok", "error", "cancelled"


class OpenExchange:
    """The facts of a request from its first byte to its last; what was said and done meanwhile, a trace adds."""

    __slots__ = ("answered", "bodies", "chunks", "close_code", "cut_input", "cut_output", "disconnected", "ended",
                 "expected_bytes", "failure", "first_byte", "flow", "flow_every", "incoming", "largest_gap",
                 "last_chunk", "left", "offset", "protocol", "request_bytes", "request_chunks", "response_bytes",
                 "response_chunks", "response_encoding", "response_type", "started", "status",
                 "status_code")  # fmt: skip

    def __init__(self, incoming: Incoming | None, started: int, offset: int, protocol: str) -> None:
        self.incoming = incoming
        self.started = started
        self.offset = offset
        self.protocol = protocol
        self.status = RUNNING
        self.status_code: int | None = None
        self.ended: int | None = None
        self.answered: int | None = None
        self.first_byte: int | None = None
        self.last_chunk: int | None = None
        self.largest_gap: int | None = None
        self.failure: Failure | None = None
        self.disconnected = False
        # Where the client left, and how many bytes the answer was announced to have.
        self.left: Left | None = None
        self.expected_bytes: int | None = None
        # Of a connection: how it was closed.
        self.close_code: int | None = None
        # Whether the bytes of the answer are worth keeping.
        self.bodies = True
        self.request_chunks: list[bytes] = []
        self.request_bytes = 0
        self.cut_input = False
        self.response_chunks: list[bytes] = []
        self.response_type = ""
        self.response_encoding = ""
        self.response_bytes = 0
        self.cut_output = False
        self.chunks = 0
        # When which part went out: ns since the start, bytes and parts by then. None as long as there is one part.
        self.flow: list[tuple[int, int, int]] | None = None
        self.flow_every = 1

    def read(self, chunk: bytes, limit: int) -> None:
        """Keep a part of the request body that the app has just read, up to the limit in bytes."""
        room = limit - self.request_bytes
        self.request_bytes += len(chunk)
        self.cut_input = self.cut_input or len(chunk) > room
        if room > 0:
            self.request_chunks.append(bytes(chunk[:room]))

    def respond(self, status_code: int, content_type: str, keep: bool, encoding: str = "", length: str = "") -> None:
        """Note the start of the response; `keep` tells whether its body is worth keeping.

        Args:
            status_code: HTTP status.
            content_type: Content-Type header.
            keep: Whether the body is kept.
            encoding: Content-Encoding header.
            length: Content-Length header.
        """
        self.status_code = status_code
        self.response_type = content_type
        self.response_encoding = encoding
        self.expected_bytes = int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None
        self.bodies = keep

    def sent(self, chunk: bytes, now: int, limit: int) -> None:
        """Note a part of the response that has been forwarded, keeping it up to the limit in bytes."""
        if not chunk or not isinstance(chunk, (bytes, bytearray, memoryview)):
            return  # nothing, or a mistake of the app's that the server answers for
        self.passed(now)
        room = limit - self.response_bytes
        if self.chunks > 1:
            self._note_flow(now, len(chunk))
        self.response_bytes += len(chunk)
        if self.bodies:
            self.cut_output = self.cut_output or len(chunk) > room
            if room > 0:
                # The app may fill the same buffer again; of bytes this is no copy.
                self.response_chunks.append(bytes(chunk[:room]))

    def _note_flow(self, now: int, size: int) -> None:
        flow = self.flow
        if flow is None:
            flow = self.flow = [((self.first_byte or now) - self.started, self.response_bytes, self.chunks - 1)]
        if self.chunks % self.flow_every == 0:
            flow.append((now - self.started, self.response_bytes + size, self.chunks))
            if len(flow) > MOST_MARKS:
                del flow[::2]
                self.flow_every *= 2

    def passed(self, now: int) -> None:
        """Note when a part of the response has been forwarded."""
        if self.first_byte is None:
            self.first_byte = now
        else:
            self.largest_gap = max(self.largest_gap or 0, now - (self.last_chunk or now))
        self.last_chunk = now
        self.chunks += 1

    def finish_response(self, now: int) -> None:
        """Note that the last byte has been forwarded; the app may still be working."""
        self.answered = self.answered or now

    def disconnect(self, now: int | None = None) -> None:
        """Note that the client left before the last byte and, where the time is known, how far it came."""
        if self.answered is None and not self.disconnected:
            self.disconnected = True
            self.left = None if now is None else Left(self.response_bytes, max(0, now - self.started), self.chunks)

    def rest(self, since: int | None) -> None:
        """Note since when a reply without an end of its own rests, None where it goes on."""
        self.answered = since

    def fail(self, failure: Failure, status_code: int | None = None) -> None:
        """Mark the trace as failed; the first failure is kept, a status already sent too."""
        self.status = ERROR
        self.failure = self.failure or failure
        if self.status_code is None:
            self.status_code = status_code

    def end(self, now: int) -> bool:
        """End the trace; what is still open in it stays open. A second end returns False."""
        if self.ended is not None:
            return False
        self.ended = now
        if self.status == RUNNING:
            self.status = "disconnected" if self.disconnected else _by_code(self.status_code)
        return True

    def cancel(self) -> None:
        """Mark the trace as cancelled, unless its client left, which is the better reason."""
        if self.status == RUNNING:
            self.status = "disconnected" if self.disconnected else CANCELLED


def _by_code(code: int | None) -> str:
    return ERROR if code is not None and code >= 500 else OK
