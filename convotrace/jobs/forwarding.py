"""The job that forwards what is recorded to OTLP backends, each trace once; the store is its queue.

What a backend has not taken stays in the store and goes when it answers again, in this process or another. How one
request is sent is in `otlp_client.py`, how spans are made in `export.otlp`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convotrace.errors import SettingsError
from convotrace.export.otlp import Outgoing, Sending
from convotrace.export.otlp_wire import encoded
from convotrace.jobs.otlp_client import Forward, NotTaken, post
from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.model import Conversation, Trace
from convotrace.settings import Settings
from convotrace.store import Store
from convotrace.store.outbox import Outbox, Waiting, mark

INTERVAL_NS = 2 * SECOND_NS
_SETTLED_NS = 2 * SECOND_NS
"""Spans and scores of a turn come a moment after its end."""
_LATELY_NS, _LATE_NS = 120 * SECOND_NS, 3600 * SECOND_NS
"""Each look goes so far back; one a minute goes back until where all was sent, and at least so far."""
_SWEEP_NS, _JUDGED_NS = 60 * SECOND_NS, 10 * SECOND_NS
_BEFORE_NS = 60 * SECOND_NS
_TRACES_AT_ONCE, SPANS_AT_ONCE = 200, 512
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_GIVES_UP = 12
"""After so many failures inside a backend over one trace alone, that is left out: others wait behind it."""

_uneven = random.Random()


@dataclass(frozen=True, slots=True)
class Parcel:
    """One trace on its way: what is sent of it."""

    waiting: Waiting
    spans: Sequence[Outgoing]

    def told(self) -> frozenset[bytes]:
        """Return the marks of all that was sent of it when this has gone."""
        new = frozenset(mark(id) for span in self.spans for id in span.marks)
        return new | (self.waiting.told or frozenset())


@dataclass(slots=True)
class Sent:
    """What came of sending."""

    traces: int = 0
    spans: int = 0
    dropped: int = 0
    remark: str = ""


def forwards_of(settings: Settings) -> tuple[Forward, ...]:
    """Return the targets that the settings name.

    Raises:
        SettingsError: One of them is none, or two are one.
    """
    found = tuple(one if isinstance(one, Forward) else _plain(settings, one) for one in settings.forward)
    if len({one.target for one in found}) < len(found):
        raise SettingsError("forward names one target twice; name each once.")
    return found


def _plain(settings: Settings, url: str) -> Forward:
    return Forward(url, dict(_header(one) for one in settings.forward_headers), settings.forward_dialect)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError("forward_headers has something that is no header; write each as Name=value.")
    return name.strip(), value.strip()


def forwarding(settings: Settings) -> list[Job]:
    """Return a job for each target; made when the first record is written, which began a little earlier."""
    since_ns = time.time_ns() - _BEFORE_NS
    return [_job(Forwarder(one, since_ns)) for one in forwards_of(settings)]


def _job(forwarder: Forwarder) -> Job:
    return Job(f"forward {forwarder.to.target}", INTERVAL_NS, forwarder.run, forwarder.wants)


class Forwarder:
    """Sends to one target what was recorded since it was first named.

    Args:
        to: The target.
        since_ns: From when on, where nobody has named it before; the first look when None.
    """

    def __init__(self, to: Forward, since_ns: int | None = None) -> None:
        self.to, self._since_ns = to, since_ns
        self._sweep_ns = self._judged_ns = self._retry_ns = 0
        self._at_once = SPANS_AT_ONCE

    def wants(self, _store: Store) -> bool:
        """Tell whether it is time to try again."""
        return time.time_ns() >= self._retry_ns

    def run(self, store: Store, now_ns: int, go_on: GoOn) -> None:
        """Send what waits, until nothing does or something fails."""
        box = store.outbox(self.to.target)
        state = box.state() or self._begun(box, now_ns if self._since_ns is None else self._since_ns)
        self._retry_ns = int(state.get("retry_ns") or 0)
        if now_ns < self._retry_ns:
            return
        try:
            self._send_all(store, box, state, now_ns, go_on)
        except NotTaken as error:
            self._failed(box, state, error, now_ns)

    def _begun(self, box: Outbox, since_ns: int) -> dict[str, Any]:
        # What was recorded before is for `convotrace forward`: nobody wants a month of it by surprise.
        state = {"to": self.to.shown, "dialect": self.to.dialect, "since_ns": since_ns, "low_ns": since_ns}
        box.note((), state)
        return state

    def _send_all(self, store: Store, box: Outbox, state: dict[str, Any], now_ns: int, go_on: GoOn) -> None:
        sweeps = now_ns >= self._sweep_ns or bool(state.get("failures"))
        while go_on():
            low_ns = int(state["low_ns"])
            since_ns = low_ns if sweeps else max(low_ns, now_ns - _LATELY_NS)
            found = box.waiting(since_ns, now_ns + 1, _TRACES_AT_ONCE, store.living(now_ns))
            ready = [one for one in found if _is_over(one, now_ns - _SETTLED_NS)]
            if ready:
                self._send(box, state, self._parcels(box, ready, now_ns))
            if len(found) < _TRACES_AT_ONCE or not ready:
                if sweeps:
                    self._swept(box, state, [one for one in found if one not in ready], now_ns)
                break
        if now_ns >= self._judged_ns and go_on():
            self._send(box, state, self._judged(box, now_ns))
            self._judged_ns = now_ns + _JUDGED_NS

    def _swept(self, box: Outbox, state: dict[str, Any], left: Iterable[Waiting], now_ns: int) -> None:
        """Note until where everything was sent."""
        self._sweep_ns = now_ns + _SWEEP_NS
        low_ns = min([now_ns - _LATE_NS, *(one.started_ns for one in left)])
        if low_ns > int(state["low_ns"]) + _LATE_NS // 2:
            state["low_ns"] = low_ns
            box.note((), state)

    def _parcels(self, box: Outbox, ready: Sequence[Waiting], now_ns: int) -> Iterator[Parcel]:
        how = Sending(self.to.dialect, self.to.exported)
        for talk, group in box.conversations(ready, now_ns):
            for one in group:
                if (trace := trace_of(talk, one)) is not None:
                    yield parcel(how, talk, trace, one)

    def _judged(self, box: Outbox, now_ns: int) -> Iterator[Parcel]:
        """Yield what sessions were given since: scores of what was sent before."""
        how = Sending(self.to.dialect, self.to.exported)
        for key in box.judged(now_ns - _LATE_NS if not self._judged_ns else self._judged_ns - _LATELY_NS):
            sent = [one for one in box.of_session(key) if one.told is not None]
            last = sent[-1] if sent else None
            for talk, group in box.conversations(sent, now_ns):
                for one in group:
                    trace = trace_of(talk, one)
                    if trace is not None:
                        made = parcel(how, talk, trace, one, takes_session=one == last)
                        if made.spans:
                            yield made

    def _send(self, box: Outbox, state: dict[str, Any], parcels: Iterable[Parcel]) -> None:
        for group in batches(parcels, self._at_once):
            sent = deliver(self.to, group)
            state |= {
                "failures": 0, "retry_ns": 0, "error": sent.remark or None,
                "traces": int(state.get("traces") or 0) + sent.traces,
                "spans": int(state.get("spans") or 0) + sent.spans,
                "dropped": int(state.get("dropped") or 0) + sent.dropped,
            }  # fmt: skip
            box.note([(one.waiting, one.told()) for one in group], state)
            self._at_once = SPANS_AT_ONCE

    def _failed(self, box: Outbox, state: dict[str, Any], error: NotTaken, now_ns: int) -> None:
        failures = int(state.get("failures") or 0) + 1
        pause = pause_after(failures) if error.after is None else error.after
        self._retry_ns = now_ns + int(pause * SECOND_NS)
        state |= {"failures": failures, "retry_ns": self._retry_ns, "error": str(error)}
        box.note((), state)
        if error.status == 500 and failures >= _GIVES_UP // 2:
            # Something in what is sent may be what it fails over: then it is found by sending it alone.
            self._at_once = 1
            if failures >= _GIVES_UP:
                self._leave_out(box, state, now_ns)

    def _leave_out(self, box: Outbox, state: dict[str, Any], now_ns: int) -> None:
        found = box.waiting(int(state["low_ns"]), now_ns + 1, 1)
        if found:
            state |= {"dropped": int(state.get("dropped") or 0) + 1, "failures": 0}
            box.note([(found[0], found[0].told or frozenset())], state)


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, uneven so that not all come back at one moment."""
    longest = min(_FIRST_PAUSE * 2.0 ** min(failures, 20), _LONGEST_PAUSE)
    return longest * (0.5 + _uneven.random() / 2)


def parcel(how: Sending, talk: Conversation, trace: Trace, one: Waiting, takes_session: bool = False) -> Parcel:
    """Return what is to be sent of a trace that was not sent before."""
    told = one.told or frozenset()
    return Parcel(one, how.spans_of(talk, trace, lambda id: mark(id) in told, takes_session))


def trace_of(talk: Conversation, one: Waiting) -> Trace | None:
    """Return a waiting trace out of its conversation."""
    same = [trace for trace in talk.traces if trace.id == one.trace_id]
    return next((trace for trace in same if trace.started_ns == one.started_ns), same[0] if same else None)


def batches(parcels: Iterable[Parcel], most: int = SPANS_AT_ONCE) -> Iterator[list[Parcel]]:
    """Yield parcels together, as many as have so many spans; one alone may have more."""
    group: list[Parcel] = []
    size = 0
    for one in parcels:
        if group and size + len(one.spans) > most:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.spans)
    if group:
        yield group


def deliver(to: Forward, group: Sequence[Parcel]) -> Sent:
    """Send parcels, in smaller parts where they are too much at once; what is refused for good is left out.

    Raises:
        NotTaken: They may be taken later.
    """
    spans = [span for one in group for span in one.spans]
    if not spans:
        return Sent(traces=len(group))
    try:
        remark = post(to, encoded(spans, to.in_protobuf))
    except NotTaken as error:
        if error.kind == "again":
            raise
        if len(group) == 1:
            return _in_parts(to, group[0], error)
        half = len(group) // 2
        return _sum(deliver(to, group[:half]), deliver(to, group[half:]))
    return Sent(len(group), len(spans), 0, remark)


def _in_parts(to: Forward, one: Parcel, error: NotTaken) -> Sent:
    """Send the spans of one trace in halves where they are too much; a single one that is refused is left out."""
    if error.kind != "large" or len(one.spans) < 2:
        return Sent(1, 0, len(one.spans), str(error))
    half = len(one.spans) // 2
    parts = (replace(one, spans=one.spans[:half]), replace(one, spans=one.spans[half:]))
    return replace(_sum(*(deliver(to, [part]) for part in parts)), traces=1)


def _sum(a: Sent, b: Sent) -> Sent:
    return Sent(a.traces + b.traces, a.spans + b.spans, a.dropped + b.dropped, b.remark or a.remark)


def _is_over(one: Waiting, moment_ns: int) -> bool:
    return one.started_ns + (one.duration_ns or 0) <= moment_ns
