"""The writer's side: a trace from the queue into the store, and what else is done in the writer's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

from convotrace import hooks
from convotrace.capture.acting import HOOKS
from convotrace.capture.tickets import MINT
from convotrace.errors import StoreError
from convotrace.model import Json
from convotrace.observer.attached import read_files
from convotrace.observer.auditing import Auditor
from convotrace.observer.chores import Chores
from convotrace.observer.gathering import Gather
from convotrace.observer.guard import Guard
from convotrace.observer.late import pause
from convotrace.observer.ledger import Ledger
from convotrace.observer.sampling import Sample
from convotrace.pricing import Prices
from convotrace.recorder import OpenTrace, Verdict
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.model import Change
    from convotrace.observer.scales import Scales
    from convotrace.recorder import Assembler
    from convotrace.redaction import Mask
    from convotrace.store import Store, Writer

_JOB_PATIENCE = 1.0
_SLICE, _BREATH = 500_000, 50e-6
"""How many ns the writer works at a time, and for how many seconds it then leaves the interpreter to requests."""


class Writing:
    """Has the writer, the store, its key and the jobs beside it; each is made when it is first needed.

    Args:
        in_force: Returns the options as they are now.
        guard: Calls what may fail.
        ledger: Where open traces and counts stand.
        prices: What a call costs.
        counters: Returns what this process counts beside its writer.
        at_first: Called before a writer is made.
        deeds: Hooks and budgets of this ConvoTrace; with none, nobody is told what was written.
        learn: Told each change with its open trace.
    """

    def __init__(
        self,
        in_force: Callable[[], Settings],
        guard: Guard,
        ledger: Ledger,
        prices: Prices,
        counters: Callable[[], Mapping[str, Json]],
        at_first: Callable[[], None],
        deeds: Sequence[object] = (),
        learn: Callable[[OpenTrace | None, Change], None] | None = None,
    ) -> None:
        self._deeds = deeds
        self._learn = learn
        self._in_force = in_force
        self._guard = guard
        self._ledger = ledger
        self._prices = prices
        self._counters = counters
        self._at_first = at_first
        self.made: Writer[Any] | None = None
        """The writer where there is one."""
        self._secret: bytes | None = None
        self._kept_key: str | None = None
        self.auditor = Auditor(self.open_store, in_force().audit_days, lambda: self.writer.wake())
        self._sample = Sample(lambda: in_force().sample, lambda: self._secret or b"", lambda: ledger.sampled.add())
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child the store is its parent's. The writer knows of forks by itself."""
        self._lock = threading.Lock()
        self.auditor.forget()
        self._chores = Chores()
        self._store: Store | None = None
        self._assembler: Assembler | None = None
        self._scales: Scales | None = None
        self._mask: Mask | None = None
        self._breathed = 0
        self._drains: set[object] = set()
        self._gather = Gather()

    # What there is one of

    @property
    def writer(self) -> Writer[Any]:
        """The writer, made when first needed."""
        if self.made is None:
            self._make_writer()
        assert self.made is not None
        return self.made

    def _make_writer(self) -> None:
        from convotrace.store import Writer  # Peewee is loaded only where something is recorded

        self._at_first()
        with self._lock:
            if self.made is None:
                self.made = Writer(
                    self.open_store,
                    self.prepare,
                    due=self._unfinished,
                    done=self._written,
                    busy=lambda: self._ledger.busy or self._gather.is_waiting,
                    counters=self._counters,
                    in_thread=self._in_thread,
                )

    def _in_thread(self) -> None:
        self._guard.attempt("opentelemetry", hooks.telemetry.suppress_here)
        self._guard.attempt("audit", self.auditor.write)
        if self.made is not None and self.made.trouble:
            self._guard.say(
                "store", f"{self.made.trouble} Nothing of the app is affected; what waits is written later."
            )

    def open_store(self) -> Store:
        """Return the store, opened when first needed.

        Raises:
            StoreError: It cannot be opened.
        """
        if self._store is None:
            from convotrace.store import Store

            with self._lock:
                if self._store is None:
                    self._store = Store.open(self._in_force().store)
                    self._guard.attempt("score_definitions", self._define, self._store)
        self._secret = self._secret or self._store.secret("identity")
        return self._store

    def _define(self, store: Store) -> None:
        if given := self._in_force().score_definitions:
            store.put_score_definition(*given)

    def secret(self) -> bytes | None:
        """Return the store's key for hashing cookies, None as long as it is not open."""
        return self._secret

    @property
    def redacted(self) -> dict[str, int]:
        """How many values were taken out, by kind; `name` are those of fields and headers that are never stored."""
        by_name = self._assembler.redactor.count if self._assembler else 0
        by_looks = dict(self._mask.counts) if self._mask else {}
        return {**({"name": by_name} if by_name else {}), **by_looks}

    def mask(self) -> Mask:
        """Return what takes out what texts must not hold; made with the key of the store.

        Raises:
            StoreError: The store cannot be opened.
        """
        if self._mask is None:
            from convotrace.redaction import Mask  # needed by the writer alone

            settings, key = self._in_force(), self.open_store().secret("pseudonym")
            with_pseudonyms = settings.redact_with == "pseudonym"
            self._mask = Mask(settings.redact, settings.redact_fields, with_pseudonyms, key)
        return self._mask

    def _masked(self, change: Change) -> Change:
        """Return a change from outside a request without what must not be stored, also where it is decided later."""
        from convotrace.redaction import masked_later

        return masked_later(self.mask(), change)

    # A trace becomes a change

    def _breathe(self) -> None:
        """Let requests have the interpreter between two traces, unless somebody waits for what is written.

        A thread that only works gives it away after 5 ms at the earliest: by then a request would be late. A pause of
        no length does not help, for it is taken back before the other thread is awake.
        """
        if perf_counter_ns() - self._breathed > _SLICE and not self._drains:
            from convotrace.store.native import pause as rest

            rest(_BREATH)
            self._breathed = perf_counter_ns()

    def prepare(self, item: OpenTrace | Change) -> Iterator[Change]:
        """Yield what is to be written of an item of the queue: one change, or none."""
        self._breathe()
        if not self._chores.begun:
            self._guard.attempt("jobs", self._chores.begin, self._in_force(), self.open_store, self._guard)
        if MINT.id != self._kept_key:
            self._guard.attempt("feedback", self._keep_key)
        if not isinstance(item, OpenTrace):
            if HOOKS or self._deeds:
                self._guard.attempt("acting", self._learn or _nobody, None, item)
            yield self._masked(item)
            return
        item.queued = False
        item.due = time_ns() + pause(item)
        try:
            verdict, change = self.assemble(item)
        except StoreError:  # it is tried again
            raise
        except BaseException:
            self._ledger.count(item, "lost")
            raise
        if self._ledger.late.must_follow(item):
            return
        if item.ended is not None and not item.counted:
            self._ledger.count(item, verdict.value)
            self._ledger.count_cut(item)
            if change is not None and verdict is Verdict.TURN and change.trace is not None:
                hooks.turn_line(self._in_force(), change.trace)
        if (HOOKS or self._deeds) and change is not None:
            self._guard.attempt("acting", self._learn or _nobody, item, change)
        if change is not None and (item.ended is not None or verdict is Verdict.TURN):
            yield self._sample.of(change)

    def _keep_key(self) -> None:
        """Let every process on the store know the key of the tickets that this one gives out."""
        if MINT.id is not None:
            self.open_store().keep_key(MINT.id, MINT.key)
            self._kept_key = MINT.id

    def assemble(self, trace: OpenTrace) -> tuple[Verdict, Change | None]:
        """Return what a trace is by now, and the change that stores it."""
        if self._assembler is None:
            self._assembler = self._make_assembler()
        if trace.noted("attachments") and not trace.skipped:
            read_files(trace, (trace.content or trace.undecided) and bool(self._in_force().content))
        verdict, change = self._assembler.assemble(trace)
        if change is not None and self._in_force().score_definitions:
            change = self._scales_made().settled(change)
        return verdict, change

    def _scales_made(self) -> Scales:
        if self._scales is None:
            from convotrace.observer.guard import to_stderr
            from convotrace.observer.scales import Scales  # most apps define no score

            self._scales = Scales(self._in_force().score_definitions, to_stderr)
        return self._scales

    def _make_assembler(self) -> Assembler:
        settings = self._in_force()
        guarded = [
            None if hook is None else partial(self._guard.call, name, hook)
            for name, hook in (("input_text", settings.input_text), ("output_text", settings.output_text))
        ]
        from convotrace.recorder.assemble import Assembler  # it brings the readers of every format

        secret = self.open_store().secret("identity")
        return Assembler(settings, secret, guarded[0], guarded[1], self._prices, self.mask())

    # What comes from outside a request

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
        if self._gather.is_full or not self.writer.has_spare_room():
            return False
        rows = [1 + len(change.trace.spans if change.trace else ()) for change in changes]
        share, taken = size // max(1, sum(rows)), True
        for change, count in zip(changes, rows, strict=True):
            for one, its_size in self._gather.take(self._sample.of(change), share * count, time_ns()):
                taken = self._put_sent(self.writer, one, its_size) and taken
        if self._gather.is_waiting:
            self.writer.wake()
        return taken

    def _put_sent(self, writer: Writer[Any], change: Change, size: int) -> bool:
        return writer.put(change, size, 1 + len(change.trace.spans if change.trace else ()), kind="otlp")

    def _written(self, item: Any, session_id: str) -> None:
        if isinstance(item, OpenTrace):
            item.written_as = session_id
        elif item.unites is not None and item.trace is not None:
            self._gather.stored(item.trace.id, time_ns())

    def _unfinished(self, now_ns: int) -> list[Any]:
        """Return what must be shown now though there may be more of it."""
        is_urgent = self.made is None or self.made.is_urgent
        return [*self._ledger.due(now_ns), *(change for change, _ in self._gather.due(now_ns, is_urgent))]

    # Its end

    def drain(self, timeout: float) -> bool:
        """Wait so many seconds at most until all that is queued is stored; return whether it is."""
        waits = object()
        self._drains.add(waits)
        try:
            return self.made is None or self.made.drain(timeout)
        finally:
            self._drains.discard(waits)

    def end_chores(self) -> None:
        """Let no job of the store begin any more; a running one ends after its step."""
        self._chores.end()
        self._chores.begun = True

    def close(self, timeout: float) -> None:
        """Store what is queued, within so many seconds, and release the store."""
        self._chores.end(min(timeout, _JOB_PATIENCE))
        self._guard.attempt("audit", self.auditor.write)
        writer, self.made = self.made, None
        if writer is not None:
            for change, size in self._gather.due(time_ns(), all_of_it=True):
                self._put_sent(writer, change, size)
            writer.close(timeout)
        # What was still queued may have begun them again.
        self._chores.end()
        store, self._store = self._store, None
        if store is not None:
            store.close()
        # The next store may be another one, with keys of its own.
        self._assembler = self._mask = self._secret = self._kept_key = None


def _nobody(trace: OpenTrace | None, change: Change) -> None:
    """Stand for nobody who wants to know."""
