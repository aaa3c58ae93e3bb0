"""What people did with what is stored: the lines of the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from convotrace.model.values import Json

ACTIONS = ("view", "search", "annotate", "export", "erase")
"""What is noted of people; what jobs delete by themselves stands beside it under its own name."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did.

    Attributes:
        at_ns: When.
        actor: Who: the name that the app's `auth` gave, else `token`, `loopback`, `cli:<user>`.
        action: One of `ACTIONS`, or what a job or command deleted.
        target: The key of the session in its address; None where it was none, or is forgotten.
        subject: A number that stays the same for one session, also when that is forgotten.
        detail: More, such as the filter of a search.
    """

    at_ns: int
    actor: str
    action: str
    target: str | None = None
    subject: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When, in UTC."""
        return datetime.fromtimestamp(self.at_ns / 1e9, UTC)
