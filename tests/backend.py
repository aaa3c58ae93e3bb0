"""An OTLP backend of this process that behaves, or misbehaves, as a test says."""

import gzip
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from convotrace.intake import receive
from convotrace.settings import Settings
from convotrace.store import Store


class Backend:
    """Takes spans into a store of its own.

    `manner` is one of `ok`, a status code, (status, headers), `drip`, `flood`, `hang`, `mute` (closes at once); or a
    function of the number of spans that returns one.
    """

    def __init__(self):
        self.store = Store.open("memory:")
        self.manner = "ok"
        self.requests, self.spans, self.flooded = [], Counter(), 0
        self._ends = threading.Event()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                backend._answer(self)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._ends.set()
        self._server.shutdown()
        self._server.server_close()
        self.store.close()

    def _answer(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"] or 0))
        self.requests.append((request.command, request.path, dict(request.headers)))
        kind = request.headers["Content-Type"] or ""
        taken = receive(gzip.decompress(body), kind, "traces", Settings()) if body else None
        manner = self.manner(taken.accepted) if callable(self.manner) else self.manner
        status, headers = manner if isinstance(manner, tuple) else (manner, {})
        if manner == "mute":
            request.connection.close()
        elif manner in ("drip", "flood", "hang"):
            self._misbehave(request, manner)
        else:
            if manner == "ok" and taken is not None:
                self.store.write(taken.changes)
                self.spans.update(span.id for change in taken.changes for span in change.trace.spans)
            request.send_response(200 if manner == "ok" else status)
            for name, value in {"Content-Length": "2", **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(b"{}")

    def _misbehave(self, request, manner):
        try:
            while not self._ends.is_set():
                if manner == "drip":
                    request.wfile.write(b"H")
                    time.sleep(0.05)
                elif manner == "hang":
                    self._ends.wait(0.1)
                else:
                    self._flood(request)
                    return
        except OSError:
            return

    def _flood(self, request):
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 30))
        request.end_headers()
        while self.flooded < 1 << 30:
            request.wfile.write(bytes(1 << 16))
            self.flooded += 1 << 16

    @property
    def sessions(self):
        """What it groups the spans into: the turns' texts by session."""
        found = [self.store.session(session.id) for session in self.store.sessions()]
        return {talk.session.id: [trace.input.text for trace in talk.traces] for talk in found}
