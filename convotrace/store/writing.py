"""Changes into the store: each call is one short transaction, exact however often it is repeated."""

from __future__ import annotations

from collections.abc import Sequence

from convotrace.model import Change
from convotrace.store.building import Builder
from convotrace.store.counting import Count, Counter
from convotrace.store.database import Again
from convotrace.store.holding import held_since
from convotrace.store.lonely import settled, stored_of
from convotrace.store.native import new_lock
from convotrace.store.opening import Opened
from convotrace.store.remembered import Held
from convotrace.store.transaction import Transaction
from convotrace.store.uniting import runs, spread, united

_ATTEMPTS = 8


class Recorder:
    """Writes changes into one opened database."""

    def __init__(self, opened: Opened, sid_secret: bytes, content_secret: bytes, worker: int) -> None:
        self._opened = opened
        self._builder = Builder(sid_secret, content_secret, worker, opened.presses, self._held)
        self._counter = Counter(opened.sql.buckets, worker)
        self._lock = new_lock()

    def write(self, changes: Sequence[Change], retry: bool) -> list[Change | None]:
        """Write changes in one transaction, or none of them.

        Args:
            changes: In the order in which they happened.
            retry: Each may have been written already: look before adding it up.

        Returns:
            What was written for each of them, as it was decided.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._attempt(changes, careful=retry or attempt > 0, is_first=attempt == 0)
                except Again:
                    continue
        raise RuntimeError("the keys of the store collide without end")

    def count(self) -> None:
        """Write into the buckets what was counted and is not written yet."""
        with self._lock:
            if not self._counter.is_waiting:
                return
            try:
                # Its own buckets: a lock that nobody else asks for lets the others go on.
                with self._opened.connections.writing({self._counter.writer}) as connection:
                    count = Count(self._counter, connection, is_alone=False)
                    count.finish(now=True)
            except BaseException:
                self._counter.distrust()
                raise
            count.committed()

    def _attempt(self, changes: Sequence[Change], careful: bool, is_first: bool) -> list[Change | None]:
        positions, changes = united(changes)
        try:
            written, born = self._written(changes, careful, is_first)
        except BaseException:
            self._builder.packer.rollback()
            self._counter.distrust()
            raise
        self._builder.packer.commit(born)
        return spread(written, positions)

    def _written(
        self, changes: Sequence[Change], careful: bool, is_first: bool
    ) -> tuple[list[Change | None], dict[int, int]]:
        builder = self._builder
        if careful:
            for change in changes:
                builder.forget(change.session.id)
        changes, alone = (changes, []) if careful else settled(self._opened, changes)
        # Encoding, hashing and compression happen before the write lock is taken.
        built = [None if careful else builder.early(change) for change in changes]
        written: list[Change | None] = []
        # Whatever stands elsewhere than supposed is found in the next attempt, which has the whole store.
        sessions = self._sessions(changes) if self._opened.connections.by_session and is_first else None
        with self._opened.connections.writing(sessions) as connection:
            if alone and stored_of(self._opened.sql, connection, alone):
                raise Again
            count = Count(self._counter, connection, is_alone=sessions is None)
            transaction = Transaction(builder, self._opened.sql, connection, careful, count, sessions)
            for run in runs(changes):
                written += transaction.write([(changes[i], built[i]) for i in run])
            born = transaction.finish()
        count.committed()
        return written, born

    def _held(self, sid: int, place: bytes) -> Held | None:
        with self._opened.connections.reading() as connection:
            return held_since(self._opened.sql, connection, sid, place)

    def _sessions(self, changes: Sequence[Change]) -> set[int] | None:
        """Return the keys of all sessions that changes touch, None where what is stored decides.

        One that stands elsewhere than supposed is noticed, and the next attempt has the whole store.
        """
        ids: set[str | None] = set()
        for change in changes:
            if change.decide is not None or change.takes or change.moves:
                return None
            facts = change.session
            ids |= {facts.id, facts.other_id, change.written_as, *(link.session_id for link in facts.links)}
        return {self._builder.keys.of(id) for id in ids if id is not None}
