"""Whatever a verb is given, it never raises into the app and the turn is stored."""

import itertools

import pytest

import convotrace as ct


class Hostile:
    """Raises at whatever it is asked."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    def __hash__(self):
        raise RuntimeError("hash")

    def __bool__(self):
        raise RuntimeError("bool")

    def __str__(self):
        raise RuntimeError("str")

    __repr__ = __iter__ = __len__ = __str__


def recursive():
    value: dict = {"n": 1}
    value["self"] = value
    return value


ABSURD = {
    "none": None, "object": object(), "hostile": Hostile(), "recursive": recursive(), "bytes": b"\xff\0",
    "set": {1, "a"}, "nan": float("nan"), "huge": 10**400, "list": [], "class": ValueError, "nul": "\0",
    "lone surrogate": "\ud800", "lambda": lambda: 1, "endless": itertools.count(), "empty": "",
    "keys": {1: 2, None: 3, (1, 2): 4},
}  # fmt: skip


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def every_verb(value):
    """Use each verb with one value for each of its arguments."""
    for span in (
        ct.span(value, value),
        ct.span("x", kind=value, self=value, fields=value, model=value, input=value, output=value, attributes=value),
        ct.generation(value, value, input=value, cost=value, usage=value, tools=value, parameters=value),
        ct.retrieval(value, value, documents=value),
        ct.tool(value, value, call_id=value, result=value),
    ):
        with span as opened:
            opened.set_input(value).set_output(value).set_result(value).set_documents(value)
            opened.set_usage(value, cost=value, input=value, self=value).set(self=value, status=value, error=value)
            opened.event(value, value, self=value).score(value, value, value, source=value, passed=value, self=value)
            opened.error(value, value)
            ct.tag(value, on="span")
            ct.metadata(on="span", a=value)
    for on in (value, "span", "trace", "session"):
        ct.event(value, on, value, a=value)
        ct.score(value, value, value, on, source=value, author=value, passed=value, evaluator=value)
        ct.tag(value, value, on=on)
        ct.metadata(on, a=value, tags=value, self=value)
    ct.feedback(value, value)
    ct.set_input(value)
    ct.set_output(value)
    ct.user(value)
    ct.attach(value, value, value)
    ct.end_session(value, value)
    session, trace = ct.current_session(), ct.current_trace()
    session.tag(value)
    session.metadata(a=value, self=value)
    session.event(value, a=value, self=value)
    session.score(value, value, value, source=value, self=value)
    trace.set_input(value)
    trace.set_output(value)


@pytest.mark.parametrize("name", ABSURD)
def test_no_verb_raises_whatever_it_is_given(observer, name):
    with observer.session("s"):
        every_verb(ABSURD[name])
    found = observer.store.session("s")
    assert len(found.traces[0].spans) == 5 and observer.health()["dropped"] == {}


@pytest.mark.parametrize("name", ABSURD)
def test_an_observed_function_behaves_as_if_it_were_not(observer, name):
    value = ABSURD[name]

    @ct.observe(kind="tool", name="given")
    def given(one, *more, **named):
        return one

    with observer.session("s"):
        assert given(value, value, name=value, self=value) is value
    assert observer.store.session("s").traces[0].spans[0].status == "ok"


def test_what_one_trace_holds_is_bounded_and_says_so(observer):
    with observer.session("s"):
        for n in range(40):
            with ct.tool(f"t{n}") as tool:
                tool.set_result("x" * (1 << 20))
        for n in range(10_100):
            ct.event("line", n=n)
    (trace,) = observer.store.session("s").traces
    assert trace.spans[0].result == "x" * (1 << 20)
    assert "cut" in trace.spans[-1].result and len(trace.spans[-1].result) < 100
    assert trace.spans[-1].name == "t39" and len(trace.events) == 10_000
    assert trace.metadata["events_over_limit"] == 100


def test_many_lines_inside_one_span_take_no_time_that_grows_with_their_square(observer):
    # Counted, not timed: the list of a span's events must not be copied for each of them.
    with observer.session("s"), ct.span("loop"):
        ct.event("first")
        before = ct.current_span().events
        for n in range(1000):
            ct.event("line", n=n)
        assert ct.current_span().events is before and len(before) == 1001


def test_what_a_generator_yields_is_kept_up_to_a_limit(observer):
    @ct.observe
    def pieces():
        for _ in range(20):
            yield "x" * (1 << 20)

    with observer.session("s"):
        assert sum(map(len, pieces())) == 20 << 20
        assert ct.current_trace()._trace.weight < 8 << 20
