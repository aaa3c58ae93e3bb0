"""The fixed SQL of labels, and of the lists that filter by them.

What a statement takes stands in parentheses beside it, as in `statements`.
"""

from __future__ import annotations

from convotrace.store.rows import LabelRow, SessionRow
from convotrace.store.schema import Tables
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
        self.lists: dict[tuple[str, bool], str] = {}
        """Statements of lists without a filter, by order and whether continued; made when first asked for."""
