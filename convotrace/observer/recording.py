"""The requests' side: a trace from its first byte until it is queued. Nothing here waits for the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from convotrace import hooks
from convotrace.capture.acting import HOOKS
from convotrace.capture.current import now_of
from convotrace.capture.log import LEVELS
from convotrace.capture.spans import is_cancellation
from convotrace.hooks import outgoing, telemetry, threads
from convotrace.identity import Incoming
from convotrace.model import Failure
from convotrace.observer.asking import Asker
from convotrace.observer.callers import Callers
from convotrace.observer.consent import Consent
from convotrace.observer.exclude import Excluder
from convotrace.observer.guard import Guard
from convotrace.observer.leaving import says_left
from convotrace.observer.ledger import Ledger
from convotrace.observer.tally import Cost
from convotrace.observer.writing import Writing
from convotrace.propagation import Hosts
from convotrace.recorder import OpenTrace, failure_of
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.observer.acting import Acting

_OFF = 1_000
_THREADS = frozenset({"threading", "installed"})
_NO_RESPONSE = Failure("NoResponse", "The app returned without an answer.")


class Recording:
    """Begins and ends traces and queues them; whatever is wrong with us, the app answers its request.

    Args:
        settings: The options; store and switch are not looked at.
        guard: Calls what may fail.
        asker: Asks the app's own functions for session and user.
        ledger: Where open traces and counts stand.
        writing: Has the writer that traces are queued for.
        deeds: Hooks and budgets of this ConvoTrace; with none, nothing is looked at.
        acting: Returns what calls them.
    """

    def __init__(
        self, settings: Settings, guard: Guard, asker: Asker, ledger: Ledger, writing: Writing,
        deeds: Sequence[object] = (), acting: Callable[[], Acting] | None = None,
    ) -> None:  # fmt: skip
        self._deeds = deeds
        self._acting = acting
        self._settings = settings
        self._guard = guard
        self._asker = asker
        self._ledger = ledger
        self._writing = writing
        self._excluded = Excluder(settings.exclude)
        self._callers = Callers()
        self.consent = Consent(settings, guard)
        self._reaches = Hosts(settings.propagate) or None
        self._follows = not _THREADS.isdisjoint(settings.instrument)
        self._log_level = _OFF if settings.capture_logs is False else LEVELS[settings.log_level.lower()]
        # These are called by the writer, when the request may have gone.
        self._asks_later = settings.input_text is not None or settings.output_text is not None
        self._hooked = False
        # Once, not for each trace.
        self._callbacks = asker.known_id, self._added_late

    def start(self) -> None:
        """Hook into the app's logging and start the writer's thread; safe to call again."""
        self._hooked = True
        if self._log_level != _OFF:
            self._guard.attempt("log hooks", hooks.install, self._settings)
        if self._follows:
            self._guard.attempt("thread hooks", threads.install)
        self._writing.writer.start()

    # Its beginning

    def begin(self, incoming: Incoming, protocol: str = "http") -> OpenTrace | None:
        """Open the trace of a request, None where the request is excluded; never raises."""
        try:
            if not self._excluded(incoming.method, incoming.path):
                return self.begun(incoming, protocol)
            self._ledger.counts(protocol).add("excluded")
        except Exception as fault:  # whatever is wrong with us, the app answers its request
            self._guard.failed("recording", fault)
            self._ledger.counts(protocol).add("lost")
        return None

    def begun(self, incoming: Incoming | None, protocol: str) -> OpenTrace:
        """Open a trace."""
        first = perf_counter_ns()
        if not self._hooked:
            self.start()
        elif self._log_level != _OFF:
            self._guard.attempt("log hooks", hooks.follow, self._settings)
        if self._reaches is not None:
            self._guard.attempt("outgoing calls", outgoing.install)
        ticks = perf_counter_ns()
        started = time_ns()
        trace = OpenTrace(incoming, started, started - ticks, protocol)
        trace.log_level = self._log_level
        trace.identify, trace.late = self._callbacks
        trace.reaches = self._reaches
        trace.follows = self._follows
        if self.consent.is_asked or not self.consent.is_on:
            self.consent.begin(trace)
        # The handshake of a connection has one caller, and its messages are traces of their own.
        if incoming is not None and protocol != "websocket":
            self._callers.join(trace, incoming)
        if telemetry.wanted(self._settings):
            trace.telemetry = self._guard.attempt("opentelemetry", telemetry.begin, self._settings, trace)
        if (HOOKS or self._deeds) and self._acting is not None:
            self._acting().open(trace)
        self._ledger.open[id(trace)] = trace
        (self._writing.made or self._writing.writer).wake()
        if not next(self._ledger.cost.number) & Cost.EVERY:
            self._ledger.cost.add(True, perf_counter_ns() - first)
        return trace

    # Its end

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None:
        """End a trace and queue it; an exception that left the app is noted as its failure. Never raises."""
        try:
            first = perf_counter_ns()
            self._end(trace, error)
            self._ledger.open.pop(id(trace), None)
            if (HOOKS or self._deeds) and self._acting is not None:
                self._guard.attempt("acting", self._acting().ended, trace)
            self.queue(trace)
            if not next(self._ledger.cost.ended) & Cost.EVERY:
                self._ledger.cost.add(False, perf_counter_ns() - first)
        except Exception as fault:  # whatever is wrong with us, the app's own end is not touched
            self._ledger.open.pop(id(trace), None)
            self._guard.failed("recording", fault)
            self._ledger.count(trace, "lost")

    def drop(self, trace: OpenTrace) -> None:
        """Forget an open trace that turned out to be none: nothing is counted."""
        trace.skipped = trace.counted = True
        self._ledger.open.pop(id(trace), None)
        if trace.telemetry is not None:
            trace.telemetry.drop(trace)

    def _end(self, trace: OpenTrace, error: BaseException | None) -> None:
        now = now_of(trace)
        if error is not None:
            _fail(trace, error)
        elif trace.answered is None and not trace.disconnected:
            trace.answered = now
            if trace.incoming is not None and trace.status_code is None and trace.first_byte is None:
                trace.fail(_NO_RESPONSE, 500)
        self._asker.ask(trace, last=True)
        if trace.undecided:
            self._asker.offer(trace, self.consent.decide)
        trace.end(now)
        if trace.telemetry is not None:
            trace.telemetry.finish(trace)
        if trace.incoming is not None and not self._asks_later:
            # What a scope or environ holds (sockets, sessions, the request itself) must not live on in the queue.
            trace.incoming.native = {}

    # Its way into the queue

    def queue(self, trace: OpenTrace) -> None:
        """Queue a trace for the writer, unless it waits there; where there is no room it is lost, and counted."""
        if trace.queued:
            return
        trace.queued = True
        failed = trace.status == "error" or trace.is_judged
        if not (self._writing.made or self._writing.writer).put(
            trace, trace.size(), 1 + len(trace.spans), important=failed
        ):
            trace.queued = False
            self._ledger.count(trace, "lost")

    def hurry(self) -> None:
        """Queue what waits to be written again."""
        for trace in self._ledger.late.take():
            self.queue(trace)

    def _added_late(self, trace: OpenTrace) -> None:
        if not self._ledger.late.must_wait(trace):
            self.queue(trace)
        elif self._writing.made is not None:
            self._writing.made.wake()


def _fail(trace: OpenTrace, error: BaseException) -> None:
    if is_cancellation(error) or (trace.disconnected and says_left(error)):
        trace.cancel()
    else:
        trace.fail(failure_of(error), 500)
