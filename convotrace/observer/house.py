"""What the page gets from the observer: records, health, and a way to write. The page's `Backend`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from convotrace import hooks
from convotrace.capture.tickets import MINT
from convotrace.model import Json
from convotrace.observer.guard import Guard
from convotrace.observer.ledger import Ledger
from convotrace.pricing import Prices
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.insight.rehearsal import Rehearsal
    from convotrace.model import Act, Change
    from convotrace.observer.auditing import Auditor
    from convotrace.page.watch import Watch
    from convotrace.store import Store

T = TypeVar("T")

REHEARSAL_SECONDS, REHEARSAL_READINGS = 4.0, 200
"""For how long a page tries a rule on the past, and at how many moments."""

DRAIN_SECONDS = 1.0
"""A page waits so long for this process's own queue; what takes longer appears on the next read."""


class Observed(Protocol):
    """The part of a ConvoTrace that the page needs."""

    guard: Guard
    ledger: Ledger
    prices: Prices

    @property
    def settings(self) -> Settings: ...

    @property
    def watch(self) -> Watch: ...

    @property
    def auditor(self) -> Auditor: ...

    def open_store(self) -> Store: ...

    def flush(self, timeout: float = 5.0) -> bool: ...

    def health(self) -> dict[str, Json]: ...

    def dropped(self) -> Json: ...

    def put(self, change: Change) -> bool: ...

    def take(self, changes: Sequence[Change], size: int) -> bool: ...


class House:
    """The page's view of one ConvoTrace."""

    def __init__(self, observer: Observed) -> None:
        self._observer = observer

    @property
    def settings(self) -> Settings:
        return self._observer.settings

    def drain(self) -> None:
        self._observer.flush(DRAIN_SECONDS)

    def store(self) -> Store:
        return self._observer.open_store()

    def token(self) -> str | None:
        return self.settings.token or self.store().token()

    def health(self) -> dict[str, Json]:
        return self._observer.health()

    def dropped(self) -> Json:
        return self._observer.dropped()

    def put(self, change: Change) -> bool:
        return self._observer.put(change)

    def take(self, changes: Sequence[Change], size: int) -> bool:
        return self._observer.take(changes, size)

    def forget(self, session_id: str) -> dict[str, Json]:
        # What was searched for has to stand there before it is taken out again.
        self._observer.guard.attempt("audit", self._observer.auditor.write)
        return dict(vars(self.store().forget(session=session_id, actor="page")))

    def note(self, act: Act) -> None:
        self._observer.guard.attempt("audit", self._observer.auditor.add, act)

    def acts(self, limit: int, before_ns: int | None) -> tuple[Act, ...]:
        self._observer.guard.attempt("audit", self._observer.auditor.write)
        return self.store().acts(limit, before_ns)

    def rehearse(self, rule: Any, since_ns: int, until_ns: int) -> Rehearsal:
        from convotrace.jobs.rehearsal import rehearse

        deadline = monotonic() + REHEARSAL_SECONDS
        return rehearse(self.store(), rule, since_ns, until_ns, lambda: monotonic() < deadline, REHEARSAL_READINGS)

    def quietly(self, work: Callable[[], T]) -> T:
        return hooks.telemetry.quiet(work)

    def watch(self) -> Watch:
        return self._observer.watch

    def prices(self) -> Prices:
        return self._observer.prices

    def trace_of_ticket(self, ticket: str) -> str | None:
        return MINT.trace_of(ticket, self.store().key, time_ns())

    def count(self, what: str, number: int) -> None:
        self._observer.ledger.received.add(what, number)

    def failed(self, where: str, error: BaseException) -> None:
        self._observer.guard.failed(where, error)
