"""The fixed SQL of keeping a store: leases, the audit, sessions that go, and who is named where.

What a statement takes stands in parentheses beside it, as in `statements`.
"""

from __future__ import annotations

from peewee import EXCLUDED, SQL, PostgresqlDatabase, fn

from convotrace.model import ACTIONS
from convotrace.store.rows import AuditRow, LeaseRow
from convotrace.store.schema import Table, Tables
from convotrace.store.sql import insertion, selection, text, upsert

_RUNNING = SQL("'running'")


class KeepingStatements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        self._lease(tables.lease, tables.audit)
        self._remove(tables)
        self._scatter(tables)

    def _lease(self, lease: Table, audit: Table) -> None:
        """Leases: (the row, now, too far), (until, name, holder), (name); the audit: (the row), (id), (limit), (at)."""
        mine = {getattr(lease, name): getattr(EXCLUDED, name) for name in LeaseRow._fields}
        free = (lease.until <= 0) | (lease.until > 0)
        self.take_lease = text(
            insertion(lease, LeaseRow).on_conflict(conflict_target=[lease.name], update=mine, where=free)
        )
        self.keep_lease = text(lease.update({lease.until: 0}).where(lease.name == "", lease.holder == 0))
        self.lease_until = text(lease.select(lease.until).where(lease.name == ""))
        self.put_audit = upsert(audit, AuditRow, "id")
        self.audit_by_id = text(selection(audit, AuditRow).where(audit.id == b""))
        people = [SQL(f"'{action}'") for action in ACTIONS]
        deletions = selection(audit, AuditRow).where(audit.action.not_in(people))
        self.newest_audit = text(deletions.order_by(audit.at.desc()).limit(1))
        self.old_audit = text(audit.delete().where(audit.at < 0, audit.action.not_in(people)))
        # What people did: (before, limit), (at), (); (detail, id).
        self.acts = text(selection(audit, AuditRow).where(audit.at < 0).order_by(audit.at.desc(), audit.id).limit(1))
        self.old_acts = text(audit.delete().where(audit.at < 0, audit.action.in_(people)))
        told = audit.detail.is_null(False)
        self.searches = text(audit.select(audit.id, audit.detail).where(audit.action.in_(people), told))
        self.forget_search = text(audit.update({audit.detail: ""}).where(audit.id == b""))

    def _remove(self, tables: Tables) -> None:
        """Sessions that go: the oldest (before, limit), what runs in one (sid), how many, all rows; one in pieces."""
        session, trace, gone = tables.session, tables.trace, tables.gone
        worth = (session.sid, session.last, session.traces, session.spans, session.events)
        self.oldest = text(session.select(*worth).where(session.last < 0).order_by(session.last).limit(1))
        self.older_than = text(session.select(*worth[1:]).where(session.last < 0).order_by(session.last))
        self.running_in = text(trace.select(trace.worker).where(trace.sid == 0, trace.status == _RUNNING))
        total = fn.sum(session.traces + session.spans + session.events)
        self.all_rows = text(session.select(total))
        self.key_of_sid = text(session.select(session.key).where(session.sid == 0))
        self.sid_of_key = text(session.select(session.sid).where(session.key == ""))
        self.count_sessions = text(session.select(fn.count(session.sid)))
        # (sid), (), (sid)
        self.hide_session = [text(gone.insert({gone.sid: 0})), text(session.delete().where(session.sid == 0))]
        self.hidden = text(gone.select(gone.sid).limit(1))
        self.is_hidden = text(gone.select(gone.sid).where(gone.sid == 0))
        # A few rows at a time: (sid, limit); then its traces: (sid, limit).
        self.delete_some = [some(table) for table in (tables.event, tables.score, tables.sent)]
        content = tables.content
        few = content.select(content.hash).where(content.sid == 0).limit(1)
        self.delete_some_contents = text(content.delete().where(content.sid == 0, content.hash.in_(few)))
        self.some_traces = text(trace.select(trace.tk, trace.spans, trace.events).where(trace.sid == 0).limit(1))

    def _scatter(self, tables: Tables) -> None:
        """What names a user or session elsewhere: three times (user), (None, sid, user), (), (sid), (links, sid)."""
        session, trace, score = tables.session, tables.trace, tables.score
        self.sessions_of_user = text(session.select(session.sid).where(session.user_id == ""))
        self.traces_of_user = text(trace.select(trace.sid, trace.tk).where(trace.user_id == "").order_by(trace.sid))
        self.sessions_of_author = text(score.select(score.sid).where(score.author == "").distinct())
        self.unname_author = text(score.update({score.author: None}).where(score.sid == 0, score.author == ""))
        self._judged(tables)
        linked = session.links.is_null(False)
        self.linked = text(session.select(session.sid, session.links).where(linked))
        self.links_of = text(session.select(session.links).where(session.sid == 0, linked))
        self.put_links = text(session.update({session.links: ""}).where(session.sid == 0))

    def _judged(self, tables: Tables) -> None:
        """What people made of conversations; what each statement takes stands beside it."""
        task, review, item, trace = tables.task, tables.review, tables.item, tables.trace
        # (session id), (sid), (user), (None, user) three times
        self.forget_items = text(item.delete().where(item.session_id == ""))
        inside = trace.select(trace.trace_id).where(trace.sid == 0)
        self.forget_items_within = text(item.delete().where(item.trace_id.in_(inside)))
        self.forget_items_of_user = text(item.delete().where(item.user_id == ""))
        people = ((item, item.author), (review, review.author), (task, task.assignee))
        self.unname = [text(table.update({who: None}).where(who == "")) for table, who in people]
        # A turn moves: (new, old, trace id) twice, the reviews of an item first; it goes: (sid, trace id) twice.
        of_turn = task.select(task.id).where(task.sid == 0, task.trace_id == b"")
        moved = review.update({review.sid: 0}).where(review.sid == 0, review.task.in_(of_turn))
        self.move_reviews = text(moved)
        self.move_tasks = text(task.update({task.sid: 0}).where(task.sid == 0, task.trace_id == b""))
        self.delete_reviews_of_turn = text(review.delete().where(review.sid == 0, review.task.in_(of_turn)))
        self.delete_tasks_of_turn = text(task.delete().where(task.sid == 0, task.trace_id == b""))


def some(table: Table) -> str:
    row = SQL("ctid" if isinstance(table._meta.database, PostgresqlDatabase) else "rowid")
    few = table.select(row).where(table.sid == 0).limit(1)
    return text(table.delete().where(row.in_(few)))
