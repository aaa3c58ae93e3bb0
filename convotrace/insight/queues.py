"""What an annotation queue is: which scores are asked for, of which sessions or turns, and how far people are.

Where queues and their items are kept is known to the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from convotrace.errors import BadRequest
from convotrace.model import Json

NOTE, CORRECTION = "note", "correction"
"""Names of the scores that hold what a person wrote: a remark, and the answer as it should have been."""

WRITTEN = frozenset({NOTE, CORRECTION})
LONGEST_WRITTEN = 32_000

DONE, SKIPPED = "done", "skipped"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_MOST_RATERS, _MOST_SCORES = 20, 30


@dataclass(frozen=True)
class Queue:
    """A list of sessions or turns that people go through.

    Args:
        name: What stands in addresses: letters, digits, `_` and `-`.
        scores: Names of the scores to give; all that are defined for what is judged where empty.
        on: `turn` or `session`.
        raters: How many people have to judge each item.
        about: A line for those who judge.
    """

    name: str
    scores: tuple[str, ...] = ()
    on: str = "turn"
    raters: int = 1
    about: str = ""
    made_ns: int = 0

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        told = {"name": self.name, "on": self.on, "raters": self.raters, "about": self.about}
        return {**told, "scores": list(self.scores)}


@dataclass(frozen=True)
class Review:
    """What one person did with an item: judged or skipped it."""

    author: str | None
    state: str
    at_ns: int
    took_ns: int | None = None


@dataclass(frozen=True)
class Task:
    """One item of a queue: a session, or a turn of it."""

    id: str
    queue: str
    session_id: str
    key: str
    trace_id: str | None
    why: str
    """How it came in: `filter`, `sampled` or `by hand`."""
    added_ns: int
    assignee: str | None = None
    title: str = ""
    """What the user wrote in the turn, or first in the session."""
    turns: int = 0
    reviews: tuple[Review, ...] = ()

    def is_done(self, raters: int) -> bool:
        """Tell whether enough people judged it, or somebody skipped it and nobody else is asked."""
        finished = {one.author for one in self.reviews if one.state == DONE or raters == 1}
        return len(finished) >= raters

    def waits_for(self, author: str, raters: int) -> bool:
        """Tell whether a person is still asked for it."""
        if self.is_done(raters) or any(one.author == author for one in self.reviews):
            return False
        return self.assignee in (None, "", author)

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        done: list[Json] = [{"author": one.author, "state": one.state} for one in self.reviews]
        return {"id": self.id, "session_id": self.session_id, "key": self.key, "trace_id": self.trace_id,
                "why": self.why, "assignee": self.assignee, "title": self.title, "reviews": done}  # fmt: skip


def task_id(queue: str, session_id: str, trace_id: str | None) -> str:
    """Return the id of an item: the same for a turn in a queue, also where the turn moves to another session."""
    said = f"{queue}\0{trace_id or ''}\0{'' if trace_id else session_id}"
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def checked_name(name: Any, what: str) -> str:
    """Return the name of a queue or dataset.

    Raises:
        BadRequest: It cannot stand in an address.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    came = repr(name) if len(repr(name)) < 60 else f"{len(str(name)):,} characters"
    raise BadRequest(f"name of the {what} came as {came}; use 1 to 60 letters, digits, _ or -, such as low-scores.")


def queue_of(facts: Mapping[str, Any], made_ns: int) -> Queue:
    """Return the queue that JSON tells of.

    Raises:
        BadRequest: Something in it cannot be used.
    """
    name, on = checked_name(facts.get("name"), "queue"), facts.get("on") or "turn"
    if on not in ("turn", "session"):
        raise BadRequest(f"on came as {on!r}; use turn or session.")
    raters = facts.get("raters") or 1
    if type(raters) is not int or not 1 <= raters <= _MOST_RATERS:
        raise BadRequest(f"raters came as {raters!r}; use 1 to {_MOST_RATERS}.")
    scores = facts.get("scores") or ()
    if not isinstance(scores, (list, tuple)) or not all(isinstance(one, str) and one for one in scores):
        raise BadRequest("scores came as something else than a list of names of scores.")
    if len(scores) > _MOST_SCORES:
        raise BadRequest(f"{len(scores)} scores came; ask for at most {_MOST_SCORES}.")
    return Queue(name, tuple(scores), on, raters, str(facts.get("about") or "")[:500], made_ns)
