"""Leases: what only one of all processes on a store should do at a time, or once in a while.

A lease is free from its `until` on. Its holder moves that ahead while it works, and to the next time when it is done;
one that died lets go by itself. Time is the callers'.
"""

from __future__ import annotations

from collections.abc import Callable

from convotrace.store.opening import Opened
from convotrace.store.rows import LeaseRow


class Leases:
    """The leases of one store.

    Args:
        ready: Returns the open database.
        holder: The number under which this process holds them.
    """

    def __init__(self, ready: Callable[[], Opened], holder: int) -> None:
        self._ready, self._holder = ready, holder

    def take(self, name: str, now_ns: int, until_ns: int, longest_ns: int) -> bool:
        """Take a lease, if it is free.

        Args:
            name: What is to be done.
            now_ns: The time.
            until_ns: From when on it is free again, unless it is kept.
            longest_ns: Further ahead nobody can hold it: then a clock was set back, and it is free.

        Returns:
            Whether it is this process's now.
        """
        opened = self._ready()
        until = self.until(name)
        # Most of the time it is not free: a look is cheaper than the write lock.
        if until is not None and now_ns < until <= now_ns + longest_ns:
            return False
        row = (*LeaseRow(name, self._holder, until_ns), now_ns, now_ns + longest_ns)
        with opened.connections.writing(()) as connection:
            return connection.execute(opened.sql.keeping.take_lease, row).rowcount == 1

    def keep(self, name: str, until_ns: int) -> bool:
        """Move the end of a lease; return whether this process held it still."""
        opened = self._ready()
        with opened.connections.writing(()) as connection:
            return connection.execute(opened.sql.keeping.keep_lease, (until_ns, name, self._holder)).rowcount == 1

    def until(self, name: str) -> int | None:
        """Return from when on a lease is free, None where nobody ever took it."""
        opened = self._ready()
        with opened.connections.reading() as connection:
            found = connection.execute(opened.sql.keeping.lease_until, (name,)).fetchone()
        return None if found is None else int(found[0])
