"""What the keeper of a store does with it: prune, forget, back up, look for trouble, share out work."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convotrace.errors import BadRequest
from convotrace.later import later
from convotrace.model import Act, Incident
from convotrace.store import audit, folding, indexing, retention
from convotrace.store.indexing import IndexState
from convotrace.store.leases import Leases
from convotrace.store.opening import Opened
from convotrace.store.outbox import Outbox
from convotrace.store.removal import Deletion, Removed
from convotrace.store.retention import Limits

if TYPE_CHECKING:
    from convotrace.insight.rules import ScoreValue
    from convotrace.store import diagnosis, forgetting, incidents, pauses, single_turns
    from convotrace.store.diagnosis import Diagnosis
    from convotrace.store.forgetting import Forgotten
else:
    diagnosis = later("convotrace.store.diagnosis")
    forgetting = later("convotrace.store.forgetting")
    incidents = later("convotrace.store.incidents")
    pauses = later("convotrace.store.pauses")
    single_turns = later("convotrace.store.single_turns")


class Keeper(ABC):
    """The part of a store that reads and writes no conversation."""

    worker: int

    @abstractmethod
    def _ready(self) -> Opened:
        """Return the open database."""

    @property
    def leases(self) -> Leases:
        """The leases by which processes share out what only one of them should do."""
        return Leases(self._ready, self.worker)

    def outbox(self, target: str) -> Outbox:
        """Return what was forwarded to a target, and what waits for it.

        Args:
            target: The name of the target in the store.
        """
        return Outbox(self._ready, target)

    def prune(
        self,
        limits: Limits,
        now_ns: int | None = None,
        actor: str = "code",
        go_on: Callable[[], bool] = indexing.always,
    ) -> Iterator[Removed]:
        """Delete whole sessions over the limits, the longest idle first, in short transactions with rests between.

        Args:
            limits: How much to keep.
            now_ns: The time; now when None.
            actor: Who deletes them, for the audit.
            go_on: Asked between two transactions; False ends it there.

        Yields:
            What each transaction deleted; nothing is deleted without taking it.

        Raises:
            StoreError: The store cannot be written now.
        """
        return retention.prune(self._ready(), limits, time.time_ns() if now_ns is None else now_ns, actor, go_on)

    def over(self, limits: Limits, now_ns: int | None = None) -> Removed:
        """Return what `prune` would delete; of limits in bytes a guess."""
        return retention.over(self._ready(), limits, time.time_ns() if now_ns is None else now_ns)

    def forget(self, *, user: str | None = None, session: str | None = None, actor: str = "code") -> Forgotten:
        """Delete everything of one session, or of one user, for good: rows, and bytes in file and log.

        What a user sent in somebody else's session goes as well; a score the user gave elsewhere loses its author.

        Args:
            user: A user id.
            session: A session id; one of the two.
            actor: Who deletes it, for the audit, which never says what it was.

        Returns:
            How much was deleted: nothing where there was none.

        Raises:
            BadRequest: Neither or both were given.
            StoreError: The store cannot be written now.
        """
        if (user is None) == (session is None):
            raise BadRequest("Name what to forget: forget(user=…) or forget(session=…), one of them.")
        opened, now_ns = self._ready(), time.time_ns()
        if user is not None:
            return forgetting.forget_user(opened, user, now_ns, actor)
        return forgetting.forget_session(opened, session or "", now_ns, actor)

    def note_acts(self, acts: Sequence[Act], keep_ns: int | None = None) -> None:
        """Add lines to the audit; none that is there is ever changed.

        Args:
            acts: What was done, with the key of a session in its address as target.
            keep_ns: Delete lines that are so many ns older than the newest of these.

        Raises:
            StoreError: The store cannot be written now.
        """
        audit.note(self._ready(), acts, keep_ns)

    def acts(self, limit: int = 100, before_ns: int | None = None) -> tuple[Act, ...]:
        """Return who did what, the newest first, with what jobs and commands deleted.

        Args:
            limit: How many lines at most.
            before_ns: Only older ones.

        Raises:
            StoreError: The store cannot be read.
        """
        return audit.acts(self._ready(), limit, before_ns)

    def index(self, go_on: Callable[[], bool] = indexing.always) -> Iterator[int]:
        """Take into the text index what is not in it yet, in short transactions with rests between.

        Args:
            go_on: Asked before each transaction; False ends it there.

        Yields:
            How many traces each transaction took in; nothing is done without taking it.

        Raises:
            StoreError: The store cannot be written now.
        """
        return indexing.fill(self._ready(), go_on)

    def tidy_index(self, go_on: Callable[[], bool] = indexing.always) -> None:
        """Bring the text index into one piece, in short transactions: then the words of deleted rows have left it.

        Args:
            go_on: Asked before each transaction; False ends it there.

        Raises:
            StoreError: The store cannot be written now.
        """
        indexing.tidy(self._ready(), go_on)

    def waits_for_index(self) -> bool:
        """Tell whether `index` has anything to do."""
        return indexing.any_waits(self._ready())

    def index_state(self) -> IndexState:
        """Return whether there is a text index, and how many traces wait for it."""
        return indexing.state(self._ready())

    def roll_up(self, now_ns: int | None = None, go_on: Callable[[], bool] = indexing.always) -> None:
        """Bring what is counted into buckets of minutes, hours and days, in short transactions; drop those too old.

        Metrics are exact without it, but slower with each minute.

        Args:
            now_ns: The time; now when None.
            go_on: Asked before each transaction; False ends it there.

        Raises:
            StoreError: The store cannot be written now.
        """
        folding.roll_up(self._ready(), time.time_ns() if now_ns is None else now_ns, go_on)

    def waits_for_roll_up(self) -> bool:
        """Tell whether `roll_up` has anything to do."""
        return folding.is_waiting(self._ready(), time.time_ns())

    def open_incidents(self) -> tuple[Incident, ...]:
        """Return every incident that has not ended, the latest first."""
        return incidents.open_incidents(self._ready())

    def incidents(self, limit: int = 50) -> tuple[Incident, ...]:
        """Return the latest incidents of alert rules.

        Raises:
            BadRequest: The limit cannot be used.
            StoreError: The store cannot be read.
        """
        return incidents.incidents(self._ready(), limit)

    def put_incident(self, incident: Incident) -> None:
        """Write an incident, over what was written of it before."""
        incidents.put(self._ready(), incident)

    def paused_rules(self) -> dict[str, int]:
        """Return the names of the alert rules that are paused, each with the moment in ns since when."""
        return pauses.paused(self._ready())

    def pause_rule(self, rule: str, now_ns: int | None = None) -> None:
        """Pause an alert rule, in every process: nothing of it is read or told until `resume_rule`."""
        pauses.pause(self._ready(), rule, time.time_ns() if now_ns is None else now_ns)

    def resume_rule(self, rule: str) -> None:
        """Let a paused alert rule go on."""
        pauses.go_on(self._ready(), rule)

    def slow_turns(
        self, since_ns: int, until_ns: int, is_beyond: Callable[[float], bool], q: str | None = None
    ) -> tuple[int, int]:
        """Return how many turns of a short time took as long as is asked, and of how many their time is known.

        Args:
            since_ns: From when.
            until_ns: Until when.
            is_beyond: Asked with the milliseconds of each.
            q: Only turns of the sessions that this filter finds.
        """
        return single_turns.slow_turns(self._ready(), since_ns, until_ns, is_beyond, q, time.time_ns())

    def score_values(self, name: str, since_ns: int, until_ns: int) -> tuple[ScoreValue, ...]:
        """Return the scores of a name in some time, the latest first: their numbers, and whether they passed."""
        return single_turns.score_values(self._ready(), name, since_ns, until_ns)

    def deletions(self, limit: int = 20) -> list[Deletion]:
        """Return what was deleted lately, the newest first: how much, by whom and when, never whose it was."""
        return diagnosis.deletions(self._ready(), limit)

    def backup(self, path: str | Path) -> int:
        """Write a copy of the store, whole and as of one moment, also while it is written; return its bytes.

        Args:
            path: A new file, readable by its owner only; it appears when the copy is complete.

        Raises:
            StoreError: There is something at that path, or the copy cannot be made.
        """
        return self._ready().upkeep.backup(Path(path))

    def diagnosis(self) -> Diagnosis:
        """Return the state of the store, and what is wrong with it; reads all of it."""
        return diagnosis.diagnose(self._ready(), time.time_ns())
