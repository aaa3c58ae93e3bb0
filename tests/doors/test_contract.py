"""One contract for every door and porch: the same request gives the same record."""

import json

import pytest

from tests.patience import until


def one(client):
    """Return the only stored conversation."""
    (session,) = client.sessions()
    return client.session(session.id)


def test_a_chat_request_becomes_a_turn_of_its_session(client):
    answer = client.post("/chat", {"message": "hällo 你好", "session_id": "s1", "user": "ann"})
    assert (answer.status, answer.json) == (200, {"reply": "echo: hällo 你好"})
    found = client.session("s1")
    (trace,) = found.traces
    assert (trace.turn, trace.status, trace.status_code) == (1, "ok", 200)
    assert (trace.input.text, trace.output.text) == ("hällo 你好", "echo: hällo 你好")
    assert trace.input.body["session_id"] == "s1"
    assert trace.output.body == {"reply": "echo: hällo 你好"}
    assert (found.session.id_source, found.session.id_name) == ("body", "session_id")
    assert (found.session.turns, found.session.traces, found.session.spans, found.session.errors) == (1, 1, 2, 0)
    assert trace.duration_ms > 0 and trace.first_byte_ms > 0


def test_what_the_verbs_say_lands_where_they_say(client):
    client.post("/chat", {"message": "hi", "session_id": "s1", "user": "ann"})
    found = client.session("s1")
    session, (trace,) = found.session, found.traces
    assert (session.user_id, session.tags, session.metadata) == ("ann", ("vip",), {"plan": "pro"})
    assert (trace.tags, trace.metadata) == (("slow",), {"attempt": 2})
    assert [(event.name, event.attributes) for event in found.events] == [("handoff", {"team": "billing"})]
    assert [event.name for event in trace.events] == ["completion"]
    assert [(s.name, s.value, s.comment, s.source, s.author) for s in found.scores] == [
        ("helpful", True, "good", "annotator", "ann")
    ]
    assert [(s.name, s.value, s.source) for s in trace.scores] == [("feedback", True, "end_user")]
    assert session.feedback == {"up": 1, "down": 0}
    generation, tool = trace.spans
    assert (generation.kind, generation.model, generation.usage.input, generation.usage.output) == (
        "generation",
        "m-1",
        10,
        4,
    )
    assert generation.input == [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert generation.output == [{"role": "assistant", "parts": [{"type": "text", "content": "echo"}]}]
    assert (tool.parent_id, tool.kind, tool.call_id, tool.result) == (generation.id, "tool", "c1", [1, 2])
    assert tool.arguments == {"q": "hi", "password": "[redacted]"}
    assert ([event.name for event in tool.events], tool.tags) == (["looked"], ("inner",))
    assert [(s.name, s.value) for s in tool.scores] == [("useful", 0.5)]
    assert (session.input_tokens, session.output_tokens, session.cost_nano) == (10, 4, 1_000_000)
    assert (trace.input_tokens, trace.cached_tokens, session.cached_tokens) == (10, None, None)


def test_a_crashed_handler_gives_the_same_record(client):
    answer = client.post("/boom", {"message": "hi", "session_id": "s1"})
    assert answer.status == 500 or isinstance(answer.error, ValueError)
    (trace,) = client.session("s1").traces
    assert (trace.status, trace.status_code, trace.input.text, trace.output.text) == ("error", 500, "hi", None)
    assert (trace.error.type, trace.error.message) == ("ValueError", "no luck with hi")
    assert "in boom" in trace.error.stack
    (span,) = trace.spans
    assert (span.status, span.error.type) == ("error", "ValueError")
    assert client.session("s1").session.errors == 1


@pytest.mark.parametrize("path", ["/stream", "/sync-stream"])
def test_a_stream_is_forwarded_chunk_by_chunk_and_read_as_one_reply(client, path):
    answer = client.post(path, {"message": "one two three", "session_id": "s1"})
    assert len(answer.chunks) == 3
    (trace,) = client.session("s1").traces
    assert (trace.output.text, trace.chunks, trace.status) == ("one two three ", 3, "ok")
    stream, *said = trace.spans
    assert (stream.name, stream.kind, stream.status) == ("stream", "agent", "ok")
    assert [(span.arguments, span.parent_id) for span in said] == [
        (word, stream.id) for word in ("one", "two", "three")
    ]
    assert trace.first_byte_ns < trace.duration_ns and trace.largest_gap_ns is not None


@pytest.mark.parametrize("path", ["/stream", "/sync-stream"])
def test_a_client_that_leaves_ends_the_trace_as_disconnected(client, path):
    client.post(path, {"message": "one two three four five", "session_id": "s1"}, leave_after=2)
    (trace,) = client.session("s1").traces
    assert trace.status == "disconnected"
    assert trace.output.text.startswith("one ")
    assert all(span.duration_ns is not None for span in trace.spans)
    assert client.session("s1").session.errors == 0


def test_pages_assets_and_polls_make_no_turns(client):
    for path in ("/page", "/favicon.ico", "/static/x.js", "/page?message=x", "/nothing"):
        client.get(path)
    client.request("OPTIONS", "/chat")
    assert client.sessions() == []
    client.get("/history?session_id=s1")
    client.post("/chat", {"message": "hi", "session_id": "s1"})
    found = one(client)
    assert (found.session.turns, found.session.traces) == (1, 2)
    assert [trace.turn for trace in found.traces] == [None, 1]
    assert client.observer.health()["requests"] == {
        "turns": 1, "folded": 1, "no_session": 3, "excluded": 3, "lost": 0,
    }  # fmt: skip


def test_a_path_parameter_names_the_session_where_the_door_can_know_it(door):
    client = door()
    client.post("/threads/t%201", {"message": "hi"})
    session = one(client).session
    if door.name == "wsgi":
        assert session.id_source == "none"
    else:
        assert (session.id, session.id_source, session.id_name) == ("t 1", "path", "thread_id")


IDS = ["x<::>1|gpt", "a/b", "%2F", "../../etc", "😀", "é" * 300, "a b", "~x", "'\"><script>", "x" * 600]


@pytest.mark.parametrize("id", IDS)
def test_any_id_opens_by_its_key(client, id):
    client.post("/chat", {"message": "hi", "session_id": id})
    found = one(client)
    assert found.session.id == (id if len(id) <= 512 else found.session.id)
    assert found.session.id.startswith("sha256-") == (len(id) > 512)
    token = client.observer.open_store().token()
    answer = client.get(f"/_sessions/s/{found.session.key}.json", [("authorization", f"Bearer {token}")])
    assert answer.json["session"]["id"] == found.session.id


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"headers": [("X-Session-ID", "h")], "body": "b", "query": "q", "cookie": "c"},
            ("h", "header", "X-Session-ID"),
        ),
        ({"headers": [("X-Thread-ID", "h"), ("X-Conversation-ID", "i")]}, ("i", "header", "X-Conversation-ID")),
        ({"body": "b", "query": "q", "cookie": "c"}, ("q", "query", "session_id")),
        ({"body": "b", "baggage": "g", "cookie": "c"}, ("b", "body", "session_id")),
        ({"body": 17}, ("17", "body", "session_id")),
        ({"baggage": "g", "cookie": "c"}, ("g", "baggage", "session.id")),
    ],
)
def test_the_first_rule_that_matches_names_the_session(client, given, expected):
    body = {"message": "hi"} | ({"session_id": given["body"]} if "body" in given else {})
    headers = [*given.get("headers", [])]
    headers += [("baggage", f"session.id={given['baggage']}")] if "baggage" in given else []
    headers += [("cookie", f"sessionid={given['cookie']}")] if "cookie" in given else []
    client.post("/chat?" + (f"session_id={given['query']}" if "query" in given else ""), body, headers)
    session = one(client).session
    assert (session.id, session.id_source, session.id_name) == expected


def test_a_callable_beats_every_rule_and_a_failing_one_harms_nothing(door):
    client = door(session_id=lambda request: request.headers.get("x-room"), user_id=lambda request: 1 / 0)
    client.post("/chat", {"message": "hi", "session_id": "b"}, [("X-Room", "r1"), ("X-Session-ID", "h")])
    client.post("/chat", {"message": "hi", "session_id": "b"})
    assert {(s.id, s.id_source) for s in client.sessions()} == {("r1", "callable"), ("b", "body")}
    assert client.observer.health()["hooks"]["user_id"] == 2


def test_a_cookie_is_hashed_and_two_chats_of_one_login_are_two_sessions(client):
    cookie = ("cookie", "sessionid=0123456789abcdef")
    client.post("/chat", {"message": "hi"}, [cookie])
    client.post("/chat", {"message": "hi"}, [cookie])
    client.post("/chat", {"message": "hi", "session_id": "c1"}, [cookie])
    client.post("/chat", {"message": "hi", "session_id": "c2"}, [cookie])
    sessions = {session.id: session for session in client.sessions()}
    assert {"c1", "c2"} < set(sessions) and len(sessions) == 3
    (by_cookie,) = (s for s in sessions.values() if s.id_source == "cookie")
    assert (by_cookie.turns, by_cookie.id_name) == (2, "sessionid")
    assert "0123456789abcdef" not in json.dumps([repr(client.session(id)) for id in sessions])


def test_an_issued_cookie_carries_the_session_on(door):
    client = door(issue_cookie=True)
    first = client.post("/chat", {"message": "one"})
    (value,) = [v.decode() for k, v in first.headers if k == b"set-cookie"]
    assert "HttpOnly" in value and "SameSite=Lax" in value and "Secure" not in value
    second = client.post("/chat", {"message": "two"}, [("cookie", value.partition(";")[0])])
    assert not any(k == b"set-cookie" for k, _ in second.headers)
    found = one(client)
    assert (found.session.turns, found.session.id_source) == (2, "own_cookie")
    assert client.get("/page").headers and not any(k == b"set-cookie" for k, _ in client.get("/page").headers)


def test_without_an_id_each_turn_is_a_session_of_its_own(client):
    client.post("/chat", {"message": "one"})
    client.post("/chat", {"message": "two"})
    sessions = client.sessions()
    assert [s.id_source for s in sessions] == ["none", "none"]
    assert any(warning.code == "every_turn_its_own_id" for warning in sessions[0].warnings)


def test_cookies_and_secret_headers_are_never_stored(client):
    headers = [
        ("cookie", "a=canary1"),
        ("X-Api-Key", "canary2"),
        ("Authorization", "Bearer canary3"),
        ("X-Plain", "seen"),
    ]
    client.post("/chat", {"message": "hi", "session_id": "s", "access_token": "canary4", "max_tokens": "5"}, headers)
    whole = repr(client.session("s"))
    assert "canary" not in whole
    assert client.session("s").traces[0].request.headers["x-plain"] == "seen"
    assert client.session("s").traces[0].input.body["max_tokens"] == "5"


def test_content_off_keeps_the_shape_and_no_words(door):
    client = door(content=False)
    client.post("/chat", {"message": "canary", "session_id": "s"})
    found = client.session("s")
    assert (found.session.turns, found.session.spans, found.session.input_tokens) == (1, 2, 10)
    assert "canary" not in repr(found)


def test_a_body_over_the_limit_is_cut_visibly_and_the_answer_is_whole(door):
    client = door(max_body_bytes=100)
    answer = client.post("/chat", {"message": "x" * 500, "session_id": "s"}, [("X-Session-ID", "s")])
    assert len(answer.json["reply"]) == 506
    (trace,) = client.session("s").traces
    assert trace.cut.input == trace.request_bytes > 500
    assert trace.cut.output == trace.response_bytes > 500


def test_disabled_means_untouched(door):
    client = door(enabled=False)
    assert client.post("/chat", {"message": "hi", "session_id": "s"}).status == 200
    assert client.get("/_sessions/").status == 404


def test_a_broken_store_never_changes_an_answer_and_is_counted(door, tmp_path):
    (tmp_path / "folder.db").mkdir()
    client = door(store=f"sqlite:///{tmp_path}/folder.db")
    assert client.post("/chat", {"message": "hi", "session_id": "s"}).json == {"reply": "echo: hi"}
    until(lambda: client.observer.health()["last_error"])
    health = client.observer.health()
    assert not health["ok"] and "folder.db" in health["last_error"]
    client.observer.close(0.1)


def test_nothing_of_ours_stays_current_after_a_request(client):
    from convotrace.capture.current import current_node

    client.post("/chat", {"message": "hi", "session_id": "s"})
    client.post("/stream", {"message": "a b", "session_id": "s"}, leave_after=1)
    assert current_node.get() is None


def test_the_page_opens_by_token_and_is_404_otherwise(client):
    client.post("/chat", {"message": "hi", "session_id": "s1"})
    token = client.observer.open_store().token()
    for path in ("/_sessions", "/_sessions/", "/_sessions/s/s1.json", "/_sessions/healthz", "/_sessions/nothing"):
        assert client.get(path).status == 404
    bearer = [("authorization", f"Bearer {token}")]
    listed = client.get("/_sessions/sessions.json", bearer).json
    assert [session["id"] for session in listed["sessions"]] == ["s1"]
    one = client.get("/_sessions/s/s1.json", bearer).json
    assert one["traces"][0]["input"]["text"] == "hi"
    assert client.get("/_sessions/health.json", bearer).json["requests"]["turns"] == 1
    assert b"echo: hi" in client.get("/_sessions/s/s1", bearer).body


def test_a_score_posted_to_the_page_is_read_back_at_once(client):
    client.post("/chat", {"message": "hi", "session_id": "s1"})
    bearer = [("authorization", f"Bearer {client.observer.open_store().token()}"), ("origin", "http://testserver")]
    trace = client.session("s1").traces[0]
    posted = client.post("/_sessions/s/s1/scores", {"name": "tone", "value": 4, "trace_id": trace.id}, bearer)
    assert posted.status == 201 and posted.json["source"] == "annotator"
    (again,) = client.session("s1").traces
    assert [(s.name, s.value) for s in again.scores if s.source == "annotator"] == [("tone", 4)]


def test_two_objects_on_two_files_never_mix(door, tmp_path):
    first, second = door(store=f"sqlite:///{tmp_path}/a.db"), door(store=f"sqlite:///{tmp_path}/b.db")
    first.post("/chat", {"message": "one", "session_id": "a"})
    second.post("/chat", {"message": "two", "session_id": "b"})
    assert [s.id for s in first.sessions()] == ["a"]
    assert [s.id for s in second.sessions()] == ["b"]


def test_a_trace_skipped_after_it_was_shown_keeps_nothing(store_url):
    import convotrace as ct

    observer = ct.ConvoTrace(store=store_url)
    with observer.session("s"):
        ct.set_input("canary")
        trace = next(iter(observer.ledger.open.values()))
        trace.started -= 2_000_000_000
        observer.writer.wake()
        observer.flush()
        assert "canary" in repr(observer.store.session("s"))
        ct.skip()
    found = observer.store.session("s")
    observer.close()
    assert "canary" not in repr(found) and found.session.turns == 0
