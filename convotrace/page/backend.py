"""What the page needs from the house around it: settings, records, health, and a way to write a score.

The one implementation lives where rooms are wired together; tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from convotrace.insight.agreement import Agreement
from convotrace.insight.arms import Arms
from convotrace.insight.cohort import Summary
from convotrace.insight.datasets import Dataset, Item, Version
from convotrace.insight.definitions import ScoreDefinition, ScoreStats
from convotrace.insight.flow import Flow
from convotrace.insight.queues import Queue, Task
from convotrace.insight.ranges import When
from convotrace.insight.rehearsal import Rehearsal
from convotrace.insight.tool_report import ToolReport
from convotrace.model import (
    Act,
    Activity,
    Attachment,
    Bar,
    Change,
    Conversation,
    Excerpt,
    Facets,
    HitPage,
    Incident,
    Json,
    Mention,
    Metrics,
    Places,
    SessionPage,
    View,
)
from convotrace.page.watch import Watch
from convotrace.pricing import Prices
from convotrace.settings import Settings

T = TypeVar("T")


class Reader(Protocol):
    """The part of a store that pages read."""

    def sessions(
        self, q: str | None = None, order: str = "-last", limit: int = 50, after: str | None = None
    ) -> SessionPage:
        """Return one page of sessions; raise BadRequest for a filter, order or cursor that cannot be used."""

    def sessions_document(
        self, q: str | None = None, order: str = "-last", limit: int = 50, after: str | None = None
    ) -> dict[str, Json]:
        """Return one page of sessions as JSON; raise BadRequest as `sessions` does."""

    def search(self, text: str, limit: int = 50, after: str | None = None) -> HitPage:
        """Return one page of hits; raise BadRequest for a text or cursor that cannot be used."""

    def metrics(
        self, since: When = None, until: When = None, *, by: str | None = None, q: str | None = None,
        width: int | str | None = None, most: int = 20, points: bool = True, sessions: bool = False,
    ) -> Metrics:  # fmt: skip
        """Return what many turns come to; raise BadRequest for what cannot be asked."""

    def summary(
        self, since_ns: int, until_ns: int, q: str | None = None, width_ns: int | None = None, most: int = 8_000
    ) -> Summary:
        """Return what the sessions that began in a range come to."""

    def arms(
        self, by: str, a: str, b: str, since: When = None, until: When = None, q: str | None = None, most: int = 8_000
    ) -> Arms:
        """Return two groups of sessions side by side; raise BadRequest for what cannot be asked."""

    def flow(
        self, since: When = None, until: When = None, q: str | None = None, steps: str = "", at: str = "",
        most: int = 8_000, most_read: int = 1_000,
    ) -> Flow:  # fmt: skip
        """Return where sessions lose people; raise BadRequest for what cannot be asked."""

    def places(self, q: str | None = None, order: str = "-last", every: int = 100) -> Places:
        """Return where the pages of a whole list begin; raise BadRequest as `sessions` does."""

    def facets(self, q: str | None = None, most: int = 10_000) -> Facets:
        """Return what the newest sessions of a filter have in common."""

    def bars(self, q: str | None, start_ns: int, width_ns: int, number: int) -> tuple[Bar, ...]:
        """Return how many sessions of a filter were last active in each stretch of time."""

    def changes(self, q: str | None, since_ns: int) -> tuple[Activity, ...]:
        """Return the sessions of a filter that were active since a moment."""

    def change(self, key: str) -> tuple[Activity, ...]:
        """Return how the session of a key stands now."""

    def views(self) -> tuple[View, ...]:
        """Return the saved views by name."""

    def put_view(self, view: View) -> None:
        """Save a view; raise BadRequest where there are too many."""

    def drop_view(self, name: str) -> None:
        """Forget a saved view."""

    def tools(self, q: str | None = None, limit: int = 200, patience: float | None = None) -> ToolReport:
        """Return what tools and retrieval were worth in the newest sessions of a filter."""

    def paused_rules(self) -> dict[str, int]:
        """Return the names of paused alert rules, each with the moment since when."""

    def pause_rule(self, rule: str) -> None:
        """Pause an alert rule."""

    def resume_rule(self, rule: str) -> None:
        """Let a paused alert rule go on."""

    def incidents(self, limit: int = 50) -> tuple[Incident, ...]:
        """Return the latest incidents of alert rules."""

    def session_by_key(self, key: str) -> Conversation | None:
        """Return a whole conversation by the key in its address."""

    def document_by_key(self, key: str, most: int | None = None) -> dict[str, Json] | None:
        """Return a whole conversation as JSON by the key in its address, None also where it has more turns."""

    def excerpt_by_key(
        self,
        key: str,
        *,
        turn: int = 1,
        trace_id: str | None = None,
        began_ns: int | None = None,
        count: int = 50,
        is_light: bool = False,
    ) -> Excerpt | None:
        """Return some turns of a session by the key in its address, from a number or a trace on."""

    def turns_saying(self, key: str, text: str) -> tuple[Mention, ...]:
        """Return the turns of a session that say a text, in order."""

    def score_definitions(self) -> dict[str, ScoreDefinition]:
        """Return what is defined of scores, by their names."""

    def put_score_definition(self, *given: ScoreDefinition) -> None:
        """Keep definitions; raise BadRequest where there are too many."""

    def drop_score_definition(self, name: str) -> None:
        """Forget a definition."""

    def score_stats(
        self, name: str, since_ns: int = 0, until_ns: int | None = None, q: str | None = None
    ) -> ScoreStats:
        """Return what the scores of a name come to."""

    def agreement(self, name: str, queue: str | None = None, q: str | None = None) -> Agreement:
        """Return how far people agree in the scores of a name."""

    def queues(self) -> tuple[Queue, ...]:
        """Return the annotation queues by name."""

    def queue(self, name: str) -> Queue | None:
        """Return an annotation queue."""

    def put_queue(self, queue: Queue) -> None:
        """Make or change a queue; raise BadRequest where there are too many."""

    def drop_queue(self, name: str) -> None:
        """Delete a queue with its items."""

    def fill_queue(
        self, name: str, q: str | None = None, *, turns: str = "all", sample: float = 1.0, most: int = 1000
    ) -> int:
        """Add to a queue what a filter finds; raise BadRequest for what cannot be asked."""

    def add_to_queue(
        self, name: str, session_id: str, trace_id: str | None = None, assignee: str | None = None
    ) -> bool:
        """Add one session or turn to a queue by hand."""

    def tasks(self, name: str, only: Collection[str] | None = None, is_light: bool = False) -> tuple[Task, ...]:
        """Return the items of a queue in their order."""

    def review(self, name: str, task_id: str, author: str, state: str, took_ns: int | None = None) -> None:
        """Note that somebody was through with an item of a queue."""

    def assign(self, name: str, task_id: str, assignee: str | None) -> None:
        """Ask one person alone for an item of a queue."""

    def datasets(self) -> tuple[Dataset, ...]:
        """Return the datasets by name."""

    def dataset(self, name: str) -> Dataset | None:
        """Return a dataset."""

    def items(self, name: str, version: int | None = None) -> Iterator[Item]:
        """Yield the items of a dataset; raise BadRequest for a version that is none."""

    def export_dataset(self, name: str, format: str = "jsonl", version: int | None = None) -> Iterator[bytes]:
        """Return a dataset as the parts of a file."""

    def put_dataset(self, name: str, about: str = "") -> None:
        """Make a dataset."""

    def drop_dataset(self, name: str) -> None:
        """Delete a dataset with all its versions."""

    def fill_dataset(
        self, name: str, q: str | None = None, *, on: str = "turn", turns: str = "all", most: int = 10_000,
        queue: str | None = None,
    ) -> int:  # fmt: skip
        """Copy sessions or turns into the working copy of a dataset."""

    def add_to_dataset(self, name: str, session_id: str, trace_id: str | None = None) -> bool:
        """Copy one session or turn into the working copy of a dataset."""

    def remove_from_dataset(self, name: str, item_id: str) -> bool:
        """Take an item out of the working copy."""

    def expect(self, name: str, item_id: str, expected: str | None, author: str | None = None) -> None:
        """Write down what the answer of an item should have been."""

    def commit_dataset(self, name: str, note: str = "") -> Version:
        """Make a version of the working copy."""

    def attachment_by_key(self, key: str, attachment_id: str) -> Attachment | None:
        """Return an attachment of a session with its bytes, by the key in its address."""


class Backend(Protocol):
    """Everything a page may ask for."""

    @property
    def settings(self) -> Settings:
        """Return the options in force."""

    def drain(self) -> None:
        """Wait, for a bounded time, until what this process recorded is stored."""

    def store(self) -> Reader:
        """Return the open store; raise StoreError where it cannot be opened."""

    def token(self) -> str | None:
        """Return the token that opens the page, None where there is none."""

    def health(self) -> dict[str, Json]:
        """Return the state of queue, writer and store."""

    def dropped(self) -> Json:
        """Return what that state tells of records that were dropped, by what they were and why."""

    def put(self, change: Change) -> bool:
        """Queue a change; return False where it was dropped (and counted)."""

    def take(self, changes: Sequence[Change], size: int) -> bool:
        """Queue what another service sent, about so many bytes; return False where it must send it again."""

    def forget(self, session_id: str) -> dict[str, Json]:
        """Delete a session for good; return how much that was. Raise StoreError where it cannot be deleted now."""

    def note(self, act: Act) -> None:
        """Note what a visitor did, without waiting; never raises."""

    def acts(self, limit: int, before_ns: int | None) -> tuple[Act, ...]:
        """Return the newest lines of the audit, older than a moment; raise StoreError where it cannot be read."""

    def rehearse(self, rule: Any, since_ns: int, until_ns: int) -> Rehearsal:
        """Return what an alert rule would have told in some time; takes a few seconds at most."""

    def quietly(self, work: Callable[[], T]) -> T:
        """Return what some work gives, unseen by the app's own telemetry."""

    def watch(self) -> Watch:
        """Return what all live tabs of this process share."""

    def prices(self) -> Prices:
        """Return the prices in force."""

    def trace_of_ticket(self, ticket: str) -> str | None:
        """Return the id of the trace that the ticket of an end user is for, None for a ticket that is none."""

    def count(self, what: str, number: int) -> None:
        """Add to what the receiver counts: requests, refused, spans, rejected, logs."""

    def failed(self, where: str, error: BaseException) -> None:
        """Count a failure of our own."""
