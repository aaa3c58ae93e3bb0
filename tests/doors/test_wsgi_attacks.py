"""Odd WSGI apps, bodies and streams, and Flask's own idioms: bare and behind the door they are the same."""

import gc
import io
import sys
import threading
import weakref
from wsgiref.util import FileWrapper

import flask
import pytest

import convotrace as ct
import convotrace_flask
from convotrace.wsgi import ConvoTraceMiddleware

chat_apps = sys.modules["convotrace_test_chat_apps"]
TEXT = [("Content-Type", "text/plain")]
JSON = [("Content-Type", "application/json")]


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url, exclude=[])
    yield made
    made.close()


def environ_of(body=b'{"message": "x"}', **more):
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/chat", "QUERY_STRING": "", "SERVER_NAME": "h",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "h",
        "CONTENT_TYPE": "application/json", "HTTP_X_SESSION_ID": "s", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False, **more,
    }  # fmt: skip


def serve(app, environ=None):
    """Call an app as a simple server does; return what it started, wrote and yielded, in order."""
    seen = []

    def start_response(status, headers, exc_info=None):
        seen.append((status, list(headers), None if exc_info is None else exc_info[0]))
        return lambda data: seen.append(("wrote", data))

    body = app(environ_of() if environ is None else environ, start_response)
    try:
        for chunk in body:
            seen.append(chunk)
    finally:
        if hasattr(body, "close"):
            body.close()
    return seen


def only_trace(observer):
    assert observer.ledger.open == {}
    (trace,) = observer.store.session("s").traces
    return trace


def writing(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"a")
    write(b"b")
    return [b"c"]


def text_by_mistake(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text", None, b"bytes", 5]


def late_start(environ, start_response):
    yield b""
    start_response("200 OK", TEXT)
    yield b"late"


def started_twice(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise ValueError("changed my mind")
    except ValueError:
        start_response("500 Oh", TEXT, sys.exc_info())
    return [b"sorry"]


def started_by_keyword(environ, start_response):
    start_response(status="200 OK", headers=TEXT, exc_info=None)
    return [b"x"]


def odd_status(environ, start_response):
    start_response("²00 Odd", TEXT)
    return [b"x"]


def text_body(environ, start_response):
    start_response("200 OK", TEXT)
    return (chunk for chunk in ("one", "two"))


def one_buffer(environ, start_response):
    start_response("200 OK", TEXT)
    buffer = bytearray(b"1")
    yield buffer
    buffer[:] = b"2"
    yield memoryview(buffer)


@pytest.mark.parametrize(
    "app", [writing, text_by_mistake, late_start, started_twice, started_by_keyword, odd_status, text_body, one_buffer]
)
def test_an_odd_app_does_behind_the_door_what_it_does_bare(observer, app):
    bare = serve(app)
    assert serve(ConvoTraceMiddleware(app, convotrace=observer)) == bare
    only_trace(observer)
    assert observer.health()["ok"] is True and sum(observer.health()["requests"].values()) == 1


def test_the_record_of_a_reused_buffer_holds_what_was_sent(observer):
    serve(ConvoTraceMiddleware(one_buffer, convotrace=observer))
    assert only_trace(observer).output.body == "12"


def test_an_app_that_never_starts_a_response_is_an_error_of_the_turn(observer):
    def app(environ, start_response):
        return []

    assert serve(ConvoTraceMiddleware(app, convotrace=observer)) == []
    trace = only_trace(observer)
    assert (trace.status, trace.status_code, trace.error.type) == ("error", 500, "NoResponse")


class Sized:
    """A body that knows its length, as some frameworks make it."""

    def __init__(self, *chunks):
        self.chunks = chunks
        self.taken = 0

    def __len__(self):
        return len(self.chunks)

    def __iter__(self):
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


class LazyList(list):
    """A list whose items are made when they are asked for."""

    def __iter__(self):
        return iter([b"lazy"])

    def close(self):
        self.closed = True


def test_a_body_that_knows_its_length_still_tells_it(observer):
    body = Sized(b"a", b"b")

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return body

    given = ConvoTraceMiddleware(app, convotrace=observer)(environ_of(), lambda *_: None)
    assert len(given) == 2 and body.taken == 0 and list(given) == [b"a", b"b"]
    given.close()
    assert only_trace(observer).output.body == "ab"


def test_a_list_of_the_apps_own_class_is_iterated_only_by_the_server(observer):
    body = LazyList()

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return body

    assert serve(ConvoTraceMiddleware(app, convotrace=observer))[1:] == [b"lazy"]
    assert body.closed and only_trace(observer).output.body == "lazy"


def test_an_error_in_close_reaches_the_server_and_the_turn(observer):
    error = RuntimeError("close")

    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            raise error

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return Body()

    with pytest.raises(RuntimeError) as raised:
        serve(ConvoTraceMiddleware(app, convotrace=observer))
    assert raised.value is error and only_trace(observer).error.message == "close"


def test_a_body_that_is_closed_before_it_is_iterated_runs_nothing(observer):
    ran = []

    def app(environ, start_response):
        start_response("200 OK", TEXT)

        def pieces():
            ran.append(True)
            yield b"x"

        return pieces()

    ConvoTraceMiddleware(app, convotrace=observer)(environ_of(), lambda *_: None).close()
    assert ran == [] and only_trace(observer).status == "disconnected"


def test_a_generator_app_that_is_never_iterated_leaves_nothing_open(observer):
    body = ConvoTraceMiddleware(late_start, convotrace=observer)(environ_of(), lambda *_: None)
    del body
    assert observer.ledger.open == {}


def test_an_outer_middleware_sees_what_the_app_wrote_into_its_environ(observer):
    seen, environ = {}, environ_of()
    stream = environ["wsgi.input"]

    def app(environ, start_response):
        environ["REMOTE_USER"] = "ann"
        start_response("200 OK", TEXT)
        yield b"x"
        environ["mine.late"] = 1

    def start_response(status, headers, exc_info=None):
        seen.update(environ)
        return None

    body = ConvoTraceMiddleware(app, convotrace=observer)(environ, start_response)
    assert list(body) == [b"x"]
    body.close()
    assert seen["REMOTE_USER"] == environ["REMOTE_USER"] == "ann" and environ["mine.late"] == 1
    assert environ["wsgi.input"] is stream and not [key for key in environ if key.startswith("convotrace")]


def test_the_stream_of_the_body_does_what_the_servers_does(observer):
    raw = b"line 1\nline 2\nthe rest"

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        read = [stream.readline(), stream.read(3), *stream.readlines(1), next(iter(stream), b""), stream.read()]
        start_response("200 OK", TEXT)
        return read

    def buffered(environ, start_response):
        start_response("200 OK", TEXT)
        return [io.TextIOWrapper(io.BufferedReader(environ["wsgi.input"]), "ascii").read().encode()]

    def beyond_the_protocol(environ, start_response):
        start_response("200 OK", TEXT)
        assert isinstance(environ["wsgi.input"], made) and isinstance(environ["wsgi.input"], io.IOBase)
        with environ["wsgi.input"] as stream:
            read = [next(stream), stream.readline(size=3)] if named else [next(stream), stream.readline(3)]
            into = bytearray(2)
            return [*read, b"%d" % stream.readinto1(into), bytes(into), *stream.readlines(), *stream]

    class Named(io.BytesIO):
        """A stream that takes its arguments by name, too, as servers written in Python have."""

        def readline(self, size=-1):
            return super().readline(size)

    for named in (False, True):
        made = Named if named else io.BytesIO
        bare = serve(beyond_the_protocol, environ_of(raw, **{"wsgi.input": made(raw)}))
        behind = ConvoTraceMiddleware(beyond_the_protocol, convotrace=observer)
        assert serve(behind, environ_of(raw, **{"wsgi.input": made(raw)})) == bare != []
    for each in (app, buffered):
        bare = serve(each, environ_of(raw))
        assert serve(ConvoTraceMiddleware(each, convotrace=observer), environ_of(raw)) == bare
    assert {trace.request_bytes for trace in observer.store.session("s").traces} == {len(raw)}


def test_a_file_is_sent_by_the_server_itself(observer):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))

    wrapped = ConvoTraceMiddleware(app, convotrace=observer)
    assert type(wrapped(environ_of(**{"wsgi.file_wrapper": FileWrapper}), lambda *_: None)) is FileWrapper


@pytest.mark.parametrize("length", ["²", "-1", "x", "99999999999999999999", "9" * 5000])
def test_a_wrong_length_breaks_neither_the_page_nor_a_hook(observer, length):
    environ = environ_of(CONTENT_LENGTH=length, PATH_INFO="/_sessions/s/s/scores")
    assert serve(ConvoTraceMiddleware(writing, convotrace=observer), environ)[0][0].startswith("404")
    observer.on_turn(lambda turn: turn.refuse("no"))
    refused = serve(ConvoTraceMiddleware(writing, convotrace=observer), environ_of(CONTENT_LENGTH=length))
    assert (refused[0][0], refused[1]) == ("429 Too Many Requests", b"no")


@pytest.mark.parametrize("step", ["read", "respond", "sent", "finish_response", "end"])
@pytest.mark.parametrize("body", [list, iter])
def test_a_fault_of_ours_never_reaches_the_app(observer, step, body, monkeypatch, caplog):
    def fault(*_):
        raise RuntimeError("ours")

    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", TEXT)
        return body([b"a", b"b"])

    monkeypatch.setattr(f"convotrace.recorder.OpenTrace.{step}", fault)
    assert serve(ConvoTraceMiddleware(app, convotrace=observer))[1:] == [b"a", b"b"] and observer.ledger.open == {}
    used = sum(observer.guard.failures.values().values())
    assert used > 0 or (step, body) == ("finish_response", list)
    assert caplog.text.count("convotrace:guard") == bool(used)


@pytest.mark.parametrize("odd", [{"PATH_INFO": None}, {"PATH_INFO": b"/chat"}, {"QUERY_STRING": None}, {7: "x"}])
def test_an_environ_that_is_none_reaches_the_app_which_answers_for_it(observer, odd):
    got = []

    def app(environ, start_response):
        got.append({name: environ[name] for name in odd})
        start_response("200 OK", TEXT)
        return [b"x"]

    environ = environ_of() | odd
    assert serve(ConvoTraceMiddleware(app, convotrace=observer), environ) == [("200 OK", TEXT, None), b"x"]
    assert got == [odd] and observer.ledger.open == {}


def test_a_status_and_headers_in_bytes_are_read_as_text(observer):
    started = (b"201 Created", [(b"Content-Type", b"application/json")])

    def app(environ, start_response):
        start_response(*started)
        return [b'{"reply": "x"}']

    assert serve(ConvoTraceMiddleware(app, convotrace=observer)) == [(*started, None), b'{"reply": "x"}']
    trace = only_trace(observer)
    assert (trace.status_code, trace.output.text, observer.health()["hooks"]) == (201, "x", {})


# Flask


@pytest.fixture(params=["porch", "bare"])
def app(request, store_url):
    """A Flask app behind either form, and its observer."""
    app = flask.Flask("attacked")
    app.secret_key = "k"
    if request.param == "porch":
        app.observer = convotrace_flask.ConvoTrace(app, store=store_url)
    else:
        app.observer = ct.ConvoTrace(store=store_url)
        app.wsgi_app = ConvoTraceMiddleware(app.wsgi_app, convotrace=app.observer)
    yield app
    app.observer.close()


def post(app, path="/chat"):
    return chat_apps.Client(app, app.observer).post(path, {"message": "one two", "session_id": "s"})


def test_flask_stream_with_context_keeps_its_span(app):
    @app.post("/chat")
    def chat():
        asked = flask.request.get_json()

        @flask.stream_with_context
        def stream():
            with ct.span("stream", kind="agent"):
                for word in asked["message"].split():
                    with ct.tool("say"):
                        yield f"data: {flask.request.path} {word}\n\n"

        return flask.Response(stream(), mimetype="text/event-stream")

    assert post(app).body.count(b"/chat") == 2
    stream, *said = only_trace(app.observer).spans
    assert {span.parent_id for span in said} == {stream.id} and stream.status == "ok"


def test_flask_functions_around_the_request_belong_to_the_turn(app):
    @app.before_request
    def before():
        ct.event("before")

    @app.teardown_request
    def teardown(error):
        ct.event("teardown")

    @app.post("/chat")
    def chat():
        @flask.after_this_request
        def after(response):
            ct.event("after this")
            response.headers["X-Mine"] = "1"
            return response

        flask.session["n"] = 1
        return {"reply": flask.request.get_json()["message"]}

    assert (b"x-mine", b"1") in post(app).headers
    assert [event.name for event in only_trace(app.observer).events] == ["before", "after this", "teardown"]


def test_flask_error_handlers_answer_for_the_app(app):
    @app.errorhandler(ValueError)
    def handled(error):
        return {"reply": "sorry"}, 422

    @app.post("/chat")
    def chat():
        with ct.tool("lookup"):
            raise ValueError(flask.request.get_json()["message"])

    assert post(app).status == 422
    trace = only_trace(app.observer)
    assert (trace.status, trace.status_code, trace.error, trace.spans[0].status) == ("ok", 422, None, "error")


def test_a_test_request_context_of_flask_has_nothing_current(app):
    with app.test_request_context("/chat", method="POST", json={"message": "x"}):
        app.preprocess_request()
        assert ct.current_trace() is None
        with ct.tool("nothing") as tool:
            tool.set_result(1)
    assert app.observer.ledger.open == {} and list(app.observer.store.sessions()) == []


def test_threads_started_by_a_flask_view_do_not_mix(app):
    @app.post("/chat/<name>")
    def chat(name):
        with ct.tool(name):
            pass
        return {"reply": name}

    def use(name):
        for _ in range(20):
            chat_apps.Client(app, app.observer).post(f"/chat/{name}", {"message": name}, [("X-Session-ID", name)])

    threads = [threading.Thread(target=use, args=(f"n{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(16):
        traces = app.observer.store.session(f"n{n}").traces
        assert len(traces) == 20 and {span.name for trace in traces for span in trace.spans} == {f"n{n}"}


def test_a_flask_app_behind_the_porch_is_freed_when_it_is_let_go(store_url):
    app = flask.Flask("freed")
    convotrace_flask.ConvoTrace(app, store=store_url)
    gc.disable()
    try:
        weak = weakref.ref(app)
        del app
        assert weak() is None
    finally:
        gc.enable()


def test_a_server_may_be_given_what_answers_for_a_flask_app_without_the_app(store_url):
    def made():
        app = flask.Flask("let go", static_folder=None)
        app.config["REPLY"] = "still here"

        @app.post("/chat/<name>")
        def chat(name):
            if name == "boom":
                raise ValueError("boom")
            return {"reply": flask.current_app.config["REPLY"]}

        observers.append(convotrace_flask.ConvoTrace(app, store=store_url))
        return app.wsgi_app

    observers = []
    serves = made()
    gc.collect()
    for name in ("ann", "boom"):
        environ = environ_of(PATH_INFO=f"/chat/{name}")
        status, *rest = serve(serves, environ)
        assert status[0][:3] == ("200" if name == "ann" else "500") and (name == "boom" or b"still here" in rest[0])
    assert type(serves.__self__).__name__ == "Flask" and isinstance(serves.__self__, flask.Flask)
    first, second = observers[0].store.session("s").traces
    assert (first.route, second.route, second.error.message) == ("/chat/<name>", "/chat/<name>", "boom")
    observers[0].close()


def test_another_method_of_a_flask_app_that_answers_for_it_is_the_one_that_is_called(store_url):
    class Shop(flask.Flask):
        def counted(self, environ, start_response):
            environ["shop.counted"] = True
            return self.wsgi_app_of_all(environ, start_response)

        wsgi_app_of_all = flask.Flask.wsgi_app

    app = Shop("shop")
    app.wsgi_app = app.counted
    observer = convotrace_flask.ConvoTrace(app, store=store_url)
    environ = environ_of(PATH_INFO="/nothing")
    assert serve(app, environ)[0][0].startswith("404") and environ["shop.counted"] is True
    observer.close()
