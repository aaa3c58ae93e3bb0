"""Open traces as a door leaves them, and what the assembler makes of them."""

import json

from convotrace.identity import Incoming
from convotrace.recorder import Assembler, OpenSpan, OpenTrace
from convotrace.settings import Settings

SECRET = b"k" * 32
JSON = "application/json"
LIMIT = 1 << 20


def request(asked=None, method="POST", path="/chat", query="", headers=(), content_type=JSON, peer="10.0.0.1"):
    """Return a request with a content type and the headers given."""
    pairs = (("content-type", content_type), ("user-agent", "test"), *headers)
    return Incoming(method, path, query, pairs, lambda raw: raw, {}, peer)


def exchanged(asked=None, answered=None, status=200, answered_type=JSON, limit=LIMIT, **how):
    """Return a finished trace of one exchange; mappings travel as JSON."""
    trace = OpenTrace(request(**how), 1_000)
    if asked is not None:
        trace.read(as_bytes(asked), limit)
    trace.respond(status, answered_type, True)
    if answered is not None:
        trace.sent(as_bytes(answered), 1_200, limit)
    trace.finish_response(1_500)
    trace.end(1_600)
    return trace


def as_bytes(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def worked(trace, name="work", kind="internal", parent=None, **fields):
    """Add a finished span to a trace."""
    span = OpenSpan(trace, parent, name, kind, 1_010)
    span.fields.update(fields)
    span.end(1_020)
    trace.add(span)
    return span


def assembler(input_text=None, output_text=None, **options):
    return Assembler(Settings.of(options, environ={}), SECRET, input_text, output_text)


def assembled(trace, **options):
    """Return the verdict on a trace and its change."""
    return assembler(**options).assemble(trace)


def record(trace, **options):
    """Return the record of a trace."""
    return assembled(trace, **options)[1].trace
