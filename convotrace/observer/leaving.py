"""How an app hears that its client has gone: by exceptions that are no fault of its own."""

from __future__ import annotations

from convotrace.capture.spans import is_cancellation

_GONE = frozenset({
    "WebSocketDisconnect", "ClientDisconnect", "ClientDisconnected", "ConnectionClosed", "ConnectionClosedOK",
    "ConnectionClosedError",
})  # fmt: skip


def says_left(error: BaseException) -> bool:
    """Tell whether an exception says that the client has gone, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(says_left(one) or is_cancellation(one) for one in error.exceptions)
    return isinstance(error, ConnectionError) or any(kind.__name__ in _GONE for kind in type(error).__mro__)
