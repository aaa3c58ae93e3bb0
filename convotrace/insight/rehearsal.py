"""What a rule would have told of the past, as a record; `jobs.rehearsal` finds it out."""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.rules import Notice


@dataclass(frozen=True)
class Rehearsal:
    """What a rule would have told.

    Attributes:
        notices: In order; of a rule over one session, one for each session that alerts, as it stands now.
        looked: At how many moments, or sessions.
        every_ns: How far apart the moments are; 0 of a rule over one session.
        is_cut: Whether there were more sessions than are looked at.
    """

    rule: str
    words: str
    notices: tuple[Notice, ...]
    looked: int
    every_ns: int = 0
    is_cut: bool = False

    @property
    def alerts(self) -> int:
        return sum(notice.kind == "alert" for notice in self.notices)
