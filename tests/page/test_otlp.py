"""The receiver: who may send, how much, in which form, and what is answered; the reading itself is intake's."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.page import MAX_BODY, PageRequest, answer, reads
from convotrace.page import otlp as receiver

MIB = 1 << 20
KIND = {"content-type": "application/json"}
SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat gpt-4o", "kind": 3,
    "startTimeUnixNano": "1795600000000000000", "endTimeUnixNano": "1795600001000000000",
    "attributes": [{"key": "session.id", "value": {"stringValue": "s-1"}}],
}  # fmt: skip
BODY = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}).encode()
LOGS = json.dumps({"resourceLogs": []}).encode()


@pytest.fixture
def house(new_house):
    """A house whose receiver is on."""
    return new_house([], otlp_receiver=True)


@pytest.fixture
def send(ask, house):
    """Send a body to the receiver."""

    def _send(body=BODY, headers=None, path="/v1/traces", **more):
        return ask(house, path, "POST", {**KIND, **(headers or {})}, body=body, **more)

    return _send


def said(response):
    """Return the sentence of a refusal."""
    return json.loads(response.body)["message"]


# Who may send


def test_spans_are_taken_and_counted(send, house):
    response = send()
    assert (response.status, json.loads(response.body)) == (200, {})
    assert dict(response.headers)["content-type"] == "application/json"
    assert [change.trace.id for change, _ in house.taken] == [SPAN["traceId"]]
    assert house.counted["requests"] == house.counted["spans"] == 1
    assert house.counted["refused"] == house.counted["rejected"] == 0


def test_log_records_have_an_address_of_their_own(send, house):
    assert send(LOGS, path="/v1/logs").status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_the_receiver_is_off_unless_asked_for(ask, new_house, method):
    closed = new_house([])
    assert ask(closed, "/v1/traces", method, KIND, body=BODY).status == 404
    assert ask(closed, "/v1/traces", method, KIND, body=BODY, dev=True, peer="127.0.0.1").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"authorization": "Bearer wrong"}, {"authorization": "Basic cGFnZS10b2tlbg=="},
        {"authorization": "Bearer"}, {"x-api-key": "page-token"}, {"cookie": "convotrace_page=page-token"},
    ],
)  # fmt: skip
def test_without_the_token_the_receiver_does_not_exist(send, house, headers):
    response = send(headers=headers, bearer=False)
    unknown = send(path="/v1/unknown")
    assert (response.status, response.headers, response.body) == (404, unknown.headers, unknown.body)
    assert house.taken == [] and house.counted["requests"] == 0


def test_a_token_of_its_own_takes_the_place_of_the_pages(ask, new_house):
    house = new_house([], otlp_receiver=True, otlp_token="only-spans")
    own = {**KIND, "authorization": "Bearer only-spans"}
    assert ask(house, "/v1/traces", "POST", own, body=BODY, bearer=False).status == 200
    assert ask(house, "/v1/traces", "POST", KIND, body=BODY).status == 404
    assert ask(house, "/", "GET", own, bearer=False).status == 404


def test_the_apps_own_login_is_not_asked_for_a_service(ask, new_house):
    asked = []
    house = new_house([], otlp_receiver=True, auth=asked.append)
    assert ask(house, "/v1/traces", "POST", KIND, body=BODY).status == 200
    assert asked == []


def test_a_token_lets_in_from_anywhere_but_development_does_not(send):
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    here = {"peer": "127.0.0.1", "dev": True, "bearer": False}
    assert send(headers=foreign).status == 200
    assert send(headers={"host": "localhost:8000"}, **here).status == 200
    assert send(headers={"host": "localhost:8000", **foreign}, **here).status == 404
    assert send(headers={"host": "localhost:8000", "x-forwarded-for": "1.2.3.4"}, **here).status == 404


def test_only_post_is_answered(ask, house):
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        response = ask(house, "/v1/traces", method)
        assert (response.status, dict(response.headers)["allow"]) == (405, "POST")


def test_without_its_store_nobody_has_the_pages_token(send, house):
    from convotrace.errors import StoreError

    house.broken = StoreError("gone")
    assert send().status == 404


# How much is read


def ask_reads(house, token="page-token", method="POST", path="/v1/traces", **headers):
    sent = {"authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return reads(PageRequest(method, path, headers=sent), house)


@pytest.fixture
def token(house):
    """The page's token."""
    return house.token()


def test_a_door_reads_much_only_for_who_may_send_it(house, new_house, token):
    small = MAX_BODY + 1
    assert ask_reads(house, token) == 20 * MIB + 1
    assert ask_reads(house, token, content_length="100") == 20 * MIB + 1
    assert ask_reads(house, "wrong") == 0
    assert ask_reads(house, token, method="GET") == small
    assert ask_reads(house, token, path="/s/x/scores") == ask_reads(house, token, path="/unknown") == small
    assert ask_reads(new_house([]), token) == 0


@pytest.mark.parametrize("length", [str(20 * MIB + 1), str(100 * MIB), "9" * 5_000])
def test_a_body_that_says_it_is_too_long_is_not_read(house, token, length):
    assert ask_reads(house, token, content_length=length) == 0


def test_asking_how_much_to_read_never_raises(house, token):
    house.secret = None
    assert ask_reads(house, token) == 0
    assert ask_reads(house, token, content_length="-1", path="/v1/logs") == 0


# In which form


def test_gzip_is_undone(send, house):
    packed = gzip.compress(BODY)
    assert send(packed, {"content-encoding": "gzip", "content-length": str(len(packed))}).status == 200
    assert house.taken[0][1] == len(BODY)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd", "x" * 500])
def test_another_coding_is_refused(send, coding):
    response = send(headers={"content-encoding": coding})
    assert (response.status, dict(response.headers)["accept-encoding"]) == (415, "gzip")
    assert said(response).endswith("send gzip or none.") and len(said(response)) < 200


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-ndjson", "multipart/form-data; x=y", "\ud800"])
def test_another_content_type_is_refused_in_json(send, kind):
    response = send(headers={"content-type": kind})
    assert (response.status, dict(response.headers)["content-type"]) == (415, "application/json")
    assert "application/x-protobuf or application/json" in said(response)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_have_parameters(send, kind):
    assert send(headers={"content-type": kind}).status == 200


BAD = [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b'{"resourceSpans": 3}']


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_a_body_that_is_no_request_is_refused_in_a_sentence(send, house, body):
    response = send(body)
    assert response.status in (200, 400)
    assert house.taken == [] and house.failures == []
    if response.status == 400:
        assert said(response).endswith(".") and json.loads(response.body)["code"] == 3


@pytest.mark.parametrize("length", ["0", "7", str(len(BODY) + 1), "x", "-5", "+5", "1e3"])
def test_a_length_that_is_not_the_bodys_is_refused(send, length):
    response = send(headers={"content-length": length})
    assert response.status == 400 and "send the whole body" in said(response)


def test_too_large_is_413_before_and_after_unpacking(send):
    large = send(b" " * (20 * MIB + 1))
    declared = send(b"", {"content-length": str(100 * MIB)})
    bomb = send(gzip.compress(b" " * (20 * MIB + 1)), {"content-encoding": "gzip"})
    assert [response.status for response in (large, declared, bomb)] == [413] * 3
    assert "send smaller batches" in said(large) and "unpacked" in said(bomb)


@pytest.mark.parametrize("body", [b"", b"x", gzip.compress(BODY)[:-3], gzip.compress(BODY) + b"x"])
def test_gzip_that_is_none_is_refused(send, body):
    assert send(body, {"content-encoding": "gzip"}).status == 400


# What is answered under load


def test_a_full_queue_asks_to_send_again(send, house):
    house.accepts = False
    response = send()
    assert (response.status, dict(response.headers)["retry-after"]) == (503, "2")
    assert json.loads(response.body)["code"] == 14
    assert (house.counted["refused"], house.counted["spans"]) == (1, 0)


def test_too_many_bodies_at_once_ask_to_come_again(send, monkeypatch):
    monkeypatch.setattr(receiver, "_PATIENCE", 0.0)
    for _ in range(receiver._AT_ONCE):
        receiver._room.acquire()
    try:
        response = send()
    finally:
        for _ in range(receiver._AT_ONCE):
            receiver._room.release()
    assert (response.status, dict(response.headers)["retry-after"]) == (503, "1")
    assert send().status == 200


def test_a_fault_of_ours_is_counted_and_gives_the_room_back(send, house, monkeypatch):
    from convotrace import intake

    def fail(*_):
        raise RuntimeError("a fault")

    with monkeypatch.context() as broken:
        broken.setattr(intake, "receive", fail)
        for _ in range(receiver._AT_ONCE + 1):
            assert send().status == 500
    assert len(house.failures) == receiver._AT_ONCE + 1
    assert send().status == 200


# In the words of the protocol


def test_a_refusal_of_protobuf_is_protobuf(send):
    response = send(b"\x00\x01", {"content-type": "application/x-protobuf", "content-encoding": "br"})
    assert (response.status, dict(response.headers)["content-type"]) == (415, "application/x-protobuf")
    sentence = b"Content-Encoding came as br; send gzip or none."
    assert response.body == b"\x08\x03\x12" + bytes([len(sentence)]) + sentence


def test_protobuf_without_its_package_says_what_to_install(send, monkeypatch):
    from convotrace import intake

    def missing(*_):
        raise intake.NotInstalled

    monkeypatch.setattr(intake, "receive", missing)
    response = send(b"", {"content-type": "application/x-protobuf"})
    assert response.status == 415 and b"convotrace[otlp]" in response.body


@given(body=st.binary(max_size=300), kind=st.sampled_from(["application/json", "application/x-protobuf", "text/html"]),
       coding=st.sampled_from(["", "gzip", "identity", "br"]), signal=st.sampled_from(["traces", "logs"]))  # fmt: skip
def test_no_body_breaks_the_receiver(new_house_once, body, kind, coding, signal):
    house = new_house_once
    headers = {"authorization": f"Bearer {house.token()}", "content-type": kind, "content-encoding": coding}
    response = answer(PageRequest("POST", f"/v1/{signal}", headers=headers, body=body), house)
    assert response.status in (200, 400, 413, 415) and house.failures == []


@pytest.fixture(scope="module")
def new_house_once(request):
    """One house for many examples."""
    return request.getfixturevalue("house_class")([], otlp_receiver=True)


def test_the_health_page_says_how_to_send_and_how_to_switch_it_on(ask, new_house, house):
    house.state["otlp"] = {"requests": 3, "spans": 12}
    on, off = ask(house, "/health").body.decode(), ask(new_house([]), "/health").body.decode()
    assert "/_sessions/v1/traces" in on and "12" in on
    assert "otlp_receiver=True" in off and "/v1/traces" not in off
