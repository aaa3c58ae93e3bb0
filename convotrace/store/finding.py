"""Which turns of one session say a text: any part of it, whatever its case and accents, as a reader looks for it.

Search over all sessions, by whole words and an index, is in `searching`; this reads one session and needs no index.
"""

from __future__ import annotations

import unicodedata

from convotrace.model import Mention
from convotrace.store.codec import original
from convotrace.store.conversations import row_of_key
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened


def turns_saying(opened: Opened, key: str, text: str) -> tuple[Mention, ...]:
    """Return the turns of the session of a key that say a text; see `Store.turns_saying`."""
    wanted, row = folded(text.strip()), row_of_key(opened, key)
    if row is None or not wanted:
        return ()
    found = []
    with opened.connections.reading() as connection:
        rows = connection.execute(opened.sql.spoken_in, (row.sid,))
        for number, (trace_id, started, *texts) in enumerate(rows, 1):
            if any(one and wanted in folded(original(one) or "") for one in texts):
                found.append(Mention(number, unpack_trace_id(trace_id), started))
    return tuple(found)


def folded(text: str) -> str:
    """Return a text without what a reader overlooks: case, accents, the width of characters."""
    if text.isascii():
        return text.lower()
    # Twice: a letter of mathematics is one of the alphabet only after the first, and has its case then.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))
