"""The turns of one WebSocket connection: where one begins, what belongs to it, how the connection ends.

What a frame is, `exchange` knows. A frame is parsed when it comes, since the verbs must know at once whose turn it is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Protocol

from convotrace.capture.current import current_node, enter, now_of, trace_of
from convotrace.capture.spans import is_cancellation
from convotrace.exchange import Frame, read_frame, read_socket
from convotrace.exchange.socket_frames import BINARY, MESSAGE, OTHER, QUIET, kind_of
from convotrace.identity import Identity, Incoming, as_id
from convotrace.model import TURN_KINDS
from convotrace.observer.guard import Guard
from convotrace.observer.leaving import says_left
from convotrace.recorder import OpenTrace
from convotrace.recorder.open import UNSET
from convotrace.settings import Settings

_NORMAL = 1000
_ENGINE = "EIO"
_MOST_NAMES = 20
_LONGEST_SIGN = 256
"""Characters in a longest sign of life: what is longer need not be parsed when it is sent."""


class Host(Protocol):
    """The part of a ConvoTrace that is needed here."""

    guard: Guard

    @property
    def settings(self) -> Settings: ...

    def begun(self, incoming: Incoming | None, protocol: str) -> OpenTrace: ...

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None: ...

    def drop(self, trace: OpenTrace) -> None: ...

    def issue_cookie(self, incoming: Incoming, response: Mapping[str, str], https: bool) -> str | None: ...


class Connection:
    """A connection from its handshake to its end; `latest` is the turn that verbs and sent frames belong to.

    The trace that it opens with holds what comes before the first message: a greeting is a turn, nothing is dropped.

    Args:
        host: Begins and finishes traces.
        opening: The trace of the beginning.
    """

    __slots__ = ("_asked", "_base", "_gone", "_host", "_knows", "_limit", "_opening", "_settings", "_waiting",
                 "_worker", "latest", "place")  # fmt: skip

    def __init__(self, host: Host, opening: OpenTrace) -> None:
        assert opening.incoming is not None
        self.latest = self._opening = opening
        # Called with each trace before its end: the router has spoken by then.
        self.place: Callable[[OpenTrace], None] = lambda trace: None
        self._host = host
        self._settings = host.settings
        self._limit = int(self._settings.max_body_bytes)
        self._base = copy(opening.incoming)
        self._knows = self._waiting = False
        self._asked: int | None = None
        self._gone: int | None = None
        self._worker: asyncio.Task[Any] | None = None
        opening.fallback = Identity(os.urandom(16).hex(), "connection")
        opening.engine = _ENGINE in self._base.query

    def native(self, scope: Mapping[str, Any]) -> None:
        """Take the scope that the app received."""
        self._base.native = scope
        if self._opening.incoming is not None:
            self._opening.incoming.native = scope

    def issue_cookie(self, response: Mapping[str, str], https: bool) -> str | None:
        """Return the `Set-Cookie` value for the handshake's answer, None where none may be set."""
        incoming = self._opening.incoming
        if incoming is None:
            return None
        cookie = self._host.issue_cookie(incoming, response, https)
        self._base.cookies = incoming.cookies
        return cookie

    # What the client says

    def waits(self) -> None:
        """Note that the app asks for the next message: what it has sent so far may be all of the reply."""
        trace = self.latest
        self._waiting = True
        self._asked = self._asked or now_of(trace)
        if trace.chunks and trace.answered is None:
            trace.rest(trace.last_chunk)

    def received(self, data: str | bytes) -> None:
        """Note a frame from the client; a message begins a turn, which is current from here on."""
        self._waiting = False
        frame = self._read(data)
        if frame.kind == BINARY:
            return self._count("received", len(data))
        self._name(frame.fields)
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if self._opens(frame, raw):
            self._turn()
        elif frame.kind != OTHER:
            return
        elif self._knows:
            return self._count_other(frame)
        self.latest.read(raw, self._limit)

    def _read(self, data: str | bytes, sent: bool = False) -> Frame:
        is_cut = len(data) > self._limit
        return read_frame(data[: self._limit] if is_cut else data, self._opening.engine, is_cut, sent)

    def _opens(self, frame: Frame, raw: bytes) -> bool:
        """Tell whether a frame begins a turn; where the app's messages have no known form, its verbs tell."""
        is_message = frame.kind == MESSAGE or (frame.kind == OTHER and self._told(raw))
        self._knows = self._knows or is_message
        return is_message or (frame.kind == OTHER and not self._knows and _worked(self.latest))

    def _told(self, raw: bytes) -> bool:
        """Tell whether the app's own reader finds a message in a frame."""
        hook = self._settings.input_text
        if hook is None:
            return False
        return self._host.guard.call("input_text", hook, self._incoming(), read_socket([raw], [])) is not None

    def _name(self, fields: Mapping[str, Any]) -> None:
        """Remember by which field a message names the session: those after it need not do so again."""
        for name in self._settings.session_fields if fields else ():
            if as_id(fields.get(name)) is not None:
                self._base.earlier = {name: fields[name]}
                return

    def _turn(self) -> None:
        before = self.latest
        trace = self._host.begun(self._incoming(), "websocket")
        trace.engine, trace.fallback, trace.user_id = self._opening.engine, before.fallback, before.user_id
        self.latest = self._opening.latest = trace
        enter(trace)
        self._finish(before)
        self._asked = self._worker = None

    def _incoming(self) -> Incoming:
        made = copy(self._base)
        made.offer_body(None)
        return made

    def left(self, code: int) -> None:
        """Note that the client has closed the connection, or was lost."""
        trace = self.latest
        self._waiting = False
        if trace.close_code is not None:
            return
        trace.close_code = code
        self._gone = now_of(trace)
        if self._is_answering(code):
            self._cut_off()

    def _is_answering(self, code: int) -> bool:
        trace = self.latest
        if any(span.ended is None and not span.is_passage for span in trace.spans):
            return True
        if self._worker is not None:
            return not self._worker.done()
        return trace is not self._opening and not trace.chunks and code != _NORMAL

    def _cut_off(self) -> None:
        self.latest.rest(None)
        self.latest.disconnect(self._gone)

    # What the app says

    def sent(self, data: str | bytes) -> None:
        """Note a frame from the app."""
        trace, now = self.latest, now_of(self.latest)
        if self._gone is not None:
            self._cut_off()
        kind = self._read(data, sent=True).kind if isinstance(data, bytes) or len(data) <= _LONGEST_SIGN else OTHER
        if kind == QUIET:  # a heartbeat would stretch the turn until the next message
            return
        if kind == BINARY:
            self._count("sent", len(data))
            trace.passed(now)
        else:
            trace.sent(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, now, self._limit)
        # A task other than the one that waits for messages works on this turn: while it runs, the reply goes on.
        self._worker = _task_of(trace) if self._waiting else None
        trace.rest(now if self._waiting else None)

    def unsent(self, error: BaseException) -> None:
        """Note that a message could not be sent."""
        if says_left(error) or isinstance(error, OSError):
            self._gone = self._gone or now_of(self.latest)
            self._cut_off()

    def closed(self, code: int) -> None:
        """Note that the app has closed the connection."""
        if self.latest.close_code is None:
            self.latest.close_code = code

    def refused(self, status: int) -> None:
        """Note that the app did not accept the connection, and answered by an HTTP status."""
        self.latest.status_code = status

    def end(self, error: BaseException | None) -> None:
        """End the connection and its last turn; an exception that left the app is the turn's failure."""
        trace = self.latest
        over = self._gone is not None or trace.close_code is not None
        if error is not None and over and says_left(error):
            error = None
        if error is not None and trace.answered is not None and is_cancellation(error):
            error = None
        self._finish(trace, error)

    def _finish(self, trace: OpenTrace, error: BaseException | None = None) -> None:
        if trace is self._opening and trace.blank and error is None:
            return self._host.drop(trace)
        if trace.answered is None and not trace.disconnected and error is None:
            trace.rest(trace.last_chunk or self._asked or now_of(trace))
        self.place(trace)
        self._host.finish(trace, error)

    def _count_other(self, frame: Frame) -> None:
        """Count a frame beside the message by its name: what steers the client's side is nothing that is said."""
        name = frame.event or kind_of(frame.fields) or "frame"
        counted = dict(self.latest.metadata.get("other_frames") or {})
        if name in counted or len(counted) < _MOST_NAMES:
            counted[name] = counted.get(name, 0) + 1
            self.latest.metadata["other_frames"] = counted

    def _count(self, way: str, size: int) -> None:
        counted = {"received": 0, "sent": 0, "bytes": 0, **(self.latest.metadata.get("binary_frames") or {})}
        counted[way] += 1
        counted["bytes"] += size
        self.latest.metadata["binary_frames"] = counted


def _worked(trace: OpenTrace) -> bool:
    told = trace.input_text is not UNSET or trace.output_text is not UNSET
    return told or any(span.kind in TURN_KINDS and span.ended is not None for span in trace.spans)


def _task_of(trace: OpenTrace) -> asyncio.Task[Any] | None:
    """Return the task that runs here, if it was started to work on a trace."""
    node = current_node.get()
    if node is None or trace_of(node) is not trace:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:  # another event loop than asyncio's
        return None
