"""A trace opened by hand, where no door opens one: in workers, scripts and tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol

from convotrace.capture.current import Place, current_node, enter, leave
from convotrace.capture.verbs import SessionHandle
from convotrace.identity import Identity, as_id, bounded
from convotrace.propagation import Caller
from convotrace.recorder import OpenTrace, text_of


class Opener(Protocol):
    """The part of a ConvoTrace that is needed here."""

    @property
    def enabled(self) -> bool: ...

    def begun(self, incoming: None, protocol: str) -> OpenTrace: ...

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None: ...


class _ByHand(ABC):
    """A block that is one trace; the verbs work inside."""

    def __init__(self, observer: Opener) -> None:
        self._observer = observer
        self._trace: OpenTrace | None = None
        self._before: Place | None = None

    @abstractmethod
    def _open(self) -> OpenTrace | None:
        """Return the trace of the block, None where there is nothing to open."""

    def __enter__(self) -> SessionHandle | None:
        trace = self._trace = self._open() if self._observer.enabled else None
        if trace is None:
            return None
        self._before = enter(trace)
        return SessionHandle(trace)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._trace is None:
            return
        if self._before is not None and current_node.get() is not None:
            leave(self._trace, self._before)
        self._observer.finish(self._trace, error)

    async def __aenter__(self) -> SessionHandle | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


class HandSession(_ByHand):
    """A trace of a session that is named here."""

    def __init__(self, observer: Opener, id: str, user_id: str | None, name: str | None) -> None:
        super().__init__(observer)
        self._id = id
        self._user_id = user_id
        self._name = name

    def _open(self) -> OpenTrace:
        trace = self._observer.begun(None, "none")
        trace.found = Identity(bounded(self._id), "code")
        trace.user_id = self._user_id
        trace.session.name = self._name
        return trace


class Resumed(_ByHand):
    """A part of a trace that began elsewhere; nothing at all where the carrier names none."""

    def __init__(self, observer: Opener, caller: Caller | None, name: str, user_id: str | None) -> None:
        super().__init__(observer)
        self._caller = caller
        self._name = name
        self._user_id = user_id

    def _open(self) -> OpenTrace | None:
        caller = self._caller
        if caller is None:
            return None
        trace = self._observer.begun(None, "none")
        trace.id, trace.parent_span, trace.shared = caller.trace_id, caller.span_id, True
        trace.name = text_of(self._name)
        session, user = as_id(caller.session_id), as_id(self._user_id) or as_id(caller.user_id)
        # Where the session was not known yet, this is the one that such a trace is kept under until it is.
        trace.found = Identity(bounded(session), "baggage") if session else Identity(f"{trace.id:032x}", "none")
        trace.user_id = bounded(user) if user else None
        return trace
