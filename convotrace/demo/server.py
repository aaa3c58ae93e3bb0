"""Serves the demo with the standard library: a thread a request, quiet, on a port that is free."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import IO, Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

TRIES = 20
"""Ports tried after the one asked for, before giving up."""


class CannotListen(OSError):
    """Neither the port nor the ones after it could be opened, or the address is not of this machine."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what happened is on the page."""

    def get_stderr(self) -> Any:
        # The traceback of a handler that crashed would break the progress bar; it stands on the page.
        return cast(IO[str], io.StringIO())


@contextmanager
def serve(app: Callable[..., Any], host: str, port: int) -> Iterator[int]:
    """Serve an app in the background as long as the block lasts.

    Args:
        app: Any WSGI app.
        host: Address to listen on.
        port: Port to listen on; where it is taken the next free one, 0 for any.

    Yields:
        The port that was opened.

    Raises:
        CannotListen: No port could be opened.
    """
    server = _open(app, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _open(app: Callable[..., Any], host: str, port: int) -> WSGIServer:
    for candidate in range(port, port + TRIES):
        try:
            return make_server(host, candidate, app, server_class=_Server, handler_class=_Quiet)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotListen(f"Cannot listen on {host}, port {candidate}: {error.strerror}.") from None
    raise CannotListen(f"Ports {port} to {port + TRIES - 1} are taken; name another one with --port.")
