"""Functions of the owner: whatever they do, requests go on, failures are counted, and one line a minute says so."""

import io
import time
import warnings
import weakref

import pytest

import convotrace as ct
from convotrace import SettingsError
from convotrace.identity import Incoming
from convotrace.wsgi import ConvoTraceMiddleware


def answer(observer, body=b'{"message": "x", "cid": "c1"}', headers=(), read=True):
    """Send one request through the door; return what came out."""

    def app(environ, start_response):
        if read:
            environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"reply": "y"}']

    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json", "HTTP_HOST": "h",
        "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http", "QUERY_STRING": "", **dict(headers),
    }  # fmt: skip
    return list(ConvoTraceMiddleware(app, convotrace=observer)(environ, lambda *_: None))


@pytest.fixture
def make(store_url):
    """Make an observer with options; closed at the end."""
    made = []

    def make(**options):
        made.append(ct.ConvoTrace(store=store_url, **options))
        return made[-1]

    yield make
    for observer in made:
        observer.close()


class Ends(BaseException):
    """What no `except Exception` catches."""


def raising(error):
    def hook(*_):
        raise error

    return hook


@pytest.mark.parametrize("error", [ValueError("x"), Ends("x"), SystemExit(1)], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("hook", ["session_id", "user_id", "input_text", "output_text"])
def test_a_hook_that_raises_costs_only_its_own_part(make, hook, error, caplog):
    observer = make(**{hook: raising(error)})
    for _ in range(3):
        assert answer(observer, headers={"HTTP_X_SESSION_ID": "s"}) == [b'{"reply": "y"}']
    traces = observer.store.session("s").traces
    assert [(trace.input.text, trace.output.text) for trace in traces] == [("x", "y")] * 3
    assert observer.health()["hooks"][hook] >= 3
    assert caplog.text.count("\n") == 1


def test_a_slow_hook_is_counted(make):
    observer = make(session_id=lambda request: time.sleep(0.02), hook_timeout=0.01)
    answer(observer)
    assert observer.health()["hooks"] == {"session_id (slow)": 1}


def test_our_own_work_is_never_counted_as_slow_only_as_failed(make):
    observer = make(hook_timeout=1e-9)
    observer.begin(Incoming("POST", "/chat", "", [], iter, {}))
    guard = observer.guard
    assert guard.attempt("jobs", lambda one: time.sleep(0.001) or one, 1) == 1
    assert observer.health()["hooks"] == {}
    assert guard.attempt("jobs", raising(SystemExit(1))) is None
    assert observer.health()["hooks"] == {"jobs": 1}


@pytest.mark.parametrize(
    "odd", [None, "", "  ", True, 1.5, b"x", [], {}, object(), lambda: 1, float("nan")], ids=lambda odd: repr(odd)[:12]
)
def test_an_odd_answer_of_session_id_is_no_id(make, odd):
    observer = make(session_id=lambda request: odd, user_id=lambda request: odd)
    answer(observer, headers={"HTTP_X_SESSION_ID": "s"})
    (trace,) = observer.store.session("s").traces
    assert (trace.id_source, trace.user_id) == ("header", None)


@pytest.mark.parametrize("odd", [0, 7, "a/b\0c", "x" * 600, "\ud800"], ids=lambda odd: repr(odd)[:8])
def test_an_id_with_a_text_form_is_one(make, odd):
    observer = make(session_id=lambda request: odd)
    answer(observer)
    (session,) = observer.store.sessions()
    assert session.id_source == "callable"


def test_a_hook_sees_the_body_that_the_app_has_read(make):
    seen = []

    def session_id(request):
        seen.append(request.body)
        return request.body["cid"]

    observer = make(session_id=session_id)
    answer(observer)
    assert [trace.id_source for trace in observer.store.session("c1").traces] == ["callable"]
    assert seen == [{"message": "x", "cid": "c1"}] and observer.health()["hooks"] == {}
    answer(observer, read=False)
    assert seen[1] is None


def test_a_body_that_no_hook_asks_for_is_not_parsed_in_the_request(make, monkeypatch):
    monkeypatch.setattr("convotrace.observer.asking.decode", raising(AssertionError("parsed")))
    observer = make(session_id=lambda request: request.headers["host"])
    answer(observer)
    assert observer.store.session("h") is not None and observer.health()["hooks"] == {}


@pytest.mark.parametrize("hook", ["session_id", "user_id", "input_text", "output_text"])
def test_an_async_hook_is_refused_when_the_app_is_wired(hook):
    async def hooked(*_):
        return "x"

    class Called:
        async def __call__(self, *_):
            return "x"

    for function in (hooked, Called()):
        with pytest.raises(SettingsError, match=f"{hook} .*async"):
            ct.ConvoTrace(**{hook: function})


def test_what_the_request_held_is_let_go_with_its_end(make):
    class Held:
        pass

    held = Held()
    weak, observer = weakref.ref(held), make()
    observer.writer.put = lambda *_, **__: True  # a store that is stuck: the trace waits
    kept = []
    observer.writer.put = lambda trace, *_, **__: kept.append(trace) or True
    answer(observer, headers={"the.app": held})
    del held
    assert len(kept) == 1 and weak() is None


def test_no_warning_is_given_at_defaults(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        observer = make()
        answer(observer, headers={"HTTP_X_SESSION_ID": "s"})
        assert observer.store.session("s") is not None and observer.health()["ok"] is True
