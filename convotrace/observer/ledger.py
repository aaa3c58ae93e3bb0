"""The books of one ConvoTrace: the traces that are open, the ended ones that wait, what became of each request.

Both sides keep them: the requests' (`recording.py`) and the writer's (`writing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from convotrace.capture.binding import let_go
from convotrace.observer.late import Late, show
from convotrace.observer.tally import Cost, Tallies, Tally
from convotrace.recorder import OpenTrace
from convotrace.recorder.open import MAX_BYTES, MAX_EVENTS

_MINUTE = 60_000_000_000


class Ledger:
    """What is open, what waits to be written again, and the counts; of this process alone.

    Args:
        unnamed: Whether a session is not known before its answer.
    """

    def __init__(self, unnamed: bool) -> None:
        self._unnamed = unnamed
        self._let_go_at = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child everything here belongs to its parent."""
        # By object: several requests may be of one trace id.
        self.open: dict[int, OpenTrace] = {}
        self.late = Late()
        self.requests, self.sockets = _tallies(), _tallies("connections")
        self.sampled = Tally()
        """Finished traces that `sample` left out."""
        self.cut = Tallies()
        """Traces of which something was left out, by what."""
        self.cost = Cost()
        self.received = Tallies("requests", "refused", "spans", "logs", "rejected")

    def counts(self, protocol: str) -> Tallies:
        """Return the counts that a request is added to."""
        return self.sockets if protocol == "websocket" else self.requests

    def count(self, trace: OpenTrace, verdict: str) -> None:
        """Count what became of a request, unless it has been counted already."""
        if not trace.counted:
            trace.counted = True
            self.counts(trace.protocol).add(verdict)

    def count_cut(self, trace: OpenTrace) -> None:
        """Count what the limits left out of a trace."""
        whole = not (trace.cut_input or trace.cut_output or trace.spans_over or trace.attachments_over)
        if whole and trace.weight <= MAX_BYTES and trace.events_noted <= MAX_EVENTS:
            return
        over = {
            "input": trace.cut_input, "output": trace.cut_output, "spans": trace.spans_over > 0,
            "attachments": trace.attachments_over > 0, "values": trace.weight > MAX_BYTES,
            "events": trace.events_noted > MAX_EVENTS,
        }  # fmt: skip
        for what in (name for name, is_over in over.items() if is_over):
            self.cut.add(what)

    @property
    def busy(self) -> bool:
        """Whether anything unfinished may have to be written."""
        return bool(self.open or self.late)

    def due(self, now: int) -> Iterable[OpenTrace]:
        """Return the traces to be written at a time in ns though nobody queued them.

        Open ones, the answered at once and the running after a second, and ended ones that grew.
        """
        if now > self._let_go_at:
            self._let_go_at = now + _MINUTE
            let_go(now)
        shown = [trace for trace in list(self.open.values()) if show(trace, now, self._unnamed)]
        for trace in shown:
            if trace.telemetry is not None:
                trace.telemetry.settle(trace)
        return [*shown, *self.late.take(now)]


def _tallies(*more: str) -> Tallies:
    return Tallies(*more, "turns", "folded", "no_session", "excluded", "lost")
