"""The fixed SQL of labels, and of the lists that filter by them.

What a statement takes stands in parentheses beside it, as in `statements`.
"""

from __future__ import annotations

from peewee import SQL

from convotrace.store.labels import ESCALATIONS, HAS, KIND, MODEL, STATUS, STATUSES, TOOL
from convotrace.store.rows import LabelRow, SessionRow
from convotrace.store.schema import Table, Tables
from convotrace.store.sql import selection, text, upsert


class LabelStatements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        label = tables.label
        # The row; (kind, key, sid); (sid, first kind); ().
        self.put = upsert(label, LabelRow, "kind", "key", "sid")
        self.delete = text(label.delete().where(label.kind == 0, label.key == "", label.sid == 0))
        self.of_scores = text(label.select(label.kind, label.key, label.num).where(label.sid == 0, label.kind >= 0))
        self.all_sessions = text(selection(tables.session, SessionRow))
        # What traces say of their session: five times (sid, first key of a trace, last key of a trace).
        self.facets = " UNION ".join(_facets(tables.trace, tables.span, tables.event))
        self.lists: dict[tuple[str, bool], str] = {}
        """Statements of lists without a filter, by order and whether continued; made when first asked for."""


def _facets(trace: Table, span: Table, event: Table) -> list[str]:
    wanted = [
        (span, KIND, span.kind, None),
        (span, MODEL, span.model, span.model.is_null(False)),
        (span, TOOL, span.name, span.kind == SQL("'tool'")),
        (trace, STATUS, trace.status, trace.status.in_(_words(STATUSES))),
        (event, HAS, SQL("'escalation'"), event.name.in_(_words(ESCALATIONS))),
    ]
    found = []
    for table, kind, key, condition in wanted:
        rows = table.select(SQL(str(kind)), key).distinct().where(table.sid == 0, table.tk >= 0, table.tk <= 0)
        found.append(text(rows if condition is None else rows.where(condition)))
    return found


def _words(words: tuple[str, ...]) -> SQL:
    return SQL("(" + ", ".join(f"'{word}'" for word in words) + ")")
