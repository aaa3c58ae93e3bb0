"""The tables, made anew for each database object, with their keys and indexes.

Keys lead with the session and are made by the client, so that forgetting a session is one delete a table
and a sharded database can hold them. The columns are described in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import peewee
from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    FloatField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
    fn,
)

SCHEMA_VERSION = 12

LISTED = (
    "started", "turns", "traces", "spans", "errors", "events", "input_tokens", "output_tokens", "cost_nano",
)  # fmt: skip
"""Columns of a session that lists are sorted or filtered by, beside its last activity."""

Table = Any
"""A model class: its metaclass makes the columns, so no type checker sees them."""


@dataclass(frozen=True)
class Tables:
    """The model classes of one database object; never shared between two."""

    meta: Table
    worker: Table
    lease: Table
    session: Table
    gone: Table
    label: Table
    trace: Table
    awaited: Table
    sent: Table
    event: Table
    score: Table
    content: Table
    bucket: Table
    uncounted: Table
    incident: Table
    audit: Table
    task: Table
    review: Table
    item: Table
    span: Table
    """No table, but a view of the traces."""

    def all(self) -> list[Table]:
        """Return every table."""
        return [table for table in vars(self).values() if table is not self.span]

    def of_session(self) -> list[Table]:
        """Return every table whose rows belong to one session: what forgetting it must cover."""
        return [table for table in self.all() if "sid" in table._meta.fields]


def make_tables(db: peewee.Database) -> Tables:
    """Return the tables bound to a database; a module-level proxy would mix two stores in one process."""

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    made = {**_facts(Base), **_conversations(Base), **_said(Base), **_summaries(Base), **_judged(Base)}
    return Tables(**made, span=_view(Base))


def _facts(base: Table) -> dict[str, Table]:
    class Fact(base):  # type: ignore[misc]
        key = TextField(primary_key=True)
        value = TextField()

        class Meta:
            table_name = "meta"

    class Worker(base):  # type: ignore[misc]
        id = BigIntegerField(primary_key=True)
        host = TextField()
        pid = IntegerField()
        started = BigIntegerField()
        seen = BigIntegerField()
        counters = TextField()

    class Lease(base):  # type: ignore[misc]
        """Who may do what only one process at a time should do, and until when nobody else may."""

        name = TextField(primary_key=True)
        holder = BigIntegerField()
        until = BigIntegerField()

    return {"meta": Fact, "worker": Worker, "lease": Lease}


def _conversations(base: Table) -> dict[str, Table]:
    class Session(base):  # type: ignore[misc]
        sid = BigIntegerField(primary_key=True)
        id = TextField()
        key = TextField(index=True)
        # A session that was deleted and came again has another birth: what was known of its contents is void.
        born = BigIntegerField()
        version = IntegerField()
        id_source = TextField()
        id_name = TextField(null=True)
        user_id = TextField(null=True)
        name = TextField(null=True)
        environment = TextField(null=True)
        release = TextField(null=True)
        services = TextField(null=True)
        tags = TextField(null=True)
        metadata = TextField(null=True)
        links = TextField(null=True)
        clients = TextField(null=True)
        started = BigIntegerField()
        last = BigIntegerField()
        # When the last turn began: an end that is told of later was no end.
        last_turn = BigIntegerField(null=True)
        ended = BigIntegerField(null=True)
        outcome = TextField()
        outcome_reason = TextField(null=True)
        resolved = SmallIntegerField(null=True)
        turns = IntegerField()
        traces = IntegerField()
        spans = IntegerField()
        errors = IntegerField()
        events = IntegerField()
        input_tokens = BigIntegerField(null=True)
        output_tokens = BigIntegerField(null=True)
        cached_tokens = BigIntegerField(null=True)
        cache_write_tokens = BigIntegerField(null=True)
        reasoning_tokens = BigIntegerField(null=True)
        cost_nano = BigIntegerField(null=True)
        first_input = TextField(null=True)
        first_tk = BigIntegerField(null=True)
        last_output = TextField(null=True)
        last_tk = BigIntegerField(null=True)
        # Whether a score was ever given: most lists need not look for any.
        judged = SmallIntegerField()
        # What its traces say of it that filters ask for; `labels` has the form.
        facets = TextField(null=True)
        # What a list shows of its newest turns, and of its scores: `marks` and `judgements` have the forms.
        marks = BlobField(null=True)
        verdict = TextField(null=True)
        # Whether it is among those at rest, which the indexes of `ranking` hold: 1, else null.
        ranked = SmallIntegerField(null=True)

    class Trace(base):  # type: ignore[misc]
        # Declared, because a text index refers to it and VACUUM may renumber an implicit row id.
        n = AutoField()
        sid = BigIntegerField()
        tk = BigIntegerField()
        trace_id = BlobField()
        name = TextField()
        is_turn = SmallIntegerField()
        replaces = TextField(null=True)
        route = TextField(null=True)
        status = TextField()
        status_code = IntegerField(null=True)
        worker = BigIntegerField(null=True)
        started = BigIntegerField(index=True)
        duration = BigIntegerField(null=True)
        first_byte = BigIntegerField(null=True)
        input_text = TextField(null=True)
        output_text = TextField(null=True)
        input_body = BlobField(null=True)
        output_body = BlobField(null=True)
        input_tokens = BigIntegerField(null=True)
        output_tokens = BigIntegerField(null=True)
        cached_tokens = BigIntegerField(null=True)
        cache_write_tokens = BigIntegerField(null=True)
        reasoning_tokens = BigIntegerField(null=True)
        cost_nano = BigIntegerField(null=True)
        errors = IntegerField()
        spans = IntegerField()
        events = IntegerField()
        error_type = TextField(null=True)
        service = TextField(null=True)
        user_id = TextField(null=True)
        id_source = TextField()
        protocol = TextField()
        client = TextField(null=True)
        tags = TextField(null=True)
        metadata = TextField(null=True)
        extra = TextField(null=True)
        # A hash of what was said in it, by which a re-sent history finds it.
        said = BigIntegerField(null=True)
        # Put where it stands by others, or added to by them: 1, else null.
        placed = SmallIntegerField(null=True)
        # What went wrong in it, and what scores say of it: kept as a text for the index alone, see `fulltext`.
        failures = TextField(null=True)
        notes = TextField(null=True)
        indexed = SmallIntegerField()
        environment = TextField(null=True)
        release = TextField(null=True)
        # Last, so that who does not ask for it reads none of its pages.
        work = TextField(null=True)
        pressed = BlobField(null=True)

        class Meta:
            indexes = ((("sid", "tk"), True),)

    # Conditions of indexes are texts: Peewee 3 puts a placeholder for a value, which no index takes.
    # One wide index: what lists are sorted and compared by is read from it, without the rows.
    numbers = [getattr(Session, name) for name in LISTED]
    Session.add_index(Session.index(Session.last, Session.sid, *numbers, name="session_recent"))
    Session.add_index(Session.index(Session.user_id, Session.last, where=SQL("user_id IS NOT NULL")))
    Trace.add_index(Trace.index(Trace.trace_id))
    Trace.add_index(Trace.index(Trace.said, where=SQL("said IS NOT NULL"), name="trace_said"))
    Trace.add_index(Trace.index(Trace.started, where=SQL("status = 'error'"), name="trace_errors"))
    Trace.add_index(Trace.index(Trace.sid, where=SQL("status = 'running'"), name="trace_running"))
    Trace.add_index(Trace.index(Trace.n, where=SQL("indexed = 0"), name="trace_unindexed"))
    return {
        "session": Session, "label": _label(base), "gone": _gone(base), "trace": Trace, "awaited": _awaited(base),
        "sent": _sent(base),
    }  # fmt: skip


def ranks(session: Table) -> dict[str, Any]:
    """Return what sessions at rest are ranked by; the unknown stands below 0."""
    return {
        "cost": fn.coalesce(session.cost_nano, SQL("-1")), "turns": session.turns, "errors": session.errors,
        "started": session.started, "duration": session.last - session.started,
    }  # fmt: skip


# Of sessions at rest alone: an index of them all would make every turn a tenth dearer. Not among those that are made
# with the tables: over a great store of an older schema they take seconds, see `ranking`.
_RANKS = {
    "cost": "coalesce(cost_nano, -1)", "turns": "turns", "errors": "errors", "started": "started",
    "duration": "last - started",
}  # fmt: skip
RANK_INDEXES = (
    *(f"CREATE INDEX IF NOT EXISTS session_by_{name} ON session (({value}), sid) WHERE ranked = 1"
      for name, value in _RANKS.items()),
    "CREATE INDEX IF NOT EXISTS session_unranked ON session (sid) WHERE ranked IS NULL",
)  # fmt: skip


def _gone(base: Table) -> Table:
    class Gone(base):  # type: ignore[misc]
        """Sessions that are deleted, of which so many rows are left that they go in several transactions."""

        sid = BigIntegerField(primary_key=True)

    return Gone


def _label(base: Table) -> Table:
    class Label(base):  # type: ignore[misc]
        """What filters find sessions by; `labels` says which there are."""

        sid = BigIntegerField()
        kind = SmallIntegerField()
        key = TextField()
        num = FloatField(null=True)

        class Meta:
            primary_key = CompositeKey("kind", "key", "sid")
            without_rowid = True
            indexes = ((("sid", "kind", "key"), False),)

    Label.add_index(Label.index(Label.kind, Label.key, Label.num, where=SQL("num IS NOT NULL"), name="label_num"))
    return Label


def _awaited(base: Table) -> Table:
    class Awaited(base):  # type: ignore[misc]
        """Names under which answers may be fetched that had not come with their turns."""

        sid = BigIntegerField()
        tk = BigIntegerField()
        name = TextField(index=True)

        class Meta:
            primary_key = False
            indexes = ((("sid", "tk"), False),)

    return Awaited


def _sent(base: Table) -> Table:
    class Sent(base):  # type: ignore[misc]
        """Traces that were forwarded, each once for every target: `outbox` says what is told of them."""

        sid = BigIntegerField()
        tk = BigIntegerField()
        target = TextField()
        spans = IntegerField()
        told = BlobField()

        class Meta:
            primary_key = CompositeKey("sid", "tk", "target")

    return Sent


def _view(base: Table) -> Table:
    class Span(base):  # type: ignore[misc]
        """A view of the documents of traces, made by each database: what is seldom asked of spans without a trace."""

        sid = BigIntegerField()
        tk = BigIntegerField()
        kind = TextField()
        name = TextField()
        model = TextField(null=True)

        class Meta:
            primary_key = False

    return Span


def _said(base: Table) -> dict[str, Table]:
    class Event(base):  # type: ignore[misc]
        """Events of a session that came from no trace."""

        sid = BigIntegerField()
        at = BigIntegerField()
        seq = BigIntegerField()
        name = TextField()
        level = TextField(null=True)
        attributes = TextField(null=True)

        class Meta:
            primary_key = CompositeKey("sid", "at", "seq")

    class Score(base):  # type: ignore[misc]
        sid = BigIntegerField()
        id = TextField()
        origin = BigIntegerField(null=True)
        trace_id = BlobField(null=True)
        span_id = TextField(null=True)
        name = TextField()
        type = TextField()
        num = FloatField(null=True)
        value = TextField()
        comment = TextField(null=True)
        source = TextField()
        author = TextField(null=True)
        at = BigIntegerField()
        seq = IntegerField()
        extra = TextField(null=True)

        class Meta:
            primary_key = CompositeKey("sid", "id")
            indexes = ((("name", "at"), False),)

    class Content(base):  # type: ignore[misc]
        sid = BigIntegerField()
        hash = BlobField()
        codec = SmallIntegerField()
        size = IntegerField()
        body = BlobField()

        class Meta:
            # With a row id, a body of up to a page stays in its row; without, one over a kilobyte takes a page more.
            primary_key = False
            indexes = ((("sid", "hash"), True),)

    return {"event": Event, "score": Score, "content": Content}


def _summaries(base: Table) -> dict[str, Table]:
    class Bucket(base):  # type: ignore[misc]
        """Sums of one group of turns or calls in one minute, hour or day; `buckets` says which there are."""

        res = SmallIntegerField()
        kind = SmallIntegerField()
        at = BigIntegerField()
        key = TextField()
        # Who wrote a fresh one, so that no two processes ever change the same row.
        writer = BigIntegerField()
        number = IntegerField()
        traces = IntegerField()
        failed = IntegerField()
        errors = IntegerField()
        duration = BigIntegerField()
        first_byte = BigIntegerField()
        input_tokens = BigIntegerField(null=True)
        output_tokens = BigIntegerField(null=True)
        cached_tokens = BigIntegerField(null=True)
        cache_write_tokens = BigIntegerField(null=True)
        reasoning_tokens = BigIntegerField(null=True)
        cost_nano = BigIntegerField(null=True)
        durations = BlobField(null=True)
        first_bytes = BlobField(null=True)

        class Meta:
            primary_key = CompositeKey("res", "kind", "at", "key", "writer")
            without_rowid = True

    class Uncounted(base):  # type: ignore[misc]
        """Which stored traces no bucket holds yet: those of one writer from one row on; `counting` has the rules."""

        writer = BigIntegerField()
        # 0; or the number of a note on a trace that was deleted before its writer counted it.
        lost = BigIntegerField()
        since = BigIntegerField()
        at = BigIntegerField()
        worth = BlobField(null=True)

        class Meta:
            primary_key = CompositeKey("writer", "lost")

    class Incident(base):  # type: ignore[misc]
        id = BlobField(primary_key=True)
        rule = TextField()
        opened = BigIntegerField(index=True)
        closed = BigIntegerField(null=True)
        state = TextField()
        value = FloatField(null=True)
        threshold = FloatField(null=True)
        sid = BigIntegerField(null=True)
        tk = BigIntegerField(null=True)
        detail = TextField(null=True)

    class Audit(base):  # type: ignore[misc]
        id = BlobField(primary_key=True)
        at = BigIntegerField(index=True)
        actor = TextField()
        action = TextField()
        target = TextField(null=True)
        detail = TextField(null=True)

    return {"bucket": Bucket, "uncounted": Uncounted, "incident": Incident, "audit": Audit}


def _judged(base: Table) -> dict[str, Table]:
    class Task(base):  # type: ignore[misc]
        """Items of annotation queues: sessions, and turns of them."""

        sid = BigIntegerField()
        # The same for the same turn of the same queue; not unique, since a turn may move to where it stands already.
        id = TextField()
        queue = TextField()
        trace_id = BlobField(null=True)
        why = TextField()
        at = BigIntegerField()
        seq = IntegerField()
        assignee = TextField(null=True)

        class Meta:
            primary_key = False
            indexes = ((("queue", "at", "seq"), False), (("sid", "id"), False))

    class Review(base):  # type: ignore[misc]
        """Who was through with an item of a queue."""

        sid = BigIntegerField()
        task = TextField()
        author = TextField(null=True)
        state = TextField()
        at = BigIntegerField()
        took = BigIntegerField(null=True)

        class Meta:
            primary_key = False
            indexes = ((("sid", "task"), False),)

    class Item(base):  # type: ignore[misc]
        """Copies of sessions and turns in datasets; they outlive their sessions, but not being forgotten."""

        n = AutoField()
        id = TextField()
        dataset = TextField()
        # The first version that has it, and the first that has it no more.
        since = IntegerField()
        until = IntegerField(null=True)
        session_id = TextField(index=True)
        trace_id = BlobField(null=True, index=True)
        user_id = TextField(null=True, index=True)
        author = TextField(null=True)
        at = BigIntegerField()
        body = TextField()

        class Meta:
            indexes = ((("dataset", "id"), False),)

    return {"task": Task, "review": Review, "item": Item}
