"""A trace opened by hand, where no door opens one: in workers, scripts and tests."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from convotrace.capture.current import Node, current_node
from convotrace.capture.verbs import SessionHandle
from convotrace.identity import Identity, bounded
from convotrace.recorder import OpenTrace


class Opener(Protocol):
    """The part of a ConvoTrace that is needed here."""

    @property
    def enabled(self) -> bool: ...

    def begun(self, incoming: None, protocol: str) -> OpenTrace: ...

    def finish(self, trace: OpenTrace, error: BaseException | None = None) -> None: ...


class HandSession:
    """A trace opened by hand; the verbs work inside its `with` block."""

    def __init__(self, observer: Opener, id: str, user_id: str | None, name: str | None) -> None:
        self._observer = observer
        self._id = id
        self._user_id = user_id
        self._name = name
        self._trace: OpenTrace | None = None
        self._before: Node | None = None

    def __enter__(self) -> SessionHandle | None:
        if not self._observer.enabled:
            return None
        trace = self._trace = self._observer.begun(None, "none")
        trace.found = Identity(bounded(self._id), "code")
        trace.user_id = self._user_id
        trace.session.name = self._name
        self._before = current_node.get()
        current_node.set(trace)
        return SessionHandle(trace)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._trace is None:
            return
        if current_node.get() is not None:
            current_node.set(self._before)
        self._observer.finish(self._trace, error)

    async def __aenter__(self) -> SessionHandle | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)
