"""The store as everybody else sees it: open, write, read, ask, close."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from convotrace.errors import StoreError
from convotrace.identity import session_key
from convotrace.later import later
from convotrace.model import (
    Activity,
    Attachment,
    Bar,
    Change,
    Conversation,
    Excerpt,
    Facets,
    HitPage,
    Json,
    Mention,
    Metrics,
    Places,
    SessionPage,
    Trace,
    View,
)
from convotrace.options import shown_url
from convotrace.redaction import Mask
from convotrace.settings import DEFAULT_STORE
from convotrace.store import databases, forks, workers
from convotrace.store.analyst import Analyst
from convotrace.store.curator import Curator
from convotrace.store.database import Damaged
from convotrace.store.keeper import Keeper
from convotrace.store.native import new_lock
from convotrace.store.opening import Opened, known, meta, note_aside, open_database, secret, set_aside
from convotrace.store.relabelling import relabel
from convotrace.store.workers import Worker
from convotrace.store.writing import Recorder

# What only reading takes is no part of an app that records.
if TYPE_CHECKING:
    from convotrace.insight.ranges import When
    from convotrace.insight.tool_report import ToolReport
    from convotrace.store import (
        attachments,
        changes,
        conversations,
        documents,
        excerpts,
        exporting,
        finding,
        indexing,
        listing,
        metrics,
        overview,
        searching,
        silence,
        tool_use,
        views,
    )
else:
    attachments = later("convotrace.store.attachments")
    changes = later("convotrace.store.changes")
    conversations = later("convotrace.store.conversations")
    documents = later("convotrace.store.documents")
    excerpts = later("convotrace.store.excerpts")
    exporting = later("convotrace.store.exporting")
    finding = later("convotrace.store.finding")
    indexing = later("convotrace.store.indexing")
    listing = later("convotrace.store.listing")
    metrics = later("convotrace.store.metrics")
    overview = later("convotrace.store.overview")
    searching = later("convotrace.store.searching")
    silence = later("convotrace.store.silence")
    tool_use = later("convotrace.store.tool_use")
    views = later("convotrace.store.views")

_SHOWN_EVERY_NS = 5 * 10**9
_BROUGHT_ON = 0.25
"""Seconds that opening a store of an older schema gives to its sessions; a job does the rest."""


class Store(Keeper, Curator, Analyst):
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

    def sessions(
        self, q: str | None = None, order: str = "-last", limit: int = 50, after: str | None = None
    ) -> SessionPage:
        """Return one page of sessions.

        Args:
            q: A filter such as `user:ann has:error since:24h`, or a text; `query.FIELDS` has all terms.
            order: What to sort by, a leading minus for the greatest first; see `listing.ORDERS`.
            limit: The most sessions to return.
            after: The `next` of the page before.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            BadRequest: The order, the limit or the cursor cannot be used.
            StoreError: The store cannot be read.
        """
        return listing.sessions(self._ready(), q, order, limit, after)

    def sessions_document(
        self, q: str | None = None, order: str = "-last", limit: int = 50, after: str | None = None
    ) -> dict[str, Json]:
        """Return one page as `export.as_json` makes it of `sessions`, in half the time and for `export.dump` alone."""
        return listing.document(self._ready(), q, order, limit, after)

    def places(self, q: str | None = None, order: str = "-last", every: int = 100) -> Places:
        """Return where the pages of a whole list begin: the cursors of every so many rows, and how many rows there are.

        Args:
            q: A filter, as for `sessions`.
            order: What to sort by, as for `sessions`.
            every: Rows of one page.

        Raises:
            FilterError: The filter cannot be read.
            BadRequest: The order or `every` cannot be used.
            StoreError: The store cannot be read.
        """
        return listing.places(self._ready(), q, order, every)

    def facets(self, q: str | None = None, most: int = overview.MOST) -> Facets:
        """Return what the newest sessions of a filter have in common: outcomes, tools, models, releases and more.

        Args:
            q: A filter, as for `sessions`.
            most: Sessions that are counted, the newest; the values are those of the newest 2,000 of them.

        Raises:
            FilterError: The filter cannot be read.
            StoreError: The store cannot be read.
        """
        return overview.facets(self._ready(), q, most, time.time_ns())

    def bars(self, q: str | None, start_ns: int, width_ns: int, number: int) -> tuple[Bar, ...]:
        """Return how many sessions of a filter were last active in each stretch of time, the newest 20,000 counted.

        Args:
            q: A filter, as for `sessions`.
            start_ns: When the first stretch begins.
            width_ns: How long each is.
            number: How many there are.

        Raises:
            FilterError: The filter cannot be read.
            StoreError: The store cannot be read.
        """
        return overview.bars(self._ready(), q, start_ns, width_ns, number, time.time_ns())

    def changes(self, q: str | None, since_ns: int) -> tuple[Activity, ...]:
        """Return the sessions of a filter that were active since a moment, at most 200, the latest first.

        Raises:
            FilterError: The filter cannot be read.
            StoreError: The store cannot be read.
        """
        return changes.changes(self._ready(), q, since_ns)

    def change(self, key: str) -> tuple[Activity, ...]:
        """Return how the session of a key stands now; nothing where there is none."""
        return changes.change(self._ready(), key)

    def views(self) -> tuple[View, ...]:
        """Return the saved views of the list by name."""
        return views.views(self._ready())

    def put_view(self, view: View) -> None:
        """Save a view of the list; one of the same name is replaced.

        Raises:
            BadRequest: There are too many.
            StoreError: The store cannot be written now.
        """
        views.put_view(self._ready(), view)

    def drop_view(self, name: str) -> None:
        """Forget a saved view; one that is not there is no fault."""
        views.drop_view(self._ready(), name)

    def search(self, text: str, limit: int = 50, after: str | None = None) -> HitPage:
        """Return one page of the traces in which something was said, the latest stored first.

        Looks in what users and assistants said, in errors, and in the comments and texts of scores. Case and accents
        make no difference; Chinese, Japanese, Korean, Thai and their like are found by any part.

        Args:
            text: Words that all must occur; `"a phrase"`, `begin*`, `-not`.
            limit: The most hits to return.
            after: The `next` of the page before.

        Raises:
            BadRequest: The text names nothing or too much, or the limit or the cursor cannot be used.
            StoreError: The store cannot be read.
        """
        return searching.search(self._ready(), text, limit, after)

    def count(self, q: str | None = None) -> int:
        """Return how many sessions a filter finds, all of them without one.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            StoreError: The store cannot be read.
        """
        return listing.count(self._ready(), q)

    def export(
        self, q: str | None = None, format: str = "jsonl", what: str = "sessions", redact: bool = False
    ) -> Iterator[bytes]:
        """Return sessions as the parts of a file, the oldest first, in the memory of one session.

        Args:
            q: A filter, as for `sessions`.
            format: `jsonl` (a session a line, whole and exact; `convotrace import` reads it), `csv`, `markdown`, or
                `html`, of which each part is a whole file that stands alone.
            what: The rows of `csv`: `sessions`, `traces`, `spans`, `scores` or `events`.
            redact: Whether each text is replaced by how long it is.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            BadRequest: There is no such format, or there are no such rows.
            StoreError: The store cannot be read.
        """
        return exporting.export(self._ready(), q, format, what, redact)

    def export_one(
        self, session_id: str, format: str = "jsonl", what: str = "sessions", redact: bool = False
    ) -> Iterator[bytes] | None:
        """Return one session as the parts of a file, None where there is none of this id.

        Args:
            session_id: Its id.
            format: As for `export`.
            what: As for `export`.
            redact: As for `export`.

        Raises:
            BadRequest: There is no such format, or there are no such rows.
            StoreError: The store cannot be read.
        """
        return exporting.export_one(self._ready(), session_id, format, what, redact)

    def dataframe(self, q: str | None = None, what: str = "sessions") -> Any:
        """Return the rows of an export as a data frame of pandas (extra `dataframe`), in the memory of all of them.

        Times are in UTC, whole numbers that may be unknown are `Int64`; the columns are those of CSV.

        Args:
            q: A filter, as for `sessions`.
            what: `sessions`, `traces`, `spans`, `scores` or `events`.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            BadRequest: There are no such rows, or pandas is not installed.
            StoreError: The store cannot be read.
        """
        return exporting.dataframe(self._ready(), q, what)

    def metrics(
        self, since: When = None, until: When = None, *, by: str | None = None, q: str | None = None,
        width: int | str | None = None, most: int = 20, points: bool = True, sessions: bool = False,
    ) -> Metrics:  # fmt: skip
        """Return what many turns come to: counts, sums and percentiles, over time and by group.

        Args:
            since: From when: nanoseconds since 1970, a datetime, `2026-11-26T12:00Z`, or how long ago, `24h`; a day
                before `until` when None.
            until: Until when; now when None.
            by: Group by `environment release service route model tool` (calls, for the last two), or by what the
                sessions have: `user tag outcome resolved experiment meta.<name>`; one group when None.
            q: A filter as in `sessions`: only the turns of the sessions that it finds.
            width: Of the points, in ns or as `5m 1h 1d`; one that fits when None. The range is widened to whole
                points; minutes are kept for 48 hours, hours for 90 days, days for good.
            most: Series to return; those with the most turns, and all others as `(other)`.
            points: Whether to return points, not the whole range alone, which is faster.
            sessions: Whether to count the sessions that began in the range as well, by how they ended.

        Returns:
            Exact counts and sums, and percentiles within 3.2 %; where there is too much to read for a filter, what a
            share of the sessions tells, marked `sampled`.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            BadRequest: Something else cannot be used; it says what, and what can be.
            StoreError: The store cannot be read.
        """
        return metrics.metrics(self._ready(), since, until, by, q, width, most, points, sessions)

    def tools(self, q: str | None = None, limit: int = 200, patience: float | None = None) -> ToolReport:
        """Return what tools and retrieval were worth: calls, wrong moments, documents used and never used.

        Args:
            q: A filter; all sessions when None.
            limit: So many sessions are read at most, the newest first.
            patience: Seconds after which no further session is read; `.sessions` of the answer tells how many were.

        Raises:
            BadRequest: The filter or the limit cannot be used.
            StoreError: The store cannot be read.
        """
        return tool_use.tools(self._ready(), q, limit, patience, time.time_ns())

    def session(self, session_id: str) -> Conversation | None:
        """Return a session with everything in it, None where there is none of this id."""
        return conversations.by_id(self._ready(), session_id, time.time_ns())

    def session_by_key(self, key: str) -> Conversation | None:
        """Return a session by the form of its id that stands in URLs."""
        return conversations.by_key(self._ready(), key, time.time_ns())

    def document_by_key(self, key: str) -> dict[str, Json] | None:
        """Return a session as `export.as_json` makes it of `session_by_key`, in less time and for `export.dump` alone.

        Values in it may be JSON that is made already, which cannot be looked into.
        """
        return documents.by_key(self._ready(), key, time.time_ns())

    def excerpt_by_key(
        self,
        key: str,
        *,
        turn: int = 1,
        trace_id: str | None = None,
        began_ns: int | None = None,
        count: int = 50,
        is_light: bool = False,
    ) -> Excerpt | None:
        """Return some turns of a session with all in them, without reading the others.

        Args:
            key: The form of its id that stands in URLs.
            turn: Number of the first turn wanted; where there are fewer, the last one is.
            trace_id: Begin with this trace instead.
            began_ns: When it began, where several traces of the session share that id; else the first of them.
            count: How many turns are wanted.
            is_light: Leave out what grows with a conversation: bodies, and prompts and tools of model calls.

        Returns:
            The turns, and light ones around them; None where there is no such session or trace.

        Raises:
            StoreError: The store cannot be read.
        """
        wanted = excerpts.Wanted(turn, trace_id, began_ns, count, is_light)
        return excerpts.by_key(self._ready(), key, time.time_ns(), wanted)

    def last_turn(self, session_id: str) -> Trace | None:
        """Return the last turn of a session with all in it, None where it has none."""
        found = self.excerpt_by_key(session_key(session_id), turn=1 << 30, count=1)
        turns = () if found is None else [one for one in found.conversation.traces if one.turn == found.last]
        return turns[-1] if turns else None

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

    def turns_saying(self, key: str, text: str) -> tuple[Mention, ...]:
        """Return the turns of a session that say a text, in order.

        Args:
            key: The form of its id that stands in URLs.
            text: Looked for in messages, answers and errors: any part of a word, whatever its case and accents.

        Raises:
            StoreError: The store cannot be read.
        """
        return finding.turns_saying(self._ready(), key, text)

    def attachment(self, session_id: str, attachment_id: str) -> Attachment | None:
        """Return an attachment with its bytes where they were kept, None where the session has none of this id."""
        return attachments.by_id(self._ready(), session_id, attachment_id)

    def attachment_by_key(self, key: str, attachment_id: str) -> Attachment | None:
        """Return an attachment by the form of its session's id that stands in URLs."""
        return attachments.by_key(self._ready(), key, attachment_id)

    def session_at_trace(self, trace_id: str) -> str | None:
        """Return the id of the session that holds a trace."""
        return conversations.id_at_trace(self._ready(), trace_id)

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
