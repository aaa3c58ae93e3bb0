"""What the store answers beside sessions: lists, facets, what a search found, incidents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime

from convotrace.model.sessions import Session
from convotrace.model.values import as_datetime
from convotrace.quick import record


@record(frozen=True, slots=True)
class View:
    """A list under a name: its filter and its order."""

    name: str
    q: str = ""
    order: str = "-last"


@record(frozen=True, slots=True)
class Places:
    """Where the pages of a whole list begin, so that any of them can be read alone."""

    every: int
    """Rows from one cursor to the next."""
    cursors: tuple[str, ...] = ()
    """The `after` of the second page, the third, and so on."""
    total: int = 0
    is_capped: bool = False
    """Whether there are more rows than were counted."""


@record(frozen=True, slots=True)
class Facet:
    """One value of a field, and how many sessions have it."""

    value: str
    count: int


@record(frozen=True, slots=True)
class Facets:
    """What the newest sessions of a filter have in common, by the name of the field, the commonest value first."""

    total: int = 0
    is_capped: bool = False
    """Whether there are more sessions than were counted."""
    fields: Mapping[str, tuple[Facet, ...]] = field(default_factory=dict)
    is_sampled: bool = False
    """Whether the values are those of the newest sessions alone: then each of their counts may be higher."""


@record(frozen=True, slots=True)
class Bar:
    """One stretch of time: sessions that were last active in it, and those of them with errors."""

    start_ns: int
    sessions: int
    failing: int


@record(frozen=True, slots=True)
class Activity:
    """How a session stands: what tells a live view that there is something new; each change counts `version` up."""

    key: str
    version: int
    last_ns: int
    turns: int
    errors: int
    outcome: str


@record(frozen=True, slots=True)
class Passage:
    """A piece of a text in which something was found; `marks` are from where to where in it, in characters."""

    where: str
    """One of `input output error note`."""
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@record(frozen=True, slots=True)
class Hit:
    """One trace in which something was found; `turn` is None where it is no turn."""

    session: Session
    trace_id: str
    turn: int | None
    at_ns: int
    found: tuple[Passage, ...] = ()


@record(frozen=True, slots=True)
class HitPage:
    """One page of what a search found; `next` is the cursor of the following page, None at the end."""

    hits: tuple[Hit, ...] = ()
    next: str | None = None
    waiting: int = 0
    """Traces that are not in the index yet, so that a search cannot find them; at most 10,000 are counted."""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


@record(frozen=True, slots=True)
class Mention:
    """A turn of a session that says what was looked for in it: its number, its trace and when that began."""

    turn: int
    trace_id: str
    at_ns: int


@record(frozen=True, slots=True)
class Incident:
    """One firing of an alert rule."""

    id: str
    rule: str
    state: str
    """How it stood last before it ended: `warn` `alert` `no_data`."""
    opened_ns: int
    closed_ns: int | None = None
    value: float | None = None
    threshold: float | None = None
    reason: str = ""
    sessions: tuple[str, ...] = ()
    """Ids of sessions that show it."""
    told_ns: int = 0
    of_session: bool = False
    """Whether a rule over one session fired."""

    @property
    def opened_at(self) -> datetime | None:
        return as_datetime(self.opened_ns)

    @property
    def closed_at(self) -> datetime | None:
        return as_datetime(self.closed_ns)
