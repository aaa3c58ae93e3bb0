"""The object users make: it wires the requests' side to the writer's, and answers for the page."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convotrace import hooks
from convotrace.capture.acting import HOOKS, registered
from convotrace.errors import SettingsError, StoreError
from convotrace.identity import Incoming
from convotrace.model import Json
from convotrace.observer.announce import Announcer
from convotrace.observer.asking import Asker
from convotrace.observer.by_hand import HandSession, Resumed
from convotrace.observer.cookie import own_cookie
from convotrace.observer.guard import Guard, to_log, to_stderr
from convotrace.observer.health import dropped, health, with_set_aside
from convotrace.observer.house import House
from convotrace.observer.ledger import Ledger
from convotrace.observer.recording import Recording
from convotrace.observer.tally import Tallies
from convotrace.observer.writing import Writing
from convotrace.pricing import Prices
from convotrace.propagation import read_carrier
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.model import Change
    from convotrace.observer.acting import Acting
    from convotrace.observer.auditing import Auditor
    from convotrace.observer.connection import Connection
    from convotrace.page import PageRequest, PageResponse
    from convotrace.page.watch import Watch
    from convotrace.store import Store, Writer

_LAST_CALL = 2.0
"""Seconds that the end of the process waits for what is queued."""

_all: weakref.WeakSet[ConvoTrace] = weakref.WeakSet()
_is_registered = False


class ConvoTrace:
    """Observe the conversations of one app; several may live in one process and never meet.

    Args:
        options: See the README for every option; each is also `CONVOTRACE_<NAME>` in the environment.

    Raises:
        SettingsError: An option is unknown, wrong, or not yet supported.
    """

    def __init__(self, **options: Any) -> None:
        settings = self._settings = self._given = Settings.of(options)
        self.debug: Callable[[], bool] = lambda: False
        self.guard = Guard(settings.hook_timeout, to_log)
        # An id that the app's own function gives is known only at the end: until then there is no session to show.
        self.ledger = Ledger(unnamed=settings.session_id is not None)
        self.prices = Prices.of(settings.prices)
        self.deeds: list[Any] = _budgets(settings.budgets)
        """Hooks and budgets; with none, no request looks further."""
        self._acting: Acting | None = None
        self._writing = Writing(
            lambda: self.settings, self.guard, self.ledger, self.prices, self.counters, _end_before_writers,
            self.deeds, lambda trace, change: self.acting().learn(trace, change),
        )  # fmt: skip
        self._watch: Watch | None = None
        self._asker = Asker(settings, self.guard, self._writing.secret)
        self._recording = Recording(
            settings, self.guard, self._asker, self.ledger, self._writing, self.deeds, self.acting
        )
        # The doors call these for each request: no further call stands between.
        self.begin, self.begun = self._recording.begin, self._recording.begun
        self.finish, self.drop = self._recording.finish, self._recording.drop
        self.announcer = Announcer(
            self.guard,
            lambda: self.open_store().first_time("announced"),
            lambda base: self.link(self._settings.page_url or base),
        )
        _all.add(self)
        if settings.alerts or settings.evaluators or settings.forward:
            self._check_jobs("alerts" in options)
        if settings.redact and not isinstance(settings.redact, str):
            import_module("convotrace.redaction.own").check(settings.redact)
        self._instrument("instrument" in options)
        for warning in self._settings.warnings:
            to_stderr(f"convotrace: {warning}")

    def _check_jobs(self, here: bool) -> None:
        """Say at the call what is wrong with rules and evaluators, and not when they would first run.

        A file of rules that the environment names never stops the app: it is said, also on the health view.
        """
        from convotrace.jobs.alerts import alerting  # Peewee is loaded only where something needs it
        from convotrace.jobs.evaluation import evaluation
        from convotrace.jobs.forwarding import forwards_of

        self._settings = self._given = self._with_rules(here)
        alerting(self._settings), evaluation(self._settings), forwards_of(self._settings)

    def _with_rules(self, here: bool) -> Settings:
        from convotrace.jobs.rule_files import rules_of

        try:
            return replace(self._settings, alerts=rules_of(self._settings.alerts))
        except SettingsError as error:
            if here:
                raise
            told = f"CONVOTRACE_ALERTS: {error} No rule is in force."
            return replace(self._settings, alerts=(), warnings=(*self._settings.warnings, told))

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

    # The options

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

    # The doors' side

    def page_path(self, path: str) -> str | None:
        """Return the path below the mount that a request asks the page for, None for a request of the app's."""
        mount = self._settings.mount
        if path == mount or path.startswith(mount + "/"):
            return path[len(mount) :]
        return "/feedback" if path == self._settings.feedback_path else None

    def connect(self, incoming: Incoming) -> Connection | None:
        """Open a connection of messages, None where it is excluded; never raises."""
        self.ledger.sockets.add("connections")
        trace = self.begin(incoming, "websocket")
        if trace is None:
            return None
        from convotrace.observer.connection import Connection  # an app without WebSocket needs none of it

        return Connection(self, trace)

    def ask_app(self, trace: OpenTrace, last: bool = False) -> None:
        """Call the app's own functions for session and user, while its request is still there.

        Args:
            trace: The trace of the request.
            last: Do not ask again later: the request is about to go.
        """
        self._asker.ask(trace, last)

    def acting(self) -> Acting:
        """Return what calls hooks and holds budgets, made when first needed."""
        if self._acting is None:
            from convotrace.observer.acting import Acting  # most apps have none of it

            timeout = self._settings.hook_timeout
            self._acting = Acting(self.deeds, timeout, self.guard, self.prices, self.open_store)
        return self._acting

    @property
    def issues_cookies(self) -> bool:
        """Tell whether answers may get a cookie of ours."""
        return self._settings.issue_cookie

    def issue_cookie(self, incoming: Incoming, response: Mapping[str, str], https: bool) -> str | None:
        """Return the `Set-Cookie` value for an answer, None where none may be set.

        Args:
            incoming: The request.
            response: Lower-case response headers.
            https: Whether the browser speaks https.
        """
        return own_cookie(incoming, response, https) if self._settings.issue_cookie else None

    def warm(self, *also: str) -> None:
        """Load what the first request would have to wait for; opens and starts nothing.

        Args:
            also: Modules that the door's own requests need.
        """
        if self.enabled:
            for needed in ("convotrace.store", "convotrace.recorder.assemble", "http.cookies", *also):
                import_module(needed)
            self.guard.attempt("opentelemetry", hooks.telemetry.load, self._settings)

    # The user's side

    def on_turn(self, function: Any = None, *, when: str = "before", name: str | None = None) -> Any:
        """Have a function called with each turn of this app alone; see `convotrace.on_turn`."""
        return registered(self.deeds, function, when, name)

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

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything recorded so far is stored; return whether it is.

        Args:
            timeout: Seconds to wait at most.
        """
        self._recording.hurry()
        return self._writing.drain(timeout)

    def last_call(self) -> None:
        """Store what is queued before the process ends: waits for it, but not for long; never raises."""
        try:
            self.flush(_LAST_CALL)
        except Exception:  # a watchdog of the host may forbid to wait here: then it is left to the interpreter's end
            return

    def close(self, timeout: float = 5.0) -> None:
        """Store what is queued and release the store; recording afterwards starts anew.

        Args:
            timeout: Seconds to wait at most.
        """
        self._recording.hurry()
        if self._acting is not None:
            self._acting.end()
            self._acting = None
        self._writing.close(timeout)

    @property
    def store(self) -> Store:
        """The store for reading, after what is queued has been written."""
        self.flush()
        return self.open_store()

    def keep_content(self, keep: bool) -> None:
        """Keep the words of requests that begin from now on in this process, or keep none of them.

        Args:
            keep: False stops it at once; True goes back to what the options say.
        """
        self._recording.consent.is_on = bool(keep)

    def link(self, base_url: str = "") -> str:
        """Return the link that opens the page.

        Args:
            base_url: Address of the app, such as `http://127.0.0.1:8000`; relative to the host when empty.
        """
        return f"{base_url.rstrip('/')}{self._settings.mount}/?token={House(self).token()}"

    # The page's side

    @property
    def writer(self) -> Writer[Any]:
        """The writer, made when first needed."""
        return self._writing.writer

    def open_store(self) -> Store:
        """Return the store, opened when first needed.

        Raises:
            StoreError: It cannot be opened.
        """
        return self._writing.open_store()

    def put(self, change: Change) -> bool:
        """Queue a change from outside a request; False where it was dropped (and counted)."""
        return self._writing.put(change)

    def take(self, changes: Sequence[Change], size: int) -> bool:
        """Queue what another service sent; False where there is no room, and it must send all of it again.

        Args:
            changes: What is to be written, one trace each.
            size: About how many bytes they hold together.
        """
        return self._writing.take(changes, size)

    @property
    def auditor(self) -> Auditor:
        """What notes who did what on the page."""
        return self._writing.auditor

    @property
    def watch(self) -> Watch:
        """What all live tabs of this process share."""
        from convotrace.page.watch import Watch

        self._watch = self._watch or Watch()
        return self._watch

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
            "requests": self.ledger.requests.values(),
            "websocket": self.ledger.sockets.values(),
            "hooks": self.guard.failures.values(),
            "otlp": self.ledger.received.values(),
            "redacted": self._writing.redacted,
            "sampled": self.ledger.sampled.value,
            "cut": self.ledger.cut.values(),
            "audit_lost": self._writing.auditor.lost.value,
            **({"acting": self.acting().values()} if HOOKS or self.deeds else {}),
        }

    def health(self) -> dict[str, Json]:
        """Return the state of this process's queue and writer, and of the store."""
        own = {**self.writer.stats(), **self.counters()}
        own["overhead"] = {**(own["overhead"] or {}), "request_us": self.ledger.cost.values()}
        own["opentelemetry"] = self.guard.attempt("opentelemetry", hooks.telemetry.mode, self._settings)
        try:
            store = self.open_store()
            told = health(self.settings, own, store.workers(), store.worker, store.deletions(), store.index_state())
            return with_set_aside(told, store.set_aside())
        except StoreError:
            return health(self.settings, own, (), None)

    def dropped(self) -> Json:
        """Return what `health` tells of records that were dropped: most pages ask for no more."""
        own = self.writer.stats()
        try:
            store = self.open_store()
            return dropped(own, store.workers(), store.worker)
        except StoreError:
            return dropped(own, (), None)

    # The process's side

    def divert(self, store: str | None) -> None:
        """Record into another store for a while, switched on; None returns to the settings as they were given."""
        self.close()
        given = self._given
        self._settings = given if store is None else replace(given, store=store, enabled=True)

    def before_exit(self) -> None:
        """Queue what waits, and let no job of the store begin any more; a running one ends after its step."""
        self._recording.hurry()
        self._writing.end_chores()

    def forget_open(self) -> None:
        """Forget the traces and the counts of the parent process, in a forked child."""
        self.ledger.forget()
        self._watch = None
        if self._acting is not None:
            self._acting.forget()
        self.guard.failures = Tallies()
        self._writing.forget()


def _budgets(given: Sequence[Any]) -> list[Any]:
    """Return budgets, made of mappings where such were given."""
    if not any(isinstance(one, Mapping) for one in given):
        return list(given)
    from convotrace.insight.budgets import budget_of

    return [budget_of(one) if isinstance(one, Mapping) else one for one in given]


def everyone() -> list[ConvoTrace]:
    """Return every live ConvoTrace object of this process."""
    return list(_all)


def _after_fork() -> None:
    for observer in everyone():
        observer.forget_open()


def _end_before_writers() -> None:
    """See to it that at exit what waits is queued before the writers end: what was registered last is called first."""
    global _is_registered
    if not _is_registered:
        # Once: what was unregistered leaves a hole in the list of the interpreter, which then grows with each object.
        _is_registered = True
        atexit.register(_at_exit)


def _at_exit() -> None:
    for observer in everyone():
        observer.before_exit()


os.register_at_fork(after_in_child=_after_fork)
