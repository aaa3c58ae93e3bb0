"""What follows from a session's traces and scores, worked out anew for a store of an older schema: a few at a time.

Where it stands is a fact of the store, so that whoever comes next goes on there, also after a kill.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from convotrace.store.database import Connection
from convotrace.store.labelling import label_again
from convotrace.store.native import REST, pause
from convotrace.store.opening import RELABEL, Opened
from convotrace.store.statements import Statements

_AT_ONCE = 20


def waits_for_labels(sql: Statements, connection: Connection) -> bool:
    """Tell whether the sessions of an older schema are not all labelled."""
    return connection.execute(sql.meta_by_key, (RELABEL,)).fetchone() is not None


def relabel(opened: Opened, go_on: Callable[[], bool]) -> None:
    """Go on with the sessions of an older schema, in short transactions."""
    with opened.connections.reading() as connection:
        if not waits_for_labels(opened.sql, connection):
            return
    while go_on():
        began = time.perf_counter()
        with opened.connections.writing() as connection:
            if not _some(opened.sql, connection):
                return
        pause((time.perf_counter() - began) * REST)


def _some(sql: Statements, connection: Connection) -> bool:
    found = connection.execute(sql.meta_by_key, (RELABEL,)).fetchone()
    if found is None:
        return False
    last = label_again(sql, connection, int(found[0]), _AT_ONCE)
    if last is None:
        connection.execute(sql.delete_meta, (RELABEL,))
        return False
    connection.execute(sql.put_meta, (RELABEL, str(last)))
    return True
