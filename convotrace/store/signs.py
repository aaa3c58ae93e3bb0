"""Warnings about a session that its reader should see, told from its row."""

from __future__ import annotations

from convotrace.insight.places import SAME_ID
from convotrace.model import Warning
from convotrace.store.codec import decode_column
from convotrace.store.rows import SessionRow
from convotrace.store.sessions import CLIENTS_KEPT

_MEANT = ("callable", "code")
"""Sources of an id that somebody wrote on purpose: many clients under it are no accident."""


def warnings_of(row: SessionRow) -> tuple[Warning, ...]:
    """Return what is doubtful about how the session got its id, and who shares it."""
    found = []
    if row.id_source == "none":
        found.append(
            Warning(
                "every_turn_its_own_id",
                "This turn came with no session id, so it stands alone. Send one id with every request of a "
                "conversation, for example in the header X-Session-ID.",
            )
        )
    if row.id_source not in _MEANT and len(decode_column(row.clients) or ()) >= CLIENTS_KEPT:
        found.append(
            Warning(
                "one_id_many_clients",
                f"Turns of {CLIENTS_KEPT} or more clients came under this one id, so several conversations may be "
                "mixed here. Send an id of its own with each conversation, for example in the header X-Session-ID.",
            )
        )
    if any(relation == SAME_ID for _, relation in decode_column(row.links) or ()):
        found.append(
            Warning(
                "one_id_two_users",
                "Two users came under this one id, so each has a session of their own; the links lead to the other. "
                "Send an id of its own with each conversation, or set split_users=False to keep them together.",
            )
        )
    return tuple(found)
