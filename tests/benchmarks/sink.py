"""A server on the loopback that takes whatever peers send and says yes: nothing of a benchmark leaves the machine.

`python -m tests.benchmarks.sink` prints its port and serves until it is killed; `running()` starts one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.benchmarks.venvs import ROOT


class Handler(BaseHTTPRequestHandler):
    """Answers 200: nothing to OTLP, an empty object to others."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Take the body and answer."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        data = b"" if self.path.endswith("/v1/traces") else b'{"data": {}}'
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf" if not data else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[str]:
    """Run a sink in a process of its own; yield its address."""
    command = [sys.executable, "-m", "tests.benchmarks.sink"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
