"""The object users make: it begins and finishes traces, owns the writer, and answers for the page."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

from convotrace import hooks
from convotrace.capture.binding import let_go
from convotrace.capture.current import now_of
from convotrace.capture.log import LEVELS
from convotrace.capture.spans import is_cancellation
from convotrace.errors import SettingsError, StoreError
from convotrace.hooks import outgoing, threads
from convotrace.identity import Incoming
from convotrace.model import Change, Failure, Json
from convotrace.observer.announce import Announcer
from convotrace.observer.asking import Asker
from convotrace.observer.attached import read_files
from convotrace.observer.by_hand import HandSession, Resumed
from convotrace.observer.callers import Callers
from convotrace.observer.chores import Chores
from convotrace.observer.connection import Connection, says_left
from convotrace.observer.cookie import own_cookie
from convotrace.observer.exclude import Excluder
from convotrace.observer.guard import Guard, to_stderr
from convotrace.observer.health import health
from convotrace.observer.house import House
from convotrace.observer.late import Late, pause, show
from convotrace.observer.tally import Tallies
from convotrace.pricing import Prices
from convotrace.propagation import Hosts, read_carrier
from convotrace.recorder import Assembler, OpenTrace, Verdict, failure_of
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.page import PageRequest, PageResponse
    from convotrace.store import Store, Writer

_OFF = 1_000
_JOB_PATIENCE = 1.0
_LAST_CALL = 2.0
_THREADS = frozenset({"threading", "installed"})
_MINUTE = 60_000_000_000
_NO_RESPONSE = Failure("NoResponse", "The app returned without an answer.")

_all: weakref.WeakSet[ConvoTrace] = weakref.WeakSet()


class ConvoTrace:
    """Observe the conversations of one app; several may live in one process and never meet.

    Args:
        options: See the README for every option; each is also `CONVOTRACE_<NAME>` in the environment.

    Raises:
        SettingsError: An option is unknown, wrong, or not yet supported.
    """

    def __init__(self, **options: Any) -> None:
        self._settings = self._given = Settings.of(options)
        self.guard = Guard(self._settings.hook_timeout, to_stderr)
        self.requests, self.sockets = _tallies(), _tallies("connections")
        self.received = _received()
        self.prices = Prices.of(self._settings.prices)
        self.debug: Callable[[], bool] = lambda: False
        self._asker = Asker(self._settings, self.guard, lambda: self._secret)
        self._excluded = Excluder(self._settings.exclude)
        # By object: several requests may be of one trace id.
        self._open: dict[int, OpenTrace] = {}
        self._callers = Callers()
        self._reaches = Hosts(self._settings.propagate) or None
        self._follows = not _THREADS.isdisjoint(self._settings.instrument)
        self._let_go_at = 0
        self._late = Late()
        self._chores = Chores()
        # These are called by the writer, when the request may have gone.
        self._asks_later = self._settings.input_text is not None or self._settings.output_text is not None
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._writer: Writer[Any] | None = None
        self._assembler: Assembler | None = None
        self._secret: bytes | None = None
        self.announcer = Announcer(
            self.guard,
            lambda: self.open_store().first_time("announced"),
            lambda base: self.link(self._settings.page_url or base),
        )
        self._log_level = _OFF if self._settings.capture_logs is False else LEVELS[self._settings.log_level.lower()]
        self._hooked = False
        _all.add(self)
        self._instrument("instrument" in options)
        for warning in self._settings.warnings:
            to_stderr(f"convotrace: {warning}")

    def _instrument(self, here: bool) -> None:
        """Turn on the instrumentations that were asked for; what is missing is said here only where it was named."""
        if not self._settings.instrument:
            return
        try:
            hooks.instrument.check(self._settings)
        except SettingsError as error:
            if here:
                raise
            to_stderr(f"convotrace: CONVOTRACE_INSTRUMENT: {error}")
            return
        if self.enabled and self._settings.opentelemetry != "off":
            self.guard.attempt("opentelemetry", hooks.instrument.install, self._settings)

    # Traces

    @property
    def settings(self) -> Settings:
        """The options in force, with development declared where the framework's debug flag says so."""
        return self._settings.with_dev(self._settings.dev or bool(self.debug()))

    @property
    def enabled(self) -> bool:
        """Tell whether anything is recorded and the page exists."""
        return self._settings.enabled

    @property
    def store_name(self) -> str:
        """What tells this store from others in this process: a request is recorded once in each."""
        name = self._settings.store
        return f"{name}{id(self)}" if name == "memory:" else name

    def begin(self, incoming: Incoming, protocol: str = "http") -> OpenTrace | None:
        """Open the trace of a request, None where the request is excluded; never raises."""
        try:
            if not self._excluded(incoming.method, incoming.path):
                return self.begun(incoming, protocol)
            self._counts(protocol).add("excluded")
        except Exception as fault:  # whatever is wrong with us, the app answers its request
            self.guard.failed("recording", fault)
            self._counts(protocol).add("lost")
        return None

    def connect(self, incoming: Incoming) -> Connection | None:
        """Open a connection of messages, None where it is excluded; never raises."""
        self.sockets.add("connections")
        trace = self.begin(incoming, "websocket")
        return None if trace is None else Connection(self, trace)

    def begun(self, incoming: Incoming | None, protocol: str) -> OpenTrace:
        """Open a trace."""
        if not self._hooked:
            self.start()
        if self._reaches is not None:
            self.guard.attempt("outgoing calls", outgoing.install)
        ticks = perf_counter_ns()
        started = time_ns()
        trace = OpenTrace(incoming, started, started - ticks, protocol)
        trace.log_level = self._log_level
        trace.identify = self._asker.known_id
        trace.late = self._added_late
        trace.reaches = self._reaches
        trace.follows = self._follows
        # The handshake of a connection has one caller, and its messages are traces of their own.
        if incoming is not None and protocol != "websocket":
            self._callers.join(trace, incoming)
        trace.telemetry = self.guard.attempt("opentelemetry", hooks.telemetry.begin, self._settings, trace)
        self._open[id(trace)] = trace
        self.writer.wake()
        return trace

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None:
        """End a trace and queue it; an exception that left the app is noted as its failure. Never raises."""
        try:
            self._end(trace, error)
            self._open.pop(id(trace), None)
            self._queue(trace)
        except Exception as fault:  # whatever is wrong with us, the app's own end is not touched
            self._open.pop(id(trace), None)
            self.guard.failed("recording", fault)
            self._lose(trace)

    def drop(self, trace: OpenTrace) -> None:
        """Forget an open trace that turned out to be none: nothing is counted."""
        trace.skipped = trace.counted = True
        self._open.pop(id(trace), None)
        if trace.telemetry is not None:
            trace.telemetry.drop(trace)

    def _end(self, trace: OpenTrace, error: BaseException | None) -> None:
        now = now_of(trace)
        if error is not None:
            self._fail(trace, error)
        elif trace.answered is None and not trace.disconnected:
            trace.answered = now
            if trace.incoming is not None and trace.status_code is None and trace.first_byte is None:
                trace.fail(_NO_RESPONSE, 500)
        self.ask_app(trace, last=True)
        trace.end(now)
        if trace.telemetry is not None:
            trace.telemetry.finish(trace)
        if trace.incoming is not None and not self._asks_later:
            # What a scope or environ holds (sockets, sessions, the request itself) must not live on in the queue.
            trace.incoming.native = {}

    def _fail(self, trace: OpenTrace, error: BaseException) -> None:
        if is_cancellation(error) or (trace.disconnected and says_left(error)):
            trace.cancel()
        else:
            trace.fail(failure_of(error), 500)

    def ask_app(self, trace: OpenTrace, last: bool = False) -> None:
        """Call the app's own functions for session and user, while its request is still there.

        Args:
            trace: The trace of the request.
            last: Do not ask again later: the request is about to go.
        """
        self._asker.ask(trace, last)

    def _added_late(self, trace: OpenTrace) -> None:
        if not self._late.must_wait(trace):
            self._queue(trace)
        elif self._writer is not None:
            self._writer.wake()

    def _queue(self, trace: OpenTrace) -> None:
        if trace.queued:
            return
        trace.queued = True
        failed = trace.status == "error" or bool(trace.scores or trace.session.scores)
        if not self.writer.put(trace, trace.size(), 1 + len(trace.spans), important=failed):
            trace.queued = False
            self._lose(trace)

    def _lose(self, trace: OpenTrace) -> None:
        """Count a request as lost, unless it has been counted already."""
        if not trace.counted:
            trace.counted = True
            self._counts(trace.protocol).add("lost")

    def _counts(self, protocol: str) -> Tallies:
        return self.sockets if protocol == "websocket" else self.requests

    def session(self, id: str, *, user_id: str | None = None, name: str | None = None) -> HandSession:
        """Open a session by hand, in workers, scripts and tests: `with ct.session("id"): …` is one trace of it.

        Args:
            id: The session id.
            user_id: Who the user is, where known.
            name: A name for the session.
        """
        return HandSession(self, str(id), user_id, name)

    def resume(self, carrier: Mapping[str, str] | None, name: str = "job", user_id: str | None = None) -> Resumed:
        """Go on with the work of a request elsewhere, by what `convotrace.carrier()` gave there.

        `with ct.resume(carrier): …` joins the session and the tree of that request, in another process and minutes
        later too. A carrier that names nobody opens nothing.

        Args:
            carrier: The mapping, as it came through the queue.
            name: What is done, as the tree shows it.
            user_id: Who the user is, where that is not what the carrier says.
        """
        return Resumed(self, read_carrier(carrier), name, user_id)

    @property
    def issues_cookies(self) -> bool:
        """Tell whether answers may get a cookie of ours."""
        return self._settings.issue_cookie

    # The writer's side

    @property
    def writer(self) -> Writer[Any]:
        """The writer, made when first needed."""
        if self._writer is None:
            self._make_writer()
        assert self._writer is not None
        return self._writer

    def _make_writer(self) -> None:
        from convotrace.store import Writer  # Peewee is loaded only where something is recorded

        # What was registered last is called first: before the writers' own end, and once.
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)

        with self._lock:
            if self._writer is None:
                self._writer = Writer(
                    self.open_store,
                    self._prepare,
                    due=self._due,
                    done=_written,
                    busy=lambda: bool(self._open or self._late),
                    counters=self.counters,
                    in_thread=partial(self.guard.attempt, "opentelemetry", hooks.telemetry.suppress_here),
                )

    def warm(self) -> None:
        """Load what the first request would have to wait for; opens and starts nothing."""
        if self.enabled:
            import_module("convotrace.store")
            self.guard.attempt("opentelemetry", hooks.telemetry.load, self._settings)

    def start(self) -> None:
        """Hook into the app's logging and start the writer's thread; safe to call again."""
        self._hooked = True
        if self._log_level != _OFF:
            self.guard.attempt("log hooks", hooks.install, self._settings)
        if self._follows:
            self.guard.attempt("thread hooks", threads.install)
        self.writer.start()

    def open_store(self) -> Store:
        """Return the store, opened when first needed.

        Raises:
            StoreError: It cannot be opened.
        """
        if self._store is None:
            from convotrace.store import Store

            with self._lock:
                if self._store is None:
                    self._store = Store.open(self._settings.store)
        self._secret = self._secret or self._store.secret("identity")
        return self._store

    def _prepare(self, item: OpenTrace | Change) -> Iterator[Change]:
        if not self._chores.begun:
            self.guard.attempt("jobs", self._chores.begin, self._settings, self.open_store, self.guard)
        if isinstance(item, Change):
            yield item
            return
        item.queued = False
        item.due = time_ns() + pause(item)
        try:
            verdict, change = self._assemble(item)
        except StoreError:  # it is tried again
            raise
        except BaseException:
            self._lose(item)
            raise
        if self._late.must_follow(item):
            return
        if item.ended is not None and not item.counted:
            item.counted = True
            self._counts(item.protocol).add(verdict.value)
            if change is not None and verdict is Verdict.TURN and change.trace is not None:
                hooks.turn_line(self._settings, change.trace)
        if change is not None and (item.ended is not None or verdict is Verdict.TURN):
            yield change

    def _assemble(self, trace: OpenTrace) -> tuple[Verdict, Change | None]:
        if self._assembler is None:
            self._assembler = self._make_assembler()
        if trace.attachments and not trace.skipped:
            read_files(trace, trace.content and self._settings.content)
        return self._assembler.assemble(trace)

    def _make_assembler(self) -> Assembler:
        settings = self.settings
        guarded = [
            None if hook is None else partial(self.guard.call, name, hook)
            for name, hook in (("input_text", settings.input_text), ("output_text", settings.output_text))
        ]
        return Assembler(settings, self.open_store().secret("identity"), guarded[0], guarded[1], self.prices)

    def _due(self, now: int) -> Iterable[OpenTrace]:
        """Return the traces to be written though nobody queued them.

        Open ones, the answered at once and the running after a second, and ended ones that grew.
        """
        if now > self._let_go_at:
            self._let_go_at = now + _MINUTE
            let_go(now)
        # An id that the app's own function gives is known only at the end: until then there is no session to show.
        unnamed = self._settings.session_id is not None
        shown = [trace for trace in list(self._open.values()) if show(trace, now, unnamed)]
        for trace in shown:
            if trace.telemetry is not None:
                trace.telemetry.settle(trace)
        return [*shown, *self._late.take(now)]

    def put(self, change: Change) -> bool:
        """Queue a change from outside a request; False where it was dropped (and counted)."""
        return self.writer.put(change, 1_000, important=True, kind="score")

    def take(self, changes: Sequence[Change], size: int) -> bool:
        """Queue what another service sent; False where there is no room, and it must send all of it again.

        What was queued before stays: a span that comes again takes its own place.

        Args:
            changes: What is to be written, one trace each.
            size: About how many bytes they hold together.
        """
        if not self.writer.has_spare_room():
            return False
        rows = [1 + len(change.trace.spans if change.trace else ()) for change in changes]
        share = size // max(1, sum(rows))
        return all(
            self.writer.put(change, share * count, count, kind="otlp")
            for change, count in zip(changes, rows, strict=True)
        )

    # The user's side

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything recorded so far is stored; return whether it is.

        Args:
            timeout: Seconds to wait at most.
        """
        self.hurry()
        return self._writer is None or self._writer.drain(timeout)

    def last_call(self) -> None:
        """Store what is queued before the process ends: waits for it, but not for long; never raises."""
        self.guard.call("recording", self.flush, _LAST_CALL)

    def hurry(self) -> None:
        """Queue what waits to be written again."""
        for trace in self._late.take():
            self._queue(trace)

    def end_chores(self) -> None:
        """Let no job of the store begin any more; a running one ends after its step."""
        self._chores.end()

    def close(self, timeout: float = 5.0) -> None:
        """Store what is queued and release the store; recording afterwards starts anew.

        Args:
            timeout: Seconds to wait at most.
        """
        self.hurry()
        self._chores.end(min(timeout, _JOB_PATIENCE))
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(timeout)
        store, self._store = self._store, None
        if store is not None:
            store.close()
        # The next store may be another one, with keys of its own.
        self._assembler = self._secret = None

    @property
    def store(self) -> Store:
        """The store for reading, after what is queued has been written."""
        self.flush()
        return self.open_store()

    def link(self, base_url: str = "") -> str:
        """Return the link that opens the page.

        Args:
            base_url: Address of the app, such as `http://127.0.0.1:8000`; relative to the host when empty.
        """
        return f"{base_url.rstrip('/')}{self._settings.mount}/?token={House(self).token()}"

    def page(self, request: PageRequest) -> PageResponse:
        """Return the answer of the page to a request under the mount."""
        from convotrace.page import answer  # templates are loaded with the first page

        return hooks.telemetry.quiet(lambda: answer(request, House(self)))

    def page_reads(self, request: PageRequest) -> int:
        """Return how many bytes of its body the page wants of a request; never raises."""
        from convotrace.page import reads

        return reads(request, House(self))

    def counters(self) -> dict[str, Json]:
        """Return what this process counted beside its writer."""
        return {
            "requests": self.requests.values(),
            "websocket": self.sockets.values(),
            "hooks": self.guard.failures.values(),
            "otlp": self.received.values(),
            "redacted": self._assembler.redactor.count if self._assembler else 0,
        }

    def health(self) -> dict[str, Json]:
        """Return the state of this process's queue and writer, and of the store."""
        own = {**self.writer.stats(), **self.counters()}
        own["opentelemetry"] = self.guard.attempt("opentelemetry", hooks.telemetry.mode, self._settings)
        try:
            store = self.open_store()
            return health(self.settings, own, store.workers(), store.worker, store.deletions())
        except StoreError:
            return health(self.settings, own, (), None)

    def issue_cookie(self, incoming: Incoming, response: Mapping[str, str], https: bool) -> str | None:
        """Return the `Set-Cookie` value for an answer, None where none may be set.

        Args:
            incoming: The request.
            response: Lower-case response headers.
            https: Whether the browser speaks https.
        """
        return own_cookie(incoming, response, https) if self._settings.issue_cookie else None

    def divert(self, store: str | None) -> None:
        """Record into another store for a while, switched on; None returns to the settings as they were given."""
        self.close()
        given = self._given
        self._settings = given if store is None else replace(given, store=store, enabled=True)

    def forget_open(self) -> None:
        """Forget the traces and the counts of the parent process, in a forked child."""
        self._open, self._late, self._chores = {}, Late(), Chores()
        self.requests, self.sockets, self.received = _tallies(), _tallies("connections"), _received()
        self.guard.failures = Tallies()
        self._lock = threading.Lock()
        self._store = None
        self._assembler = None


def _written(item: Any, session_id: str) -> None:
    if isinstance(item, OpenTrace):
        item.written_as = session_id


def _tallies(*more: str) -> Tallies:
    return Tallies(*more, "turns", "folded", "no_session", "excluded", "lost")


def _received() -> Tallies:
    return Tallies("requests", "refused", "spans", "logs", "rejected")


def everyone() -> list[ConvoTrace]:
    """Return every live ConvoTrace object of this process."""
    return list(_all)


def _after_fork() -> None:
    for observer in everyone():
        observer.forget_open()


def _at_exit() -> None:
    for observer in everyone():
        observer.hurry()
        observer.end_chores()


os.register_at_fork(after_in_child=_after_fork)
