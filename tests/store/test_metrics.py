"""Metrics are what a recount of the stored records says, by whatever they are grouped and whichever tier answers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convotrace.errors import BadRequest, FilterError
from convotrace.insight.sums import KNOWN
from convotrace.model import Failure, Usage
from convotrace.store import Store, metrics, sampling
from tests.insight.test_sketch import nearest_rank
from tests.store.conftest import SECOND, START

HOUR, DAY = 3600 * SECOND, 86400 * SECOND
NOW = START + 3 * HOUR
SESSIONS = {
    "a": {"user_id": "ann", "tags": ("vip", "beta"), "environment": "production", "metadata": {"experiment": "x"}},
    "b": {"user_id": "ben", "tags": ("vip",), "environment": "staging", "release": "2", "outcome": "escalated"},
    "c": {"metadata": {"experiment": "y", "plan": 3}, "resolved": True, "outcome": "completed"},
}
turns = st.lists(
    st.fixed_dictionaries(
        {
            "home": st.sampled_from("abc"),
            "at": st.integers(0, 9000),
            "duration_ns": st.none() | st.integers(0, 10**11),
            "first_byte_ns": st.none() | st.integers(0, 10**10),
            "errors": st.integers(0, 2),
            "is_turn": st.booleans(),
            "service": st.sampled_from([None, "api"]),
            "route": st.sampled_from([None, "/chat"]),
            "input_tokens": st.none() | st.integers(0, 50),
            "cost_nano": st.none() | st.integers(0, 50),
            "tools": st.lists(st.sampled_from(["search", "refund"]), max_size=2),
        }
    ),
    max_size=30,
)


def ask(store, since=START, until=NOW, **options):
    opened = store._ready()
    asked = {"by": None, "q": None, "width": "15m", "most": 20, "points": True, "sessions": False, **options}
    return metrics.metrics(opened, since, until, now_ns=NOW, **asked)


def write(store, make, found):
    for number, state in enumerate(found):
        state = dict(state)
        spans = tuple(
            make.span(kind="tool", name=name, duration_ns=state["duration_ns"], id=f"{n:016x}")
            for n, name in enumerate(state.pop("tools"), 1)
        )
        home = state.pop("home")
        trace = make.trace(home, id=f"{number + 1:032x}", spans=spans, **state)
        store.write([make.change(home, trace, **SESSIONS[home])])


def records(store):
    for session in store.sessions(limit=1000):
        for trace in store.session(session.id).traces:
            yield session, trace


def keys_of(by, session, trace):
    if by is None:
        return [None]
    if by == "tag":
        return list(session.tags) or [None]
    if by == "experiment":
        return [session.metadata.get("experiment")]
    if by == "meta.plan":
        plan = session.metadata.get("plan")
        return [None if plan is None else str(plan)]
    if by == "resolved":
        return [{None: "unknown", True: "true", False: "false"}[session.resolved]]
    if by in ("service", "route"):
        return [getattr(trace, by)]
    if by == "tool":
        return [span.name for span in trace.spans if span.kind == "tool"]
    return [getattr(session, {"user": "user_id"}.get(by, by))]


def check(tally, members):
    turned = [trace for trace in members if trace.is_turn]
    assert (tally.count, tally.traces) == (len(turned), len(members))
    assert tally.errors == sum(trace.errors for trace in members)
    assert tally.failed == sum(bool(trace.errors) for trace in turned)
    for name in KNOWN:
        known = [value for trace in members if (value := getattr(trace, name)) is not None]
        assert getattr(tally, name) == (sum(known) if known else None)
    for times, name in ((tally.duration, "duration_ns"), (tally.first_byte, "first_byte_ns")):
        known = [value for trace in turned if (value := getattr(trace, name)) is not None]
        assert (times.count, times.total_ns) == (len(known), sum(known))
        for share, found in ((0.5, times.p50_ns), (0.95, times.p95_ns), (0.99, times.p99_ns)):
            if known:
                assert abs(found - nearest_rank(known, share)) <= 0.032 * nearest_rank(known, share)
            else:
                assert found is None


@pytest.fixture
def fresh():
    opened = []

    def one():
        opened.append(Store.open("memory:"))
        return opened[-1]

    yield one
    for store in opened:
        store.close()


@given(found=turns, q=st.sampled_from(["", "tag:vip", "user:ann", "-tag:beta", "turns>1"]), folded=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_group_is_what_a_recount_says(fresh, make, found, q, folded):
    store = fresh()
    write(store, make, found)
    if folded:
        store.roll_up(now_ns=NOW)
    wanted = {session.id for session in store.sessions(q or None, limit=1000)}
    rows = [(session, trace) for session, trace in records(store) if session.id in wanted]
    for by in (
        None,
        "environment",
        "release",
        "service",
        "route",
        "user",
        "tag",
        "outcome",
        "resolved",
        "experiment",
        "meta.plan",
    ):
        answer = ask(store, by=by, q=q)
        groups = {}
        for session, trace in rows:
            for key in keys_of(by, session, trace):
                groups.setdefault(key, []).append(trace)
        assert {series.key for series in answer.series} == set(groups)
        for series in answer.series:
            check(series.tally, groups[series.key])
            for point in series.points:
                own = [t for t in groups[series.key] if point.at_ns <= t.started_ns < point.at_ns + answer.width_ns]
                check(point.tally, own)
        check(answer.total, [trace for _, trace in rows])
        assert not answer.sampled
    tools = ask(store, by="tool", q=q)
    counts = {}
    for _, trace in rows:
        for span in trace.spans:
            counts[span.name] = counts.get(span.name, 0) + 1
    assert {series.key: series.tally.count for series in tools.series} == counts


def test_a_range_is_widened_to_whole_points_and_ends_before_its_end(memory, make):
    memory.write([make.change(trace=make.trace(at=at)) for at in (0, 59, 3600)])
    first = START - START % (15 * 60 * SECOND)
    answer = ask(memory, START + SECOND, START + 40 * 60 * SECOND)
    assert (answer.since_ns, answer.width_ns) == (first, 15 * 60 * SECOND)
    assert answer.until_ns == first + HOUR
    assert [point.tally.count for point in answer.series[0].points] == [2, 0, 0, 0]
    assert answer.total.count == 2


def test_what_runs_is_counted_and_has_no_duration_yet(memory, make):
    memory.write([make.change(trace=make.trace(at=1, status="running", duration_ns=None))])
    answer = ask(memory)
    assert (answer.total.count, answer.total.duration.count) == (1, 0)


def test_each_model_call_is_counted_once_and_sums_agree_with_the_turns(memory, make):
    # Long, so that the row is stored in another form than a short one.
    said = [{"role": "user", "parts": [{"type": "text", "text": f"{n}"}]} for n in range(100)]
    outer = make.span(kind="generation", model="m", usage=Usage(10, 5), cost_nano=7, attributes={"said": said})
    inner = make.span(kind="generation", model="m", usage=Usage(10, 5), cost_nano=7, parent_id=outer.id)
    other = make.span(kind="embedding", model="e", usage=Usage(3), status="error", error=Failure("E", "x"))
    memory.write(
        [
            make.change(
                trace=make.trace(at=1, spans=(outer, inner, other), input_tokens=13, output_tokens=5, cost_nano=7)
            )
        ]
    )
    for q in ("", "has:error OR turns>0"):
        answer = ask(memory, by="model", q=q)
        found = {s.key: (s.tally.count, s.tally.failed, s.tally.input_tokens, s.tally.cost_nano) for s in answer.series}
        assert found == {"m": (1, 0, 10, 7), "e": (1, 1, 3, None)}
        assert (answer.total.input_tokens, answer.total.output_tokens, answer.total.cost_nano) == (13, 5, 7)
        assert answer.tier == ("spans" if q else "buckets")


def test_sessions_are_told_by_how_they_ended(memory, make):
    write(memory, make, [
        {"home": home, "at": 60, "duration_ns": 5 * SECOND, "tools": []} for home in "aabc"
    ])  # fmt: skip
    answer = ask(memory, by="experiment", sessions=True)
    told = answer.sessions
    assert (told.count, told.turns, told.open, told.escalated, told.completed, told.resolved) == (3, 4, 1, 1, 1, 1)
    assert told.turns_per_session == 4 / 3 and told.rate("escalated") == 1 / 3
    assert {series.key: series.sessions.count for series in answer.series} == {"x": 1, "y": 1, None: 1}
    assert sum(point.sessions.count for series in answer.series for point in series.points) == 3
    assert ask(memory, sessions=True).sessions == told
    assert ask(memory, q="outcome:escalated", sessions=True).sessions.count == 1


def test_groups_that_are_too_many_are_one(memory, make):
    memory.write([make.change(trace=make.trace(at=n, service=f"s{n % 7}")) for n in range(20)])
    answer = ask(memory, by="service", most=3)
    assert [(series.key, series.tally.count) for series in answer.series] == [
        ("s0", 3),
        ("s1", 3),
        ("s2", 3),
        ("(other)", 11),
    ]
    assert sum(point.tally.count for point in answer.series[-1].points) == 11


def test_beyond_what_is_read_for_one_answer_numbers_are_estimates_and_marked(memory, make, monkeypatch):
    monkeypatch.setattr(sampling, "MOST_TURNS", 300)
    # Which sessions are of the share follows from a secret of the store: here the same in each run.
    monkeypatch.setattr("convotrace.store.opening.secrets.token_hex", lambda number: "5a" * number)
    for n in range(300):
        memory.write(
            [make.change(f"s{n}", make.trace(f"s{n}", at=n + k, duration_ns=10**9, is_turn=True)) for k in range(4)]
        )
    exact, guess = ask(memory), ask(memory, q="turns>0")
    assert exact.total.count == 1200 and not exact.sampled
    assert guess.sampled and guess.share == 0.25
    assert 0.7 * 1200 < guess.total.count < 1.3 * 1200
    assert abs(guess.total.duration.p95_ns - 10**9) <= 0.032 * 10**9
    assert ask(memory, q="turns>0") == guess


def test_what_retention_deleted_stays_counted_and_is_marked(store, make):
    from convotrace.store.retention import Limits

    store.write([make.change("old", make.trace("old", at=0)), make.change("new", make.trace("new", at=2 * 86400))])
    before = ask(store, START - DAY, START + 3 * DAY, width="1d")
    for _ in store.prune(Limits(age_ns=DAY), now_ns=START + 3 * DAY):
        continue
    assert [session.id for session in store.sessions()] == ["new"]
    after = ask(store, START - DAY, START + 3 * DAY, width="1d")
    assert after == replace(before, rolled_up=True)
    assert not ask(store, START + 2 * DAY, START + 3 * DAY, width="1h").rolled_up


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"by": "colour"}, "by came as 'colour'; use one of environment, "),
        ({"by": "all"}, "by came as 'all'"),
        ({"by": "meta."}, "by came as 'meta.'"),
        ({"most": 0}, "most came as 0; use 1 to 200"),
        ({"since": "soon"}, "since came as 'soon'; write how long ago"),
        ({"until": datetime(2020, 1, 1)}, "until came as '2020-01-01 00:00:00'"),
        ({"since": NOW, "until": START}, "give an earlier since"),
        ({"width": "90s"}, "width came as '90s'; use auto, or whole minutes"),
        ({"since": NOW - 60 * DAY, "width": "1m"}, "use width=1h, or a later since"),
        ({"since": NOW - 400 * DAY, "width": "1h"}, "use width=1d, or a later since"),
        ({"since": NOW - 40 * DAY, "width": "1m", "q": "tag:x"}, "at most 1,500"),
        ({"by": "tool", "q": "tag:x", "since": "3d"}, "at most of 24 hours"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can_be(memory, asked, words):
    with pytest.raises(BadRequest) as refused:
        ask(memory, **asked)
    assert words in str(refused.value)


def test_a_filter_that_cannot_be_read_is_refused_as_everywhere(memory):
    with pytest.raises(FilterError):
        memory.metrics(q="turns>many")


def test_moments_are_taken_in_every_form(memory, make):
    memory.write([make.change(trace=make.trace(at=0))])
    moment = datetime.fromtimestamp(START // SECOND, UTC)
    for since in (START, moment, moment.isoformat(), "3h"):
        assert ask(memory, since).total.count == 1
    assert memory.metrics().series == ()
