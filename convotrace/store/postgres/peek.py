"""The schema of a store in a database, told without opening it as a store: nothing is made or changed."""

from __future__ import annotations

import psycopg

from convotrace.errors import StoreError
from convotrace.store.postgres.location import location


def schema_of(url: str, shown: str) -> int | None:
    """Return the schema of a store, None where there is none yet.

    Raises:
        StoreError: The database cannot be reached.
    """
    place = location(url, shown)
    try:
        with psycopg.connect(place.conninfo, connect_timeout=10, autocommit=True) as link:
            if link.execute("SELECT to_regclass(%s) IS NULL", (f"{place.schema}.meta",)).fetchone() == (True,):
                return None
            found = link.execute(
                psycopg.sql.SQL("SELECT value FROM {}.meta WHERE key = 'schema'").format(
                    psycopg.sql.Identifier(place.schema)
                )
            ).fetchone()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(f"{place.shown} cannot be reached ({reason}); look at its address and rights.") from None
    return None if found is None else int(found[0])
