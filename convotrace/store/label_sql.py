"""The fixed SQL of labels, and of the lists that filter by them.

What a statement takes stands in parentheses beside it, as in `statements`.
"""

from __future__ import annotations

from convotrace.store.rows import LabelRow, SessionRow
from convotrace.store.schema import Tables, ranks
from convotrace.store.sql import selection, text, upsert


class LabelStatements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        label = tables.label
        # The row; (kind, key, sid); (sid, first kind); (sid, limit).
        self.put = upsert(label, LabelRow, "kind", "key", "sid")
        self.delete = text(label.delete().where(label.kind == 0, label.key == "", label.sid == 0))
        self.of_scores = text(label.select(label.kind, label.key, label.num).where(label.sid == 0, label.kind >= 0))
        following = selection(tables.session, SessionRow).where(tables.session.sid > 0).order_by(tables.session.sid)
        self.sessions_after = text(following.limit(1))
        self.ranks = tuple(ranks(tables.session))
        """The orders that indexes of sessions at rest know."""
        self.lists: dict[tuple[str, bool], str] = {}
        """Statements of lists without a filter, by order and whether continued; made when first asked for."""
        self.ranked: dict[tuple[str, bool], str] = {}
        """The same of those that are sorted by these indexes."""
