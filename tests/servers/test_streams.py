"""Streams over real servers: memory stays flat, each chunk goes out at once, and it is known where a client left.

`make soak` runs them for ten minutes (`CONVOTRACE_SOAK`: seconds of each); without it they take some seconds.
"""

import http.client
import json
import os
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import convotrace as ct

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SECONDS = float(os.environ.get("CONVOTRACE_SOAK", "8"))
EVERY = 0.0003 if SECONDS < 60 else 0.002
LIMIT = 256 * 1024
MIB = 1 << 20


@pytest.fixture(params=["uvicorn", "gunicorn"])
def served(request, start):
    """Start a server that streams."""
    python = [sys.executable, "-m", request.param]
    if request.param == "uvicorn":
        return start(*python, "streaming:app", "--port", "{port}", "--log-level", "critical")
    how = ["-k", "gthread", "--threads", "16", "--timeout", "0", "--log-level", "critical"]
    return start(*python, "streaming:wsgi_app", "-b", "127.0.0.1:{port}", *how)


def event(n):
    """Return one event as the app sends it."""
    return f'data: {{"delta": "word {n:07d} of an answer that goes on and on "}}\n\n'.encode()


def state(server):
    """Return what the server's process holds."""
    return json.loads(server.request("GET", "/state")[2])


def ask(server, session, seconds, every=EVERY):
    """Ask for a stream; return the connection and the response."""
    body = json.dumps({"message": "go on", "session_id": session, "seconds": seconds, "every": every})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/stream", body, {"content-type": "application/json"})
    return connection, connection.getresponse()


def stored(server, session):
    """Return the only trace of a session, once it is over."""
    store = ct.Store.open(server.store)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = store.session(session)
        if found is not None and found.traces[0].status != "running":
            break
        time.sleep(0.1)
    store.close()
    (trace,) = found.traces
    return trace


def expected(size=LIMIT):
    """Return the text in so many bytes of the stream, up to the last character."""
    stream = b"".join(map(event, range(size // len(event(0)) + 1)))[:size].decode()
    return "".join(piece.partition('"')[0] for piece in stream.split('"delta": "')[1:])


def slope(samples):
    """Return by how many bytes a second memory grows: the straight line of least squares through (second, bytes)."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


def read(response, server, seconds):
    """Read a stream for so long; return its bytes and samples of the server's memory."""
    size, samples, began = 0, [], time.monotonic()
    look = began
    while (now := time.monotonic()) < began + seconds and (chunk := response.read1(65536)):
        size += len(chunk)
        if now >= look:
            samples.append((now - began, state(server)["memory"]))
            look = now + max(0.25, seconds / 200)
    return size, samples


def test_a_long_stream_is_passed_on_chunk_by_chunk_and_memory_stays_flat(served):
    connection, response = ask(served, "whole", SECONDS)
    size, samples = read(response, served, SECONDS * 2 + 20)
    connection.close()
    events = state(served)["events"]
    assert size == events * len(event(0)) > LIMIT
    trace = stored(served, "whole")
    assert (trace.status, trace.response_bytes, trace.chunks, trace.left) == ("ok", size, events, None)
    assert trace.output.text == expected() and trace.cut.output == size
    # What is kept grows to its limit, then nothing does.
    settled = [sample for sample in samples if sample[0] > samples[-1][0] / 3]
    print(f"\n{events} events, {size / MIB:.1f} MiB in {samples[-1][0]:.0f} s; memory {samples[0][1] / MIB:.1f} → "
          f"{samples[-1][1] / MIB:.1f} MiB, {slope(settled) / 1024:.2f} KiB/s in the last two thirds")  # fmt: skip
    assert max(memory for _, memory in samples) - samples[0][1] < 24 * MIB
    if SECONDS >= 300:
        assert slope(settled) < 2048
    assert state(served)["open"] == 0


def test_no_chunk_is_asked_for_before_the_last_has_been_passed_on(served):
    connection, response = ask(served, "order", 1, 0)
    response.read()
    connection.close()
    passed = state(served)
    if "uvicorn" in served.process.args:
        assert (passed["inside"], passed["outside"], passed["ahead"]) == (passed["events"], passed["events"], 1)
    assert stored(served, "order").chunks == passed["events"]


def test_a_client_that_leaves_a_long_stream_is_shown_where_it_left(served):
    connection, response = ask(served, "gone", 10**9)
    size, _ = read(response, served, SECONDS / 3)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    response.close()
    connection.close()
    trace = stored(served, "gone")
    assert trace.status == "disconnected" and trace.error is None
    assert size <= trace.left.bytes <= trace.response_bytes and trace.left.bytes % len(event(0)) == 0
    assert trace.left.chunks == trace.left.bytes // len(event(0)) and trace.left.share is None
    assert trace.output.text == expected(min(trace.response_bytes, LIMIT))
    store = ct.Store.open(served.store)
    token = store.token()
    store.close()
    page = served.request("GET", "/_sessions/s/gone", headers={"authorization": f"Bearer {token}"})[2].decode()
    assert f"{trace.left.chunks:,} chunks" in page and "user left after" in page


def test_two_hundred_sockets_closed_in_the_middle_leave_no_trace_open(served):
    def leave(n):
        connection, response = ask(served, f"s{n}", 10**9, 0.005)
        response.read(200)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        response.close()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(leave, range(200)))
    deadline = time.monotonic() + 30
    while state(served)["open"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert state(served)["open"] == 0
    assert {stored(served, f"s{n}").status for n in range(0, 200, 20)} == {"disconnected"}
