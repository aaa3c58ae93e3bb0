"""Requests that came with a traceparent, and work that goes on elsewhere: one tree, and no two turns of one id."""

import io
import json

import pytest

import convotrace as ct
from convotrace.identity import Incoming
from convotrace.observer.callers import MAX_TRACES, Callers
from convotrace.recorder import OpenTrace

T, P = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OTHER = "00f067aa0ba902b8"
PARENT = f"00-{T}-{P}-01"


def asgi(*headers):
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Incoming("POST", "/chat", "", raw, lambda raw: [(n.decode(), v.decode()) for n, v in raw], {"headers": raw})


def joined(callers, *headers):
    trace = OpenTrace(None, 0)
    callers.join(trace, asgi(*headers))
    return trace


def test_a_request_takes_the_ids_of_its_caller():
    trace = joined(Callers(), ("traceparent", PARENT))
    assert (trace.id, trace.parent_span, trace.shared) == (int(T, 16), int(P, 16), True)
    assert trace.metadata == {}


@pytest.mark.parametrize("text", ["", "rubbish", f"00-{T}-{'0' * 16}-01", f"00-{T.upper()}-{P}-01"])
def test_an_invalid_traceparent_changes_nothing(text):
    trace = joined(Callers(), ("traceparent", text))
    assert (trace.parent_span, trace.shared, trace.metadata) == (None, False, {})


def test_two_traceparents_are_none():
    assert not joined(Callers(), ("traceparent", PARENT), ("traceparent", f"00-{T}-{OTHER}-01")).shared


def test_the_same_traceparent_again_gives_no_second_request_of_that_id():
    callers = Callers()
    first, second = (joined(callers, ("traceparent", PARENT), ("baggage", "session.id=s")) for _ in range(2))
    assert first.shared and not second.shared and second.id != first.id
    assert second.metadata == {"traceparent": PARENT} and second.parent_span is None


def test_a_page_that_keeps_one_trace_id_for_all_its_calls_makes_no_shared_id():
    callers = Callers()
    joined(callers, ("traceparent", PARENT))
    assert not joined(callers, ("traceparent", f"00-{T}-{OTHER}-01")).shared


def test_several_calls_of_a_service_that_we_record_are_parts_of_one_trace():
    callers = Callers()
    state = ("tracestate", f"convotrace={P},vendor=x")
    traces = [joined(callers, ("traceparent", PARENT), state) for _ in range(3)]
    assert {trace.id for trace in traces} == {int(T, 16)} and all(trace.shared for trace in traces)


def test_calls_of_a_service_that_names_its_session_are_parts_too_each_from_its_own_span():
    callers = Callers()
    named = ("baggage", "session.id=s")
    assert joined(callers, ("traceparent", PARENT), named).shared
    assert joined(callers, ("traceparent", f"00-{T}-{OTHER}-01"), named).shared
    assert not joined(callers, ("traceparent", f"00-{T}-{OTHER}-01"), named).shared


@pytest.mark.parametrize("headers", [None, 5, [()], [b"x"], [(b"a", b"b", b"c")], [(None, None)], iter([])])
def test_headers_of_any_shape_change_nothing(headers):
    trace = OpenTrace(None, 0)
    Callers().join(trace, Incoming("GET", "/", "", headers, lambda raw: raw, {"headers": headers}))
    assert (trace.parent_span, trace.shared, trace.metadata) == (None, False, {})


def test_what_is_remembered_of_callers_is_bounded():
    callers = Callers()
    for number in range(1, MAX_TRACES + 50):
        joined(callers, ("traceparent", f"00-{number:032x}-{P}-01"))
    for number in range(1, 500):
        joined(callers, ("traceparent", f"00-{MAX_TRACES:032x}-{number:016x}-01"))
    assert len(callers._parents) == MAX_TRACES
    assert max(map(len, callers._parents.values())) <= 100


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def request(observer, text, *headers, work=lambda: None):
    """Send a chat message through the WSGI door; `work` is done in it."""

    def app(environ, start_response):
        environ["wsgi.input"].read()
        work()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"reply": f"to {text}"}).encode()]

    body = json.dumps({"message": text, "session_id": "s"}).encode()
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json",
               "wsgi.input": io.BytesIO(body), **dict(headers)}  # fmt: skip
    list(ct.wsgi.ConvoTraceMiddleware(app, convotrace=observer)(environ, lambda *_: None))


def test_turns_that_came_with_one_traceparent_stay_turns_with_pages_of_their_own(observer):
    for text in ("one", "two", "three"):
        request(observer, text, ("HTTP_TRACEPARENT", PARENT))
    session = observer.store.session("s")
    assert [trace.input.text for trace in session.traces] == ["one", "two", "three"]
    assert len({trace.id for trace in session.traces}) == 3
    assert [trace.id == T for trace in session.traces] == [True, False, False]
    assert session.traces[1].metadata["traceparent"] == PARENT


def test_the_user_that_baggage_names_is_the_user_when_nothing_else_says_one(observer):
    request(observer, "one", ("HTTP_BAGGAGE", "user.id=%C3%BCn%20a"))
    request(observer, "two", ("HTTP_BAGGAGE", "user.id=%C3%BCn%20a"), work=lambda: ct.user("ün a"))
    assert [trace.user_id for trace in observer.store.session("s").traces] == ["ün a", "ün a"]


def tree(trace):
    names = {span.id: span.name for span in trace.spans}
    return {span.name: names.get(span.parent_id) for span in trace.spans}


def job(observer, carrier, name="mail", inside=lambda: None):
    with observer.resume(carrier, name=name), ct.tool(f"{name} tool"):
        inside()


def test_a_job_joins_the_turn_it_was_sent_from(observer):
    carriers = []

    def work():
        ct.user("ann")
        with ct.span("queue"):
            carriers.append(ct.carrier())
        carriers.append(ct.carrier())

    request(observer, "one", work=work)
    observer.flush()
    job(observer, carriers[0])
    job(observer, carriers[1], name="index")
    session = observer.store.session("s")
    (trace,) = session.traces
    assert tree(trace) == {
        "queue": None, "mail": "queue", "mail tool": "mail", "index": None, "index tool": "index",
    }  # fmt: skip
    assert {span.kind for span in trace.spans if span.name in ("mail", "index")} == {"internal"}
    assert (trace.input.text, trace.output.text, trace.user_id) == ("one", "to one", "ann")
    assert session.session.turns == 1 and session.session.spans == 5


def test_a_job_that_ends_before_its_request_is_stored_joins_it_all_the_same(observer):
    def work():
        with ct.span("queue"):
            job(observer, ct.carrier())
            observer.flush()

    request(observer, "one", work=work)
    (trace,) = observer.store.session("s").traces
    assert tree(trace) == {"queue": None, "mail": "queue", "mail tool": "mail"}


def test_a_job_of_a_job_joins_too_and_a_session_that_nobody_named_is_kept(observer):
    later = []
    with observer.resume({"traceparent": PARENT}, name="first"):
        later.append(ct.carrier())
    job(observer, later[0], name="second")
    (row,) = observer.store.sessions()
    (trace,) = observer.store.session(row.id).traces
    assert (row.id, row.id_source, trace.name) == (T, "none", "first")
    assert tree(trace) == {"second": None, "second tool": "second"}
    assert "baggage" not in later[0]


def test_a_carrier_taken_after_the_trace_was_stored_leads_back_to_it(observer):
    with observer.session("s"):
        with ct.tool("early"):
            pass
        inside = ct.capture.current.current_node.get()
    observer.flush()
    token = ct.capture.current.current_node.set(inside)
    carrier = ct.carrier()
    ct.capture.current.current_node.reset(token)
    job(observer, carrier)
    (trace,) = observer.store.session("s").traces
    assert tree(trace) == {"early": None, "mail": None, "mail tool": "mail"}


@pytest.mark.parametrize("carrier", [None, {}, {"traceparent": "x"}, 7, {"baggage": "session.id=s"}])
def test_a_carrier_that_names_nobody_opens_nothing(observer, carrier):
    with observer.resume(carrier) as opened:
        assert opened is None and ct.carrier() == {} and ct.current_trace() is None
    assert list(observer.store.sessions()) == []


def test_a_forgotten_trace_has_no_carrier(observer):
    with observer.session("s"):
        ct.skip()
        assert ct.carrier() == {}


def test_an_error_in_a_job_is_the_jobs(observer):
    with observer.session("s"):
        carrier = ct.carrier()
    with pytest.raises(ZeroDivisionError):
        job(observer, carrier, inside=lambda: 1 / 0)
    (trace,) = observer.store.session("s").traces
    assert {span.name: span.status for span in trace.spans} == {"mail": "error", "mail tool": "error"}
    assert trace.status == "ok"
