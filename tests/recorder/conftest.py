"""Open traces as a door leaves them, and what the assembler makes of them."""

import json

import pytest

from convotrace.identity import Incoming
from convotrace.recorder import Assembler, OpenSpan, OpenTrace
from convotrace.settings import Settings

JSON = "application/json"
LIMIT = 1 << 20


class Bench:
    """Makes open traces and assembles them."""

    secret = b"k" * 32

    def request(self, method="POST", path="/chat", query="", headers=(), content_type=JSON, peer="10.0.0.1"):
        """Return a request with a content type and the headers given."""
        pairs = (("content-type", content_type), ("user-agent", "test"), *headers)
        return Incoming(method, path, query, pairs, lambda raw: raw, {}, peer)

    def exchange(self, asked=None, answered=None, status=200, answered_type=JSON, limit=LIMIT, **request):
        """Return a finished trace of one exchange; what is no bytes travels as JSON."""
        trace = OpenTrace(self.request(**request), 1_000)
        if asked is not None:
            trace.read(_as_bytes(asked), limit)
        trace.respond(status, answered_type, True)
        if answered is not None:
            trace.sent(_as_bytes(answered), 1_200, limit)
        trace.finish_response(1_500)
        trace.end(1_600)
        return trace

    def work(self, trace, name="work", kind="internal", parent=None, **fields):
        """Add a finished span to a trace."""
        span = OpenSpan(trace, parent, name, kind, 1_010)
        span.fields.update(fields)
        span.end(1_020)
        trace.add(span)
        return span

    def assemble(self, trace, input_text=None, output_text=None, **options):
        """Return the verdict on a trace and its change."""
        settings = Settings.of(options, environ={})
        return Assembler(settings, self.secret, input_text, output_text).assemble(trace)

    def record(self, trace, **options):
        """Return the record of a trace."""
        return self.assemble(trace, **options)[1].trace


def _as_bytes(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture(scope="session")
def bench():
    """Makes open traces and assembles them."""
    return Bench()
