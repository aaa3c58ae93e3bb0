"""The receiver behind real servers: a real exporter sends to it, and hostile bodies cost it no memory."""

import contextlib
import gzip
import http.client
import json
import zlib

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]

MIB = 1 << 20
ON = {"CONVOTRACE_OTLP_RECEIVER": "1", "CONVOTRACE_OTLP_TOKEN": "send-in"}
BEARER = {"authorization": "Bearer send-in", "content-type": "application/json"}
SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat",
    "startTimeUnixNano": "1795600000000000000", "endTimeUnixNano": "1795600001000000000",
    "attributes": [{"key": "session.id", "value": {"stringValue": "s-1"}},
                   {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
}  # fmt: skip
BODY = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}).encode()


@pytest.fixture(params=["uvicorn", "gunicorn"])
def server(request):
    """A real server whose receiver is on."""
    return request.getfixturevalue(request.param)(**ON)


def stored(server, session_id):
    """Return a session as another process reads it, once it is there."""
    status, _, body = server.request(
        "GET", f"/_sessions/s/{session_id}.json", headers={"authorization": f"Bearer {page_token(server)}"}
    )
    assert status == 200
    return json.loads(body)


def page_token(server):
    """Return the token of a server's page."""
    store = Store.open(server.store)
    try:
        return store.token()
    finally:
        store.close()


@pytest.mark.parametrize("packing", ["Gzip", "NoCompression"])
def test_the_real_exporter_sends_spans(server, packing):
    exporting = pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    exporter = exporting.OTLPSpanExporter(
        f"http://127.0.0.1:{server.port}/_sessions/v1/traces",
        headers={"Authorization": "Bearer send-in"},
        compression=getattr(Compression, packing),
    )
    results = []
    export = exporter.export
    exporter.export = lambda spans: results.append(export(spans)) or results[-1]
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("a service")
    with tracer.start_as_current_span(
        "invoke_agent", attributes={"session.id": "far", "gen_ai.operation.name": "invoke_agent"}
    ):
        for number in range(20):
            with tracer.start_as_current_span("chat", attributes=call(number)):
                pass
    provider.shutdown()
    assert set(results) == {SpanExportResult.SUCCESS}
    (trace,) = stored(server, "far")["traces"]
    assert len(trace["spans"]) == 21
    assert trace["cost"] == pytest.approx(20 * (1000 * 0.40 + 10 * 1.60) / 1e6)


def call(number):
    """Return what an instrumentor writes on the span of a model call."""
    return {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10, "call": number,
    }  # fmt: skip


def test_json_is_taken_plain_and_packed(server):
    assert server.request("POST", "/_sessions/v1/traces", BODY, BEARER)[::2] == (200, b"{}")
    packed = {**BEARER, "content-encoding": "gzip"}
    assert server.request("POST", "/_sessions/v1/traces", gzip.compress(BODY), packed)[0] == 200
    assert len(stored(server, "s-1")["traces"][0]["spans"]) == 1


def test_a_body_in_chunks_is_taken(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/_sessions/v1/traces", iter([BODY[:100], BODY[100:]]), BEARER, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


# Hostile bodies


def bomb():
    """Return a hundred KB that become a hundred MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(100)) + packer.flush()


def peak(server):
    """Return the most memory a server's processes ever had, in bytes."""
    pids = [server.process.pid, *children(server.process.pid)]
    return sum(_peak(pid) for pid in pids)


def children(pid):
    """Return the direct children of a process."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def _peak(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) * 1024


def huge(server, chunked, size=100 * MIB, headers=BEARER):
    """Send a huge body until the server answers or hangs up; return the status, None where it hung up."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    pieces = (b" " * MIB for _ in range(size // MIB))
    length = {} if chunked else {"content-length": str(size)}
    with contextlib.suppress(ConnectionError):
        connection.request("POST", "/_sessions/v1/traces", pieces, {**headers, **length}, encode_chunked=chunked)
    try:
        return connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_hostile_bodies_are_refused_and_cost_little_memory(server):
    # Warm up: what reading and storing load is not what a body costs.
    assert server.request("POST", "/_sessions/v1/traces", BODY, BEARER)[0] == 200
    stored(server, "s-1")
    before = peak(server)
    packed = {**BEARER, "content-encoding": "gzip"}
    for _ in range(3):
        assert server.request("POST", "/_sessions/v1/traces", bomb(), packed)[0] == 413
        assert server.request("POST", "/_sessions/v1/traces", b"[" * MIB, BEARER)[0] == 400
        assert server.request("POST", "/_sessions/v1/traces", b'{"a":' * 200_000, BEARER)[0] == 400
        assert huge(server, chunked=False) in (413, None)
        assert huge(server, chunked=True) in (413, None)
        assert huge(server, chunked=True, headers={**BEARER, "authorization": "Bearer wrong"}) in (404, None)
    grown = (peak(server) - before) / MIB
    assert grown < 50
    assert server.request("POST", "/_sessions/v1/traces", BODY, BEARER)[0] == 200


def test_a_body_shorter_than_its_length_is_not_taken(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/_sessions/v1/traces", BODY[:50], {**BEARER, "content-length": str(len(BODY))})
    connection.sock.shutdown(1)
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        assert connection.getresponse().status in (400, 408)
    connection.close()
    assert server.request("POST", "/_sessions/v1/traces", BODY, BEARER)[0] == 200
