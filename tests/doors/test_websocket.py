"""Conversations over WebSocket: which frame opens a turn, whose it is, how it ends; nothing changes for the app."""

import asyncio
import contextlib
import gc
import threading

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

import convotrace as ct
import convotrace_fastapi
import convotrace_starlette
from convotrace.asgi import ConvoTraceMiddleware

FRAMEWORKS = ["starlette", "fastapi"]


@pytest.fixture(params=FRAMEWORKS)
def serve(request, store_url):
    """Put a WebSocket handler into an app behind its porch; return a client and the observer."""
    made = []

    def serve(handler, path="/ws", **options):
        if request.param == "starlette":
            app = Starlette(routes=[WebSocketRoute(path, handler)])
            observer = convotrace_starlette.ConvoTrace(app, store=store_url, **options)
        else:
            app = FastAPI()
            app.add_api_websocket_route(path, handler)
            observer = convotrace_fastapi.ConvoTrace(app, store=store_url, **options)
        made.append(observer)
        return TestClient(app), observer

    yield serve
    for observer in made:
        observer.close()


def conversations(observer):
    return [observer.store.session(session.id) for session in observer.store.sessions()]


def only(observer):
    (found,) = conversations(observer)
    assert observer.ledger.open == {}
    return found


def said(conversation):
    return [(trace.input.text, trace.output.text) for trace in conversation.traces if trace.turn]


async def echo(socket: WebSocket):
    """Answer each message word by word, and pings with pongs."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            asked = await socket.receive_json()
            if asked.get("type") == "ping":
                await socket.send_json({"type": "pong"})
            elif "message" in asked:
                with ct.tool("look", arguments=asked["message"]):
                    pass
                for word in asked["message"].split():
                    await socket.send_json({"type": "token", "token": word + "."})
                await socket.send_json({"type": "end"})


def ask(socket, message, **more):
    """Send a message, return the tokens of its answer."""
    socket.send_json({"message": message, **more})
    tokens = []
    while (frame := socket.receive_json())["type"] != "end":
        tokens.append(frame["token"])
    return "".join(tokens)


def test_a_connection_without_an_id_is_one_session_of_its_messages(serve):
    client, observer = serve(echo)
    for _ in range(2):
        with client.websocket_connect("/ws") as socket:
            assert ask(socket, "a b") == "a.b."
            socket.send_json({"type": "ping"})
            assert socket.receive_json() == {"type": "pong"}
            socket.send_json({"type": "typing", "text": "c"})
            assert ask(socket, "c") == "c."
    found = conversations(observer)
    assert len(found) == 2 and found[0].session.id != found[1].session.id
    for one in found:
        assert said(one) == [("a b", "a.b."), ("c", "c.")]
        assert (one.session.id_source, len(one.traces)) == ("connection", 2)
        assert [[span.name for span in trace.spans] for trace in one.traces] == [["look"], ["look"]]
        assert [trace.close_code for trace in one.traces] == [None, 1000]
    trace = found[0].traces[0]
    assert (trace.protocol, trace.name, trace.route, trace.status) == ("websocket", "WEBSOCKET /ws", "/ws", "ok")
    assert trace.input.body == {"message": "a b"} and len(trace.output.body) == 3
    assert (trace.chunks, trace.request_bytes) == (3, len('{"message":"a b"}'))
    assert trace.first_byte_ns is not None and trace.duration_ns >= trace.first_byte_ns


def test_connections_and_turns_are_counted_apart_from_requests(serve):
    client, observer = serve(echo, exclude=["/ws/not"])
    with client.websocket_connect("/ws") as socket:
        ask(socket, "a")
        ask(socket, "b")
    with client.websocket_connect("/ws"):
        pass
    observer.flush()
    health = observer.health()
    assert health["websocket"] == {
        "connections": 2, "turns": 2, "folded": 0, "no_session": 0, "excluded": 0, "lost": 0
    }  # fmt: skip
    assert sum(health["requests"].values()) == 0 and health["hooks"] == {}


@pytest.mark.parametrize("exclude", ["/ws", "WEBSOCKET"])
def test_an_excluded_connection_is_not_recorded(serve, exclude):
    client, observer = serve(echo, exclude=[exclude])
    with client.websocket_connect("/ws") as socket:
        assert ask(socket, "a") == "a."
    observer.flush()
    assert conversations(observer) == [] and observer.health()["websocket"]["excluded"] == 1


IDS = {
    "header": {"headers": {"x-session-id": "s"}},
    "query": {"url": "/ws?session_id=s"},
    "baggage": {"headers": {"baggage": "session.id=s"}},
}


@pytest.mark.parametrize(("source", "how"), IDS.items(), ids=IDS)
def test_the_handshake_names_the_session(serve, source, how):
    client, observer = serve(echo)
    for word in ("a", "b"):
        with client.websocket_connect(how.get("url", "/ws"), headers=dict(how.get("headers", {}))) as socket:
            ask(socket, word)
    found = only(observer)
    assert (found.session.id, found.session.id_source) == ("s", source)
    assert said(found) == [("a", "a."), ("b", "b.")]


def test_a_path_parameter_names_the_session(serve):
    client, observer = serve(echo, "/ws/{thread_id}")
    with client.websocket_connect("/ws/t-1") as socket:
        ask(socket, "a")
    found = only(observer)
    assert (found.session.id, found.session.id_source) == ("t-1", "path")
    assert found.traces[0].route == "/ws/{thread_id}"


def test_each_message_may_name_its_session(serve):
    client, observer = serve(echo)
    with client.websocket_connect("/ws") as socket:
        ask(socket, "a", session_id="one")
        ask(socket, "b", session_id="two")
        ask(socket, "c")
    found = {one.session.id: said(one) for one in conversations(observer)}
    assert found == {"one": [("a", "a.")], "two": [("b", "b."), ("c", "c.")]}


def test_a_first_frame_may_name_the_session_of_all_that_follow(serve):
    client, observer = serve(echo)
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"type": "join", "conversation_id": "c-1"})
        ask(socket, "a")
        ask(socket, "b")
    found = only(observer)
    assert (found.session.id, found.session.id_source, found.session.id_name) == ("c-1", "body", "conversation_id")
    assert said(found) == [("a", "a."), ("b", "b.")] and found.session.turns == 2


def test_the_apps_own_functions_see_each_message(serve):
    client, observer = serve(
        echo, session_id=lambda request: request.body["chat"], user_id=lambda request: request.headers["x-user"]
    )
    with client.websocket_connect("/ws", headers={"x-user": "ann"}) as socket:
        ask(socket, "a", chat="k1")
        ask(socket, "b", chat="k2")
    found = {one.session.id: one.session.user_id for one in conversations(observer)}
    assert found == {"k1": "ann", "k2": "ann"}


def test_a_cookie_of_ours_comes_with_accept_where_asked_for(serve):
    client, observer = serve(echo, issue_cookie=True)
    with client.websocket_connect("/ws") as socket:
        cookie = dict(socket.extra_headers or ())[b"set-cookie"].decode()
        ask(socket, "a")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == "convotrace_session" and "HttpOnly" in cookie
    with client.websocket_connect("/ws", headers={"cookie": f"{name}={value}"}) as socket:
        assert b"set-cookie" not in dict(socket.extra_headers or ())
        ask(socket, "b")
    found = only(observer)
    assert said(found) == [("a", "a."), ("b", "b.")] and found.session.id_source == "own_cookie"


def test_a_greeting_is_a_turn_with_an_answer_alone(serve):
    async def greet(socket: WebSocket):
        await socket.accept()
        await socket.send_text("Welcome!")
        await socket.send_text(f"You said {await socket.receive_text()}")
        await socket.close()

    client, observer = serve(greet)
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_text() == "Welcome!"
        socket.send_text("hello")
        assert socket.receive_text() == "You said hello"
    found = only(observer)
    assert said(found) == [(None, "Welcome!"), ("hello", "You said hello")]


def test_what_is_said_before_the_first_message_is_kept(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        ct.user("ann")
        ct.tag("vip")
        while (asked := await socket.receive_text()) != "bye":
            await socket.send_text("re " + asked)
        ct.end_session(outcome="completed")
        await socket.close()

    client, observer = serve(handler)
    with client.websocket_connect("/ws?chat_id=c") as socket:
        for word in ("a", "b"):
            socket.send_text(word)
            socket.receive_text()
        socket.send_text("bye")
    found = only(observer)
    assert (found.session.user_id, found.session.tags, found.session.outcome) == ("ann", ("vip",), "completed")
    assert {trace.user_id for trace in found.traces} == {"ann"}


def test_binary_frames_are_counted_and_json_in_them_is_read(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        for _ in range(3):
            await socket.receive_bytes()
        await socket.send_bytes(b"\x00audio")
        await socket.send_bytes(b'{"reply": "heard"}')
        await socket.close()

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        socket.send_bytes(b'{"message": "listen"}')
        socket.send_bytes(b"\x01\x02\x03")
        socket.send_bytes(b"\xff")
        socket.receive_bytes(), socket.receive_bytes()
    found = only(observer)
    assert said(found) == [("listen", "heard")]
    assert found.traces[0].metadata["binary_frames"] == {"received": 2, "sent": 1, "bytes": 10}


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
def test_the_code_by_which_the_app_closes_reaches_client_and_trace(serve, code):
    async def handler(socket: WebSocket):
        await socket.accept()
        await socket.send_text("re " + await socket.receive_text())
        await socket.close(code, "enough")

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        socket.send_text("a")
        socket.receive_text()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert (closed.value.code, closed.value.reason) == (code, "enough")
    trace = only(observer).traces[0]
    assert (trace.close_code, trace.status) == (code, "ok")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
@pytest.mark.parametrize("caught", [True, False])
def test_the_code_by_which_the_client_closes_reaches_app_and_trace(serve, code, caught):
    codes = []

    async def handler(socket: WebSocket):
        await socket.accept()
        try:
            while True:
                await socket.send_text("re " + await socket.receive_text())
        except WebSocketDisconnect as error:
            codes.append(error.code)
            if not caught:
                raise

    client, observer = serve(handler)
    with contextlib.suppress(WebSocketDisconnect), client.websocket_connect("/ws") as socket:
        socket.send_text("a")
        socket.receive_text()
        socket.close(code)
    trace = only(observer).traces[0]
    assert codes == [code] and (trace.close_code, trace.status, trace.error) == (code, "ok", None)


def test_a_handler_that_raises_raises_the_same_and_its_turn_failed(serve):
    fault = ValueError("no luck")

    async def handler(socket: WebSocket):
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.receive_text()
        raise fault

    client, observer = serve(handler)
    with pytest.raises(ValueError) as raised, client.websocket_connect("/ws") as socket:
        socket.send_text("a")
        socket.receive_text()
        socket.send_text("b")
        socket.receive_text()
    assert raised.value is fault
    first, second = only(observer).traces
    assert (first.status, first.error) == ("ok", None)
    assert (second.status, second.status_code, second.error.type) == ("error", 500, "ValueError")
    assert second.error.message == "no luck" and "handler" in second.error.stack and second.input.text == "b"


def test_an_error_that_the_server_tells_is_the_turns(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        await socket.receive_json()
        await socket.send_json({"type": "error", "message": "model down"})
        await socket.close(1011)

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"message": "a"})
        socket.receive_json()
    trace = only(observer).traces[0]
    assert (trace.status, trace.error.message, trace.close_code) == ("error", "model down", 1011)


def test_a_client_that_leaves_while_a_task_answers_has_left_that_turn(serve):
    started = threading.Event()

    async def handler(socket: WebSocket):
        await socket.accept()

        async def answer():
            with contextlib.suppress(WebSocketDisconnect):
                await socket.send_json({"delta": "first "})
                started.set()
                await asyncio.sleep(30)

        task = None
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_json()
                task = asyncio.create_task(answer())
        task.cancel()

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"message": "a"})
        socket.receive_json()
        assert started.wait(60)
        socket.close(1001)
    trace = only(observer).traces[0]
    assert (trace.status, trace.close_code, trace.output.text) == ("disconnected", 1001, "first ")
    assert (trace.left.bytes, trace.left.chunks, trace.left.share) == (len('{"delta":"first "}'), 1, None)
    assert trace.left.after_ns >= trace.first_byte_ns


def test_a_reply_of_another_task_that_is_over_was_not_left(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        tasks = []
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                asked = await socket.receive_json()
                tasks.append(asyncio.create_task(socket.send_json({"reply": asked["message"]})))

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"message": "a"})
        socket.receive_json()
        socket.close(1001)
    assert only(observer).traces[0].status == "ok"


def test_a_worker_started_before_the_first_message_speaks_in_the_latest_turn(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        queue = asyncio.Queue()

        async def work():
            while True:
                asked = await queue.get()
                with ct.tool("work", arguments=asked):
                    await asyncio.sleep(0)
                ct.metadata(on="trace", asked=asked)
                await socket.send_json({"reply": asked})

        worker = asyncio.create_task(work())
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await queue.put((await socket.receive_json())["message"])
        worker.cancel()

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        for word in ("a", "b"):
            socket.send_json({"message": word})
            socket.receive_json()
    found = only(observer)
    assert said(found) == [("a", "a"), ("b", "b")]
    assert [(t.spans[0].arguments, t.metadata["asked"]) for t in found.traces] == [("a", "a"), ("b", "b")]


def test_verbs_between_messages_belong_to_the_latest_turn(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        for _ in range(2):
            asked = await socket.receive_text()
            await socket.send_text("re")
            ct.event("answered", word=asked, on="trace")
            ct.score("good", True)
        await socket.close()
        assert ct.current_session().id == "s"

    client, observer = serve(handler)
    with client.websocket_connect("/ws?session_id=s") as socket:
        for word in ("a", "b"):
            socket.send_text(word)
            socket.receive_text()
    found = only(observer)
    assert [t.events[0].attributes["word"] for t in found.traces] == ["a", "b"]
    assert [len(t.scores) for t in found.traces] == [1, 1]


def test_messages_of_an_unknown_form_are_kept_and_turns_where_a_verb_says_so(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        for _ in range(2):
            asked = await socket.receive_json()
            ct.set_input(asked["wort"])
            await socket.send_json({"antwort": "re"})
            ct.set_output("re " + asked["wort"])
        await socket.close()

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        for word in ("a", "b"):
            socket.send_json({"wort": word})
            socket.receive_json()
    assert said(only(observer)) == [("a", "re a"), ("b", "re b")]


def test_the_apps_own_reader_tells_messages_of_an_unknown_form(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        for _ in range(3):
            asked = await socket.receive_json()
            if "wort" in asked:
                await socket.send_json({"reply": "re " + asked["wort"]})
        await socket.close()

    client, observer = serve(handler, input_text=lambda request, exchange: exchange.request_body.get("wort"))
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"wort": "a"})
        socket.receive_json()
        socket.send_json({"maus": [1, 2]})
        socket.send_json({"wort": "b"})
        socket.receive_json()
    assert said(only(observer)) == [("a", "re a"), ("b", "re b")]


def test_a_feed_that_nobody_talks_to_is_no_turn_and_no_session(serve):
    async def handler(socket: WebSocket):
        await socket.accept()
        for n in range(50):
            await socket.send_json({"price": n})
        await socket.close()

    client, observer = serve(handler)
    with client.websocket_connect("/ws") as socket:
        for _ in range(50):
            socket.receive_json()
    observer.flush()
    assert conversations(observer) == [] and observer.health()["websocket"]["no_session"] == 1


def test_a_connection_that_is_refused_is_refused_alike(serve):
    async def handler(socket: WebSocket):
        await socket.close(4003)

    client, observer = serve(handler)
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/ws?session_id=s"):
        pass
    trace = only(observer).traces[0]
    assert refused.value.code == 4003 and (trace.turn, trace.status_code) == (None, 403)


def test_a_denial_response_passes(serve):
    async def handler(socket: WebSocket):
        await socket.send_denial_response(PlainTextResponse("no", status_code=401, headers={"x-why": "token"}))

    client, observer = serve(handler)
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/ws?session_id=s"):
        pass
    assert (denied.value.status_code, denied.value.text, denied.value.headers["x-why"]) == (401, "no", "token")
    assert only(observer).traces[0].status_code == 401


def test_subprotocol_and_headers_pass(serve):
    async def handler(socket: WebSocket):
        await socket.accept(subprotocol=socket.scope["subprotocols"][1], headers=[(b"x-own", b"1")])
        await socket.close()

    client, _ = serve(handler)
    with client.websocket_connect("/ws", subprotocols=["a", "b"]) as socket:
        assert socket.accepted_subprotocol == "b" and socket.extra_headers == [(b"x-own", b"1")]


# By the protocol alone

SCOPE = {
    "type": "websocket", "asgi": {"version": "3.0"}, "scheme": "ws", "path": "/ws", "raw_path": b"/ws",
    "root_path": "", "query_string": b"session_id=s", "headers": [], "client": ("203.0.113.9", 1), "subprotocols": [],
}  # fmt: skip
TALK = [
    {"type": "websocket.connect"},
    {"type": "websocket.receive", "text": "hello"},
    {"type": "websocket.receive", "bytes": b"\x00", "text": None},
    {"type": "websocket.receive"},
    {"type": "websocket.disconnect", "code": 1001, "reason": "going"},
]
ANSWERS = [
    {"type": "websocket.accept", "headers": ((b"a", b"b"),), "subprotocol": None},
    {"type": "websocket.send", "text": "re"},
    {"type": "websocket.send", "bytes": bytearray(b"{}"), "text": None},
    {"type": "websocket.send"},
    {"type": "nobody.knows"},
]


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def drive(app, messages, scope=SCOPE, send=None):
    """Call an app with these messages from the client; return what it sent."""
    waiting, sent = iter(messages), []

    async def receive():
        return next(waiting)

    async def note(message):
        sent.append(message)
        if send is not None:
            await send(message)

    asyncio.run(app(scope, receive, note))
    return sent


def test_every_message_is_the_same_object_on_both_sides(observer):
    received = []

    async def app(scope, receive, send):
        for message in ANSWERS:
            received.append(await receive())
            await send(message)

    sent = drive(ConvoTraceMiddleware(app, convotrace=observer), TALK)
    assert all(a is b for a, b in zip(received, TALK, strict=True))
    assert all(a is b for a, b in zip(sent, ANSWERS, strict=True))
    assert observer.ledger.open == {} and observer.health()["hooks"] == {}


def test_the_callers_scope_stays_as_it_was(observer):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        scope["path_params"] = {"x": 1}

    scope = {**SCOPE, "state": {}, "extensions": {"websocket.http.response": {}}}
    before = dict(scope)
    drive(ConvoTraceMiddleware(app, convotrace=observer), [], scope)
    assert scope == {**before, "path_params": {"x": 1}}
    assert seen[0] is not scope and seen[0]["state"] is scope["state"]
    assert set(seen[0]) - set(scope) == {"convotrace.stores"}


def test_an_app_wrapped_twice_is_recorded_once(observer):
    async def app(scope, receive, send):
        await receive()
        await send(ANSWERS[0])
        await receive()
        await send({"type": "websocket.send", "text": "re"})
        await send({"type": "websocket.close"})

    wrapped = ConvoTraceMiddleware(ConvoTraceMiddleware(app, convotrace=observer), convotrace=observer)
    drive(wrapped, TALK)
    assert said(only(observer)) == [("hello", "re")]


def test_a_reply_that_can_no_longer_be_sent_was_left(observer):
    async def app(scope, receive, send):
        await receive()
        await send(ANSWERS[0])
        await receive()
        for word in ("a ", "b ", "c "):
            await send({"type": "websocket.send", "text": word})

    async def send(message):
        if message.get("text") == "c ":
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        drive(ConvoTraceMiddleware(app, convotrace=observer), TALK, send=send)
    trace = only(observer).traces[0]
    assert (trace.status, trace.output.text, trace.error) == ("disconnected", "a b ", None)
    assert (trace.left.bytes, trace.left.chunks) == (4, 2)


def test_a_cancelled_connection_ends_its_turn(observer):
    async def app(scope, receive, send):
        await receive()
        await send(ANSWERS[0])
        await receive()
        await asyncio.sleep(30)

    async def cancelled():
        waiting = iter(TALK)

        async def receive():
            return next(waiting)

        async def send(message):
            return None

        task = asyncio.create_task(ConvoTraceMiddleware(app, convotrace=observer)(SCOPE, receive, send))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert only(observer).traces[0].status == "cancelled"


def test_a_fault_of_ours_is_counted_and_the_connection_goes_on(observer, monkeypatch):
    monkeypatch.setattr("convotrace.observer.connection.Connection.received", broken)
    monkeypatch.setattr("convotrace.observer.connection.Connection.sent", broken)

    async def app(scope, receive, send):
        for message in ANSWERS[:3]:
            await receive()
            await send(message)

    assert drive(ConvoTraceMiddleware(app, convotrace=observer), TALK) == ANSWERS[:3]
    assert observer.health()["hooks"]["recording"] >= 3 and observer.ledger.open == {}


def broken(*_):
    raise RuntimeError("ours")


def test_nothing_of_a_connection_is_current_after_it(observer):
    async def app(scope, receive, send):
        await receive()
        await receive()
        assert ct.current_trace() is not None

    async def around(scope, receive, send):
        await ConvoTraceMiddleware(app, convotrace=observer)(scope, receive, send)
        assert ct.current_trace() is None

    drive(around, TALK)


def test_a_running_turn_is_bounded_and_its_size_is_told(store_url):
    observer = ct.ConvoTrace(store=store_url, max_body_bytes=1000)

    async def app(scope, receive, send):
        await receive()
        await send(ANSWERS[0])
        await receive()
        for _ in range(500):
            await send({"type": "websocket.send", "text": "word "})
        await send({"type": "websocket.close"})

    drive(ConvoTraceMiddleware(app, convotrace=observer), TALK)
    (trace,) = only(observer).traces
    observer.close()
    assert trace.output.text == "word " * 200 and trace.cut.output == trace.response_bytes == 2500
    assert trace.chunks == 500


def test_thousands_of_messages_on_one_connection_are_let_go(observer):
    async def app(scope, receive, send):
        await send(ANSWERS[0])
        for _ in range(2000):
            asked = await receive()
            await send({"type": "websocket.send", "text": "re " + asked["text"]})
            if len(counts) < 3 and asked["text"].endswith("00"):
                await asyncio.to_thread(observer.flush)
                counts.append(alive() - before)

    def alive():
        gc.collect()
        return sum(type(thing).__name__ == "OpenTrace" for thing in gc.get_objects())

    counts, before = [], alive()
    drive(
        ConvoTraceMiddleware(app, convotrace=observer),
        ({"type": "websocket.receive", "text": f"{n}"} for n in range(2000)),
    )
    assert max(counts) <= 5 and len(observer.ledger.open) == 0
    assert only(observer).session.turns == 2000
