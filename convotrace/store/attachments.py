"""One attachment with its bytes, found by its session and its own id; everything else reads traces without them."""

from __future__ import annotations

from dataclasses import replace

from convotrace.model import Attachment
from convotrace.store.conversations import row_of_id, row_of_key
from convotrace.store.opening import Opened
from convotrace.store.rows import ContentRow, SessionRow
from convotrace.store.to_records import attachments_in


def by_id(opened: Opened, session_id: str, attachment_id: str) -> Attachment | None:
    """Return an attachment of the session of an id."""
    return _attachment(opened, row_of_id(opened, session_id), attachment_id)


def by_key(opened: Opened, key: str, attachment_id: str) -> Attachment | None:
    """Return an attachment of the session of a key."""
    return _attachment(opened, row_of_key(opened, key), attachment_id)


def _attachment(opened: Opened, session: SessionRow | None, attachment_id: str) -> Attachment | None:
    if session is None:
        return None
    with opened.connections.reading() as connection:
        extras = connection.execute(opened.sql.extras_of, (session.sid,))
        files = (file for (extra,) in extras for file in attachments_in(extra))
        found = next((file for file in files if file.id == attachment_id), None)
        if found is None or found.hash is None:
            return found
        content = connection.execute(opened.sql.content_at, (session.sid, bytes.fromhex(found.hash))).fetchone()
    return found if content is None else replace(found, data=ContentRow._make(content).body)
