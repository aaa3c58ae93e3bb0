"""What a reader asks of a store: lists, sessions, what was said in them, exports, numbers over all of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convotrace.identity import session_key
from convotrace.later import later
from convotrace.model import (
    Activity,
    Attachment,
    Bar,
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
from convotrace.store.opening import Opened

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
        listing,
        metrics,
        overview,
        searching,
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
    listing = later("convotrace.store.listing")
    metrics = later("convotrace.store.metrics")
    overview = later("convotrace.store.overview")
    searching = later("convotrace.store.searching")
    tool_use = later("convotrace.store.tool_use")
    views = later("convotrace.store.views")


class Reader(ABC):
    """The part of a store that reads conversations."""

    @abstractmethod
    def _ready(self) -> Opened:
        """Return the open database."""

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

    def document_by_key(self, key: str, most: int | None = None) -> dict[str, Json] | None:
        """Return a session as `export.as_json` makes it of `session_by_key`, in less time and for `export.dump` alone.

        Values in it may be JSON that is made already, which cannot be looked into. None also where it has more turns
        than `most`.
        """
        return documents.by_key(self._ready(), key, time.time_ns(), most)

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
