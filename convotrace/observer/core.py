"""The object users make: it begins and finishes traces, owns the writer, and answers for the page."""

from __future__ import annotations

import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any

from convotrace import hooks
from convotrace.capture.current import Node, current_node, now_of
from convotrace.capture.log import LEVELS
from convotrace.capture.spans import is_cancellation
from convotrace.capture.verbs import SessionHandle
from convotrace.errors import StoreError
from convotrace.identity import OWN_COOKIE, Identity, Incoming, as_id, bounded, identify
from convotrace.model import Change, Json
from convotrace.observer.exclude import Excluder
from convotrace.observer.guard import Guard, to_stderr
from convotrace.observer.health import health
from convotrace.observer.house import House
from convotrace.observer.tally import Tallies
from convotrace.recorder import Assembler, OpenTrace, Verdict, failure_of
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.page import PageRequest, PageResponse
    from convotrace.store import Store, Writer

_SHOW_AFTER = 1_000_000_000
_SECOND = 1_000_000_000
_OFF = 1_000

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
        self.requests = Tallies("turns", "folded", "no_session", "excluded", "lost")
        self.debug: Callable[[], bool] = lambda: False
        self._excluded = Excluder(self._settings.exclude)
        self._open: dict[int, OpenTrace] = {}
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._writer: Writer[Any] | None = None
        self._assembler: Assembler | None = None
        self._secret: bytes | None = None
        self._seen_host: str | None = None
        self._log_level = _OFF if self._settings.capture_logs is False else LEVELS[self._settings.log_level.lower()]
        self._hooked = False
        _all.add(self)
        for warning in self._settings.warnings:
            to_stderr(f"convotrace: {warning}")

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
        """Open the trace of a request, None where the request is excluded."""
        if self._excluded(incoming.method, incoming.path):
            self.requests.add("excluded")
            return None
        return self._begun(incoming, protocol)

    def _begun(self, incoming: Incoming | None, protocol: str) -> OpenTrace:
        if not self._hooked:
            self.start()
        ticks = perf_counter_ns()
        started = time_ns()
        trace = OpenTrace(incoming, started, started - ticks, protocol)
        trace.log_level = self._log_level
        trace.identify = self._known_id
        trace.late = self._late
        self._open[trace.id] = trace
        self.writer.wake()
        return trace

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None:
        """End a trace and queue it; an exception that left the app is noted as its failure."""
        now = now_of(trace)
        if error is not None:
            self._fail(trace, error)
        elif trace.answered is None and not trace.disconnected:
            trace.answered = now
        self.ask_app(trace)
        trace.end(now)
        self._open.pop(trace.id, None)
        self._queue(trace)

    def _fail(self, trace: OpenTrace, error: BaseException) -> None:
        if is_cancellation(error):
            trace.cancel()
        else:
            trace.fail(failure_of(error), 500)

    def ask_app(self, trace: OpenTrace, last: bool = False) -> None:
        """Call the app's own functions for session and user, while its request is still there.

        Args:
            trace: The trace of the request.
            last: Do not ask again later: the framework's request is about to go.
        """
        if trace.incoming is None or trace.asked:
            return
        trace.asked = last
        settings = self._settings
        if settings.session_id is not None and trace.found is None:
            own = as_id(self.guard.call("session_id", settings.session_id, trace.incoming))
            trace.found = Identity(bounded(own), "callable") if own else None
        if settings.user_id is not None and trace.user_id is None:
            own = as_id(self.guard.call("user_id", settings.user_id, trace.incoming))
            trace.user_id = bounded(own) if own else None

    def _known_id(self, trace: OpenTrace) -> str | None:
        """Return the session id as far as it is known inside the request."""
        if trace.found is None and trace.incoming is not None:
            self.ask_app(trace)
            if trace.found is None:
                _parse_read_body(trace)
                found = identify(trace.incoming, self._settings, self._secret)
                return None if found is None else found.id
        return None if trace.found is None else trace.found.id

    def _late(self, trace: OpenTrace) -> None:
        self._queue(trace)

    def _queue(self, trace: OpenTrace) -> None:
        if trace.queued:
            return
        trace.queued = True
        failed = trace.status == "error" or bool(trace.scores or trace.session.scores)
        if not self.writer.put(trace, trace.size(), 1 + len(trace.spans), important=failed):
            trace.queued = False
            self.requests.add("lost")

    def session(self, id: str, *, user_id: str | None = None, name: str | None = None) -> HandSession:
        """Open a session by hand, in workers, scripts and tests: `with ct.session("id"): …` is one trace of it.

        Args:
            id: The session id.
            user_id: Who the user is, where known.
            name: A name for the session.
        """
        return HandSession(self, str(id), user_id, name)

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

        with self._lock:
            if self._writer is None:
                self._writer = Writer(
                    self.open_store,
                    self._prepare,
                    due=self._due,
                    done=_written,
                    busy=lambda: bool(self._open),
                    counters=self.counters,
                )

    def start(self) -> None:
        """Hook into the app's logging and start the writer's thread; safe to call again."""
        self._hooked = True
        if self._log_level != _OFF:
            self.guard.call("log hooks", hooks.install, self._settings)
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
        if isinstance(item, Change):
            yield item
            return
        item.queued = False
        verdict, change = self._assemble(item)
        if item.ended is not None and not item.counted:
            item.counted = True
            self.requests.add(verdict.value)
            if change is not None and verdict is Verdict.TURN and change.trace is not None:
                hooks.turn_line(self._settings, change.trace)
        if change is not None and (item.ended is not None or verdict is Verdict.TURN):
            yield change

    def _assemble(self, trace: OpenTrace) -> tuple[Verdict, Change | None]:
        if self._assembler is None:
            self._assembler = self._make_assembler()
        return self._assembler.assemble(trace)

    def _make_assembler(self) -> Assembler:
        settings = self.settings
        guarded = [
            None if hook is None else partial(self.guard.call, name, hook)
            for name, hook in (("input_text", settings.input_text), ("output_text", settings.output_text))
        ]
        return Assembler(settings, self.open_store().secret("identity"), *guarded)

    def _due(self, now: int) -> Iterable[OpenTrace]:
        """Return open traces to be shown: answered ones at once, running ones after a second."""
        return [trace for trace in list(self._open.values()) if self._is_due(trace, now)]

    def _is_due(self, trace: OpenTrace, now: int) -> bool:
        if trace.answered is None and (now - trace.started < _SHOW_AFTER or self._settings.session_id is not None):
            return False
        state = len(trace.spans) + trace.response_bytes + (trace.answered is not None)
        if trace.shown is not None and (trace.shown[1] == state or now - trace.shown[0] < _SECOND):
            return False
        trace.shown = (now, state)
        return True

    def put(self, change: Change) -> bool:
        """Queue a change from outside a request; False where it was dropped (and counted)."""
        return self.writer.put(change, 1_000, important=True, kind="score")

    # The user's side

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything recorded so far is stored; return whether it is.

        Args:
            timeout: Seconds to wait at most.
        """
        return self._writer is None or self._writer.drain(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Store what is queued and release the store; recording afterwards starts anew.

        Args:
            timeout: Seconds to wait at most.
        """
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(timeout)
        store, self._store = self._store, None
        if store is not None:
            store.close()
        self._assembler = None

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

        return answer(request, House(self))

    def counters(self) -> dict[str, Json]:
        """Return what this process counted beside its writer."""
        return {
            "requests": self.requests.values(),
            "hooks": self.guard.failures.values(),
            "redacted": self._assembler.redactor.count if self._assembler else 0,
        }

    def health(self) -> dict[str, Json]:
        """Return the state of this process's queue and writer, and of the store."""
        own = {**self.writer.stats(), **self.counters()}
        try:
            store = self.open_store()
            return health(self.settings, own, store.workers(), store.worker)
        except StoreError:
            return health(self.settings, own, (), None)

    def issue_cookie(self, incoming: Incoming, response: Mapping[str, str], https: bool) -> str | None:
        """Return the `Set-Cookie` value for an answer, None where none may be set.

        Args:
            incoming: The request.
            response: Lower-case response headers.
            https: Whether the browser speaks https.
        """
        if not self._settings.issue_cookie or incoming.cookies.get(OWN_COOKIE):
            return None
        control = response.get("cache-control", "").lower()
        private = "private" in control or "no-store" in control
        if "public" in control or not (private or incoming.method == "POST"):
            return None
        value = os.urandom(16).hex()
        incoming.cookies = {**incoming.cookies, OWN_COOKIE: value}
        return f"{OWN_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if https else "")

    def announce(self, scheme: str, host: str) -> None:
        """Say on a terminal, once a store, where the page is."""
        if self._seen_host is not None:
            return
        self._seen_host = host
        if sys.stderr is None or not sys.stderr.isatty() or not re.fullmatch(r"[\w.:\[\]-]{1,100}", host):
            return
        threading.Thread(target=self._announce, args=(f"{scheme}://{host}",), daemon=True).start()

    def _announce(self, base: str) -> None:
        if self.guard.call("announce", lambda: self.open_store().first_time("announced")):
            link = self.guard.call("announce", self.link, self._settings.page_url or base)
            to_stderr(f"convotrace: {link}")

    def divert(self, store: str | None) -> None:
        """Record into another store for a while, switched on; None returns to the settings as they were given."""
        self.close()
        given = self._given
        self._settings = given if store is None else replace(given, store=store, enabled=True)

    def forget_open(self) -> None:
        """Forget the traces of the parent process, in a forked child."""
        self._open = {}
        self._lock = threading.Lock()
        self._store = None
        self._assembler = None


class HandSession:
    """A trace opened by hand; the verbs work inside its `with` block."""

    def __init__(self, observer: ConvoTrace, id: str, user_id: str | None, name: str | None) -> None:
        self._observer = observer
        self._id = id
        self._user_id = user_id
        self._name = name
        self._trace: OpenTrace | None = None
        self._before: Node | None = None

    def __enter__(self) -> SessionHandle | None:
        if not self._observer.enabled:
            return None
        trace = self._trace = self._observer._begun(None, "none")
        trace.found = Identity(bounded(self._id), "code")
        trace.user_id = self._user_id
        trace.session.name = self._name
        self._before = current_node.get()
        current_node.set(trace)
        return SessionHandle(trace)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._trace is None:
            return
        if current_node.get() is not None:
            current_node.set(self._before)
        self._observer.finish(self._trace, error)

    async def __aenter__(self) -> SessionHandle | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


def _parse_read_body(trace: OpenTrace) -> None:
    from convotrace.exchange import decode

    incoming = trace.incoming
    if incoming is not None and trace.request_chunks and not trace.cut_input:
        incoming.body = decode(b"".join(trace.request_chunks), incoming.headers.get("content-type", ""))


def _written(item: Any, session_id: str) -> None:
    if isinstance(item, OpenTrace):
        item.written_as = session_id


def everyone() -> list[ConvoTrace]:
    """Return every live ConvoTrace object of this process."""
    return list(_all)


def _after_fork() -> None:
    for observer in everyone():
        observer.forget_open()


os.register_at_fork(after_in_child=_after_fork)
