"""Spans of other services through every door: taken whole, stored once, and nothing is read for who may not send."""

import asyncio
import gzip
import io
import json

import pytest

import convotrace as ct
from convotrace import asgi, wsgi

MIB = 1 << 20
TRACE = "5b8efff798038103d269b633813fc60c"


def request(texts=("hello",), session="s-1"):
    """Return an export request: one model call for each text, all of one trace."""
    spans = [
        {
            "traceId": TRACE, "spanId": f"{number:016x}", "name": "chat", "kind": 3,
            "startTimeUnixNano": f"{1_795_600_000 + number}000000000",
            "endTimeUnixNano": f"{1_795_600_001 + number}000000000",
            "attributes": [
                {"key": name, "value": value}
                for name, value in {
                    "session.id": {"stringValue": session},
                    "gen_ai.operation.name": {"stringValue": "chat"},
                    "gen_ai.provider.name": {"stringValue": "openai"},
                    "gen_ai.request.model": {"stringValue": "gpt-4.1-mini"},
                    "gen_ai.usage.input_tokens": {"intValue": "1000"},
                    "gen_ai.usage.output_tokens": {"intValue": "10"},
                    "gen_ai.input.messages": {"stringValue": json.dumps(
                        [{"role": "user", "parts": [{"type": "text", "content": text}]}]
                    )},
                }.items()
            ],
        }
        for number, text in enumerate(texts, 1)
    ]  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


@pytest.fixture
def client(door):
    """The app behind one door, with its receiver on."""
    return door(otlp_receiver=True, otlp_token="send-in")


def send(client, body, *headers, token="send-in", signal="traces"):
    return client.post(f"/_sessions/v1/{signal}", body, [("authorization", f"Bearer {token}"), *headers])


def test_a_span_of_another_service_becomes_a_session_with_its_cost(client):
    answered = send(client, request())
    assert (answered.status, answered.json) == (200, {})
    (trace,) = client.session("s-1").traces
    (span,) = trace.spans
    assert (trace.id, span.model, span.usage.input) == (TRACE, "gpt-4.1-mini", 1000)
    assert span.cost == 1000 * 0.40e-6 + 10 * 1.60e-6


def test_what_is_sent_twice_packed_and_plain_is_there_once(client):
    body = json.dumps(request(("a", "b"))).encode()
    for _ in range(2):
        assert send(client, body).status == 200
        assert send(client, gzip.compress(body), ("content-encoding", "gzip")).status == 200
    assert len(client.sessions()) == 1
    (trace,) = client.session("s-1").traces
    assert len(trace.spans) == 2 and trace.input_tokens == 2000


def test_a_batch_may_be_larger_than_a_form(client):
    assert send(client, request(["x" * 3_000] * 100)).status == 200
    assert len(client.session("s-1").traces[0].spans) == 100
    assert send(client, b" " * (20 * MIB + 1)).status == 413
    bearer = ("authorization", f"Bearer {client.observer.open_store().token()}")
    assert client.post("/_sessions/s/s-1/scores", b" " * 70_000, [bearer]).status == 413


def test_health_counts_what_came(client):
    send(client, request(("a", "b")))
    send(client, b"{")
    send(client, {"resourceLogs": []}, signal="logs")
    bearer = [("authorization", f"Bearer {client.observer.open_store().token()}")]
    health = client.get("/_sessions/health.json", bearer).json
    assert health["otlp_receiver"] is True
    assert health["otlp"] == {"requests": 3, "refused": 1, "spans": 2, "logs": 0, "rejected": 0}


def test_a_wrong_token_and_a_closed_receiver_look_like_nothing(client, door, store_url):
    unknown = client.get("/_sessions/nothing")
    for answered in (send(client, request(), token="wrong"), send(door(), request())):
        assert (answered.status, answered.headers, answered.body) == (404, unknown.headers, unknown.body)
    assert client.sessions() == []


def test_a_full_queue_answers_503_and_loses_nothing_in_silence(client, monkeypatch):
    monkeypatch.setattr("convotrace.store.Writer.has_spare_room", lambda self: False)
    answered = send(client, request())
    assert answered.status == 503 and (b"retry-after", b"2") in answered.headers
    monkeypatch.undo()
    assert send(client, request()).status == 200
    assert len(client.sessions()) == 1 and client.observer.health()["dropped"] == {}


@pytest.mark.parametrize("first", ["request", "spans"])
def test_a_caller_and_the_request_it_made_are_one_trace(client, first):
    def ask():
        traceparent = f"00-{TRACE}-{1:016x}-01"
        client.post("/chat", {"message": "hi", "session_id": "mine"}, [("traceparent", traceparent)])

    if first == "request":
        ask()
    assert send(client, request(("hello",), session="theirs")).status == 200
    client.observer.flush()
    if first == "spans":
        ask()
    assert [session.id for session in client.sessions()] == ["mine"]
    (trace,) = client.session("mine").traces
    assert (trace.id, trace.input.text) == (TRACE, "hi")
    assert {span.name for span in trace.spans} == {"chat", "search"} and len(trace.spans) == 3


# What a door reads


@pytest.fixture
def observer(store_url):
    """An object whose receiver is on."""
    made = ct.ConvoTrace(store=store_url, otlp_receiver=True, otlp_token="send-in")
    yield made
    made.close()


STRANGERS = [("wrong", None), ("wrong", "5"), ("send-in", str(100 * MIB))]


@pytest.mark.parametrize(("token", "length"), STRANGERS)
def test_nothing_is_read_of_what_will_not_be_taken_asgi(observer, token, length):
    async def receive():
        raise AssertionError("the body was read")

    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    headers += [(b"content-length", length.encode())] if length else []
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers, "query_string": b""}
    asyncio.run(asgi.page_app(observer)(scope, receive, send))
    assert sent[0]["status"] == (404 if token == "wrong" else 413)


@pytest.mark.parametrize(("token", "length"), STRANGERS)
def test_nothing_is_read_of_what_will_not_be_taken_wsgi(observer, token, length):
    status = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/v1/traces", "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_LENGTH": length or "", "wsgi.input": None,
    }  # fmt: skip
    wsgi.page_app(observer)(environ, lambda line, headers: status.append(line))
    assert status == ["404 Not Found" if token == "wrong" else "413 Content Too Large"]


def test_no_more_than_the_limit_is_read_of_an_endless_body(observer):
    read = 0

    async def receive():
        nonlocal read
        read += MIB
        return {"type": "http.request", "body": bytes(MIB), "more_body": True}

    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", b"Bearer send-in"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers, "query_string": b""}
    asyncio.run(asgi.page_app(observer)(scope, receive, send))
    assert sent[0]["status"] == 413 and read == 21 * MIB


def test_a_body_in_chunks_is_read_where_the_server_tells_its_end(observer):
    body = json.dumps(request()).encode()
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/v1/traces", "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": "Bearer send-in", "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True,
    }  # fmt: skip
    status = []
    wsgi.page_app(observer)(environ, lambda line, headers: status.append(line))
    assert status == ["200 OK"] and observer.store.session("s-1") is not None


def test_an_answer_is_made_outside_the_event_loop(observer, monkeypatch):
    from convotrace import intake

    def look(*_):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return intake.Received()

    monkeypatch.setattr(intake, "receive", look)

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", b"Bearer send-in"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers, "query_string": b""}
    asyncio.run(asgi.page_app(observer)(scope, receive, send))
    assert sent[0]["status"] == 200
