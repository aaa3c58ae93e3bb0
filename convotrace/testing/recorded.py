"""What the `convotrace` fixture gives a test: the sessions recorded since it began, each app in a store of its own."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from convotrace.model import Conversation, Score, Session
from convotrace.observer import ConvoTrace
from convotrace.observer.core import everyone


class Recorded:
    """The sessions that the apps under test made during one test.

    Args:
        others: Objects that recorded before the test and have nothing to do with it.
    """

    def __init__(self, others: Iterable[ConvoTrace] = ()) -> None:
        self._others = weakref.WeakSet(others)

    def sessions(self) -> list[Session]:
        """Return every session, newest first."""
        found = [session for observer in self._recording() for session in observer.store.sessions(limit=1000)]
        return sorted(found, key=lambda session: session.last_ns, reverse=True)

    def session(self, id: str | None = None) -> Conversation:
        """Return one whole conversation.

        Args:
            id: The session id; without it there must be exactly one session.

        Raises:
            LookupError: There is no such session, or not exactly one.
        """
        ids = [session.id for session in self.sessions()]
        if id is None and len(ids) != 1:
            raise LookupError(f"{len(ids)} sessions were recorded: {ids}; name one of them.")
        for observer in self._recording():
            found = observer.store.session(ids[0] if id is None else id)
            if found is not None:
                return found
        raise LookupError(f"No session {id!r} was recorded; there are {ids}.")

    def evaluate(self, *evaluators: Any) -> list[Score]:
        """Return what evaluators say of everything that was recorded; nothing is stored, so each call judges anew.

        Args:
            evaluators: As the option `evaluators=` takes them: evaluators, functions, names of built-in ones. Each
                sees all of it, whatever its `sample`; a session as if it had been silent long enough.

        Raises:
            SettingsError: One of them is none.
        """
        from convotrace.jobs.evaluation import evaluators_of, tasks
        from convotrace.jobs.trial import judge

        judges = [replace(one, sample=1.0) for one in evaluators_of(evaluators)]
        found: list[Score] = []
        for observer in self._recording():
            for session in observer.store.sessions(order="started", limit=1000):
                conversation = observer.store.session(session.id)
                if conversation is not None:
                    found += judge(list(tasks(conversation, judges, observer.store, time.time_ns())), lambda: True)
        return found

    def _recording(self) -> list[ConvoTrace]:
        return [observer for observer in everyone() if observer.enabled and observer not in self._others]


@contextmanager
def recording() -> Iterator[Recorded]:
    """Have every ConvoTrace object of this process record into memory for a while."""
    others = [observer for observer in everyone() if observer.enabled]
    diverted = [observer for observer in everyone() if not observer.enabled]
    for observer in diverted:
        observer.divert("memory:")
    try:
        yield Recorded(others)
    finally:
        for observer in diverted:
            observer.divert(None)
