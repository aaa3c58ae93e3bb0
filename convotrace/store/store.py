"""The store as everybody else sees it: opened, written, closed; what it is asked stands in its four parts."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from convotrace.errors import StoreError
from convotrace.later import later
from convotrace.model import Change, Json
from convotrace.options import shown_url
from convotrace.redaction import Mask
from convotrace.settings import DEFAULT_STORE
from convotrace.store import databases, forks, indexing, workers
from convotrace.store.analyst import Analyst
from convotrace.store.curator import Curator
from convotrace.store.database import Damaged
from convotrace.store.keeper import Keeper
from convotrace.store.native import new_lock
from convotrace.store.opening import Opened, known, meta, note_aside, open_database, secret, set_aside
from convotrace.store.reader import Reader
from convotrace.store.relabelling import relabel
from convotrace.store.workers import Worker
from convotrace.store.writing import Recorder

if TYPE_CHECKING:
    from convotrace.store import silence
else:
    silence = later("convotrace.store.silence")

_SHOWN_EVERY_NS = 5 * 10**9
_BROUGHT_ON = 0.25
"""Seconds that opening a store of an older schema gives to its sessions; a job does the rest."""


class Store(Reader, Keeper, Curator, Analyst):
    """One store, shared by all threads of a process; in a forked child it opens itself anew."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self.worker = secrets.randbits(62)
        """Id of this process in the store, under which `put_worker` keeps what it counted."""
        databases.check(url)
        self._create = create
        self._lock = new_lock()
        self._closed = False
        self._seen_ns = 0
        self._counters: Mapping[str, Json] = {}
        self._opened: Opened | None = None
        self._recorder: Recorder | None = None
        forks.register(self)

    @classmethod
    def open(cls, url: str | None = None, *, create: bool = True) -> Store:
        """Return the store at a URL, ready to read and write.

        Args:
            url: `sqlite:///path/to/file.db`, `postgresql://user@host/database` or `memory:`; when None,
                CONVOTRACE_STORE, else the default.
            create: Make the file where there is none.

        Raises:
            StoreError: It cannot be opened; the sentence says why, and the cure.
        """
        store = cls(url or os.environ.get("CONVOTRACE_STORE") or DEFAULT_STORE, create=create)
        store._ready()
        return store

    def write(self, changes: Sequence[Change], retry: bool = False) -> Sequence[Change | None]:
        """Write changes in one short transaction, all or none.

        Args:
            changes: In the order in which they happened.
            retry: They may have been written already, by a call whose end was not seen.

        Returns:
            What was written for each: itself, what it decided on, or None for nothing.

        Raises:
            StoreError: The store cannot be written now.
        """
        if not changes:
            return ()
        self._ready()
        recorder = self._recorder
        if recorder is None:
            raise StoreError(self._closed_sentence())
        self._show_life(changes)
        try:
            return recorder.write(changes, retry)
        except Damaged:
            self._begin_anew()
            raise

    def conclude(
        self, idle_ns: int, rule: silence.Rule | None = None, now_ns: int | None = None,
        failed: Callable[[Exception], None] | None = None, go_on: Callable[[], bool] = indexing.always,
    ) -> int:  # fmt: skip
        """Write down how sessions ended that have fallen silent and of which nobody said so.

        One whose last turn was not answered, or was left, is `abandoned`; one whose last turn failed is `failed`.
        A turn that comes later opens it again.

        Args:
            idle_ns: After how long a silence.
            rule: Asked first: returns an outcome, or one with its reason, or None for no word; the option `outcome`.
            now_ns: The time; now when None.
            failed: Takes what the rule raised; then the facts decide.
            go_on: Asked before each step; False ends it there.

        Returns:
            Of how many sessions something was concluded.

        Raises:
            StoreError: The store cannot be written now.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        return silence.conclude(self._ready(), self, now_ns, idle_ns, rule, failed, go_on)

    def waits_for_conclusions(self) -> bool:
        """Tell whether anything was written since `conclude` looked at all there was."""
        return silence.is_waiting(self._ready())

    def interrupted(self, now_ns: int | None = None) -> tuple[str, ...]:
        """Return the traces that were running in a process which is gone."""
        return workers.interrupted(self._ready(), time.time_ns() if now_ns is None else now_ns)

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that are made once a store and are the same for every process."""
        return secret(self._ready(), name)

    def pseudonym(self, kind: str, value: str) -> str:
        """Return what stands in this store in the place of a value that is redacted with pseudonyms.

        Args:
            kind: `email`, `phone`, `card`, `iban`, `ip`, `user`, or the name of a pattern of your own.
            value: The value itself.
        """
        return Mask(key=self.secret("pseudonym")).pseudonym(kind, value)

    def token(self) -> str:
        """Return the token that opens the page, made once a store."""
        return meta(self._ready(), "token", secrets.token_urlsafe(24))

    def keep_key(self, name: str, key: bytes) -> None:
        """Let every process know a key by its name; one that is known stays."""
        meta(self._ready(), f"feedback:{name}", key.hex())

    def key(self, name: str) -> bytes | None:
        """Return the key that some process keeps under a name, None for none."""
        found = known(self._ready(), f"feedback:{name}")
        return None if found is None else bytes.fromhex(found)

    def first_time(self, what: str) -> bool:
        """Tell whether nobody asked this of the store before, in this process or another."""
        mine = secrets.token_hex(8)
        return meta(self._ready(), what, mine) == mine

    def put_worker(self, worker: int, counters: Mapping[str, Json], now_ns: int | None = None) -> None:
        """Note that a process lives, and what it counted."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        workers.put(self._ready(), worker, counters, now_ns)
        if worker == self.worker:
            self._seen_ns, self._counters = now_ns, counters
            if self._recorder is not None:
                self._recorder.count()

    def workers(self) -> list[Worker]:
        """Return the processes that write or lately wrote into this store."""
        return workers.read(self._ready(), time.time_ns())

    def living(self, now_ns: int | None = None) -> frozenset[int]:
        """Return the ids of the processes that are alive, of those that write into this store."""
        return workers.living_workers(self._ready(), time.time_ns() if now_ns is None else now_ns)

    def size(self) -> int:
        """Return the bytes of the store, with what is written ahead of it."""
        return self._ready().upkeep.size()

    def integrity(self) -> str:
        """Return "ok", or what is wrong with the store."""
        return self._ready().upkeep.integrity()

    def close(self) -> None:
        """Close the store for good; a call after that raises."""
        with self._lock:
            self._closed = True
            opened, self._opened, self._recorder = self._opened, None, None
        if opened is not None:
            opened.connections.close()

    def before_fork(self) -> None:
        """Wait until nobody is inside the database, where that matters."""
        if not databases.waits_for_forks(self.url):
            return
        self._lock.acquire()
        if self._opened is not None:
            self._opened.connections.quiesce()

    def after_fork_in_parent(self) -> None:
        """Let everybody go on."""
        if not databases.waits_for_forks(self.url):
            return
        if self._opened is not None:
            self._opened.connections.resume()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave what was inherited to the parent; the next call opens the store anew."""
        self.worker = secrets.randbits(62)
        self._lock = new_lock()
        if self._opened is not None:
            forks.keep_for_ever(self._opened)
        self._opened, self._recorder = None, None
        self._seen_ns, self._counters = 0, {}

    def _ready(self) -> Opened:
        """Return the open database; one that was removed or replaced is opened anew."""
        opened = self._opened
        if opened is None or opened.connections.is_gone():
            with self._lock:
                opened = self._reopened()
        return opened

    def _begin_anew(self) -> None:
        """Set a file aside that turned out to be damaged; who wrote into it tries again, and finds a new one."""
        name = databases.set_aside(self.url) if self._create else None
        if name:
            note_aside(self._ready(), name)

    def set_aside(self) -> dict[str, int]:
        """Return the names of damaged files that this store took the place of, each with when, in ns."""
        return set_aside(self._ready())

    def _closed_sentence(self) -> str:
        return f"The store {shown_url(self.url)} was closed; open it again."

    def _show_life(self, changes: Sequence[Change]) -> None:
        """Note that this process lives before a trace stands as running in it."""
        if any(change.trace is not None and change.trace.status == "running" for change in changes):
            now_ns = time.time_ns()
            if now_ns - self._seen_ns > _SHOWN_EVERY_NS:
                self.put_worker(self.worker, self._counters, now_ns)

    def _reopened(self) -> Opened:
        if self._closed:
            raise StoreError(self._closed_sentence())
        if self._opened is not None and not self._opened.connections.is_gone():
            return self._opened
        if self._opened is not None:
            self._opened.connections.close()
            self._opened = None
        opened = open_database(self.url, self._create)
        try:
            _bring_on(opened)
            self._recorder = Recorder(opened, secret(opened, "session"), secret(opened, "content"), self.worker)
        except BaseException:
            opened.connections.close()
            raise
        self._opened = opened
        return opened


def _bring_on(opened: Opened) -> None:
    deadline = time.monotonic() + _BROUGHT_ON
    with suppress(StoreError):
        relabel(opened, lambda: time.monotonic() < deadline)
