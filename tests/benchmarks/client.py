"""An open-loop client on one thread: requests go out when they are due, whether earlier ones were answered or not.

A latency counts from the moment a request was due, so that a server which stalls pays for all that waited behind it.
"""

from __future__ import annotations

import gc
import selectors
import socket
from time import perf_counter

from tests.benchmarks.subjects.apps import body

_PATIENCE = 10.0


class Connection:
    """A connection that is kept alive, with one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def fileno(self) -> int:
        """Let a selector wait for it."""
        return self.socket.fileno()

    def ask(self, number: int, due: float) -> None:
        """Send a request."""
        data = body(number)
        head = "POST /chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
        self.due, self._got = due, b""
        self.socket.sendall(head.format(len(data)).encode() + data)

    def answered(self) -> bool:
        """Take what came; tell whether the answer is whole.

        Raises:
            ConnectionError: The server closed the connection or did not answer 200.
        """
        more = self.socket.recv(65536)
        self._got += more
        head, end, rest = self._got.partition(b"\r\n\r\n")
        if not more or not self._got.startswith(b"HTTP/1.1 200"[: len(self._got)]):
            raise ConnectionError(self._got[:100])
        return bool(end) and len(rest) >= int(head.lower().partition(b"content-length:")[2].split()[0])


def load(port: int, rate: float, seconds: float) -> list[float]:
    """Put requests to a server at a steady rate; return each latency in ms.

    Args:
        port: Of a server on this machine.
        rate: Requests a second.
        seconds: For how long.
    """
    gc.collect()
    gc.disable()
    try:
        return _load(port, 1 / rate, int(rate * seconds))
    finally:
        gc.enable()


def _load(port: int, pause: float, count: int) -> list[float]:
    # `select` waits for microseconds, where `epoll` of Python waits for milliseconds.
    idle, latencies, sent = [Connection(port) for _ in range(4)], [], 0
    began = perf_counter() + pause
    with selectors.SelectSelector() as selector:
        while len(latencies) < count:
            now = perf_counter()
            while sent < count and (due := began + sent * pause) <= now:
                connection = idle.pop() if idle else Connection(port)
                connection.ask(sent, due)
                selector.register(connection, selectors.EVENT_READ)
                sent += 1
            wait = began + sent * pause - perf_counter() if sent < count else _PATIENCE
            found = selector.select(max(wait, 0))
            if not found and sent == count:
                raise TimeoutError(f"{count - len(latencies)} of {count} requests have no answer")
            for key, _ in found:
                connection = key.fileobj
                if connection.answered():
                    latencies.append((perf_counter() - connection.due) * 1000)
                    selector.unregister(connection)
                    idle.append(connection)
    for connection in idle:
        connection.socket.close()
    return latencies
