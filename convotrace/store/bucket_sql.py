"""The fixed SQL of buckets, and of what is not in them yet.

What a statement takes stands in parentheses beside it, as in `statements`.
"""

from __future__ import annotations

from typing import Any

from peewee import SQL, fn

from convotrace.store.buckets import TRACE_WORTH
from convotrace.store.rows import BucketRow, UncountedRow
from convotrace.store.schema import Table, Tables
from convotrace.store.sql import selection, text, upsert

KEY = ("res", "kind", "at", "key", "writer")
VALUES = tuple(name for name in BucketRow._fields if name not in KEY)

_RUNNING = SQL("'running'")
_MAIN = SQL("0")


class BucketStatements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        self._bucket(tables.bucket)
        self._uncounted(tables.uncounted)
        self._worth(tables)

    def _bucket(self, bucket: Table) -> None:
        """One: the row, (its key), (its key); fresh ones (before, limit); in a time (res, kind, since, until)."""
        self.put = upsert(bucket, BucketRow, *KEY)
        one = [getattr(bucket, name) == 0 for name in KEY]
        values = [getattr(bucket, name) for name in VALUES]
        self.one = text(alone(bucket.select(*values).where(*one)))
        self.delete = text(bucket.delete().where(*one))
        # What must be read before it is changed is kept from others until then.
        is_fresh = (bucket.res == SQL("0")) & (bucket.at < 0)
        self.fresh = text(alone(selection(bucket, BucketRow).where(is_fresh).limit(1)))
        self.any_bucket = text(bucket.select(bucket.at).limit(1))
        self.any_fresh = text(bucket.select(bucket.at).where(is_fresh).limit(1))
        within = [bucket.res == 0, bucket.kind == 0, bucket.at >= 0, bucket.at < 0]
        self.between = text(bucket.select(bucket.at, bucket.key, *values).where(*within))
        self.one_between = text(bucket.select(bucket.at, bucket.key, *values).where(*within, bucket.key == ""))
        # (res, kind, at), (res, kind)
        self.keys = text(bucket.select(bucket.key).where(bucket.res == 0, bucket.kind == 0, bucket.at == 0).distinct())
        self.oldest = text(bucket.select(fn.min(bucket.at)).where(bucket.res == 0, bucket.kind == 0))
        # (res, kind, before)
        self.delete_old = text(bucket.delete().where(bucket.res == 0, bucket.kind == 0, bucket.at < 0))

    def _uncounted(self, uncounted: Table) -> None:
        """Where a writer's begin (writer), all (), the row, (writer), notes (writer), of others (at, limit)."""
        main = uncounted.lost == _MAIN
        self.since = text(alone(uncounted.select(uncounted.since).where(uncounted.writer == 0, main)))
        self.all_since = text(uncounted.select(uncounted.writer, uncounted.since).where(main))
        self.put_uncounted = upsert(uncounted, UncountedRow, "writer", "lost")
        self.notes = text(uncounted.select(uncounted.worth).where(uncounted.writer == 0, uncounted.lost != _MAIN))
        self.counted = text(uncounted.delete().where(uncounted.writer == 0))
        stale = uncounted.select(uncounted.writer, uncounted.since).where(main, uncounted.at < 0)
        self.stale = text(alone(stale.limit(1)))
        self.any_stale = text(stale.limit(1))

    def _worth(self, tables: Tables) -> None:
        """What is not counted (writer, first n), what runs (), one trace (sid, tk), one session (sid), all (n, limit).

        Of each the n, the writer, what it is worth, and last what its document is read from; of those that are not
        counted, also without.
        """
        trace = tables.trace
        self.last_row = text(trace.select(fn.max(trace.n)))
        there = trace.sid.not_in(tables.gone.select(tables.gone.sid))
        brief = trace.select(trace.n, trace.worker, *(getattr(trace, name) for name in TRACE_WORTH))
        whole = brief.select_extend(trace.work, trace.pressed, trace.input_text, trace.output_text)
        later = (trace.worker == 0) & (trace.n >= 0) & (trace.status != _RUNNING) & there
        running = (trace.status == _RUNNING) & there
        self.later, self.later_brief = text(whole.where(later)), text(brief.where(later))
        self.running, self.running_brief = text(whole.where(running)), text(brief.where(running))
        self.of_trace = text(whole.where(trace.sid == 0, trace.tk == 0))
        self.of_session = text(whole.where(trace.sid == 0))
        self.some = text(whole.where(trace.n > 0).order_by(trace.n).limit(1))


def alone(query: Any) -> Any:
    """Return a query whose rows nobody else may change before the end of the transaction, where that must be said."""
    return query.for_update() if query.model._meta.database.for_update else query
