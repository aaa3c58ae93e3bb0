"""What the page needs from the house around it: settings, records, health, and a way to write a score.

The one implementation lives where rooms are wired together; tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from convotrace.insight.ranges import When
from convotrace.model import (
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

    def search(self, text: str, limit: int = 50, after: str | None = None) -> HitPage:
        """Return one page of hits; raise BadRequest for a text or cursor that cannot be used."""

    def metrics(
        self, since: When = None, until: When = None, *, by: str | None = None, q: str | None = None,
        width: int | str | None = None, most: int = 20, points: bool = True, sessions: bool = False,
    ) -> Metrics:  # fmt: skip
        """Return what many turns come to; raise BadRequest for what cannot be asked."""

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

    def incidents(self, limit: int = 50) -> tuple[Incident, ...]:
        """Return the latest incidents of alert rules."""

    def session_by_key(self, key: str) -> Conversation | None:
        """Return a whole conversation by the key in its address."""

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

    def put(self, change: Change) -> bool:
        """Queue a change; return False where it was dropped (and counted)."""

    def take(self, changes: Sequence[Change], size: int) -> bool:
        """Queue what another service sent, about so many bytes; return False where it must send it again."""

    def forget(self, session_id: str) -> dict[str, Json]:
        """Delete a session for good; return how much that was. Raise StoreError where it cannot be deleted now."""

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
