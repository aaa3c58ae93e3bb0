"""What a store holds of some sessions, counted in the words of `posting.Summary`, to be held against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from convotrace.model import Conversation

if TYPE_CHECKING:
    from convotrace.store import Store


def totals(store: Store, session_ids: Iterable[str]) -> Counter[str]:
    """Count sessions, turns, spans by kind, errors and scores of the sessions that are there."""
    counts: Counter[str] = Counter()
    for session_id in session_ids:
        conversation = store.session(session_id)
        if conversation is not None:
            counts.update(_of(conversation))
    return counts


def _of(conversation: Conversation) -> Counter[str]:
    spans = [span for trace in conversation.traces for span in trace.spans]
    counts = Counter(span.kind for span in spans)
    counts["sessions"] = 1
    counts["turns"] = conversation.session.turns
    counts["errors"] = conversation.session.errors
    counts["scores"] = len(conversation.scores)
    counts["scores"] += sum(len(trace.scores) for trace in conversation.traces) + sum(len(s.scores) for s in spans)
    return counts
