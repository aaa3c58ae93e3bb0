"""Buckets hold what the stored traces come to, whoever wrote, rewrote, moved or deleted them, and whoever died then."""

import time
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convotrace.insight.ranges import DAY_NS, HOUR_NS, MINUTE_NS
from convotrace.insight.sketch import count
from convotrace.insight.sums import COUNTS, KNOWN
from convotrace.model import Usage
from convotrace.store import Store, counting, folding
from convotrace.store.buckets import DAY, DIMENSIONS, HOUR, MINUTE
from convotrace.store.tallying import from_buckets
from tests.store.conftest import SECOND, START

ENDED = ("ok", "error", "running")
calls = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["tool", "generation", "internal"]),
        "name": st.sampled_from(["search", "refund"]),
        "model": st.sampled_from([None, "m1", "m2"]),
        "status": st.sampled_from(["ok", "error"]),
        "duration_ns": st.none() | st.integers(0, 10**10),
        "first_token_ns": st.none() | st.integers(0, 10**9),
        "cost_nano": st.none() | st.integers(0, 9),
        "usage": st.none() | st.builds(Usage, st.integers(0, 9), st.none() | st.integers(0, 9)),
    }
)
states = st.fixed_dictionaries(
    {
        "status": st.sampled_from(ENDED),
        "is_turn": st.booleans(),
        "duration_ns": st.none() | st.integers(0, 10**12),
        "first_byte_ns": st.none() | st.integers(0, 10**10),
        "errors": st.integers(0, 2),
        "service": st.sampled_from([None, "api", "bill"]),
        "route": st.sampled_from([None, "/chat", "/x"]),
        "input_tokens": st.none() | st.integers(0, 5),
        "cost_nano": st.none() | st.integers(0, 5),
    }
)
writes = st.tuples(
    st.just("write"), st.integers(0, 1), st.integers(0, 3), st.sampled_from("abc"), states, st.lists(calls, max_size=3)
)
others = st.one_of(
    st.tuples(st.just("again"), st.integers(0, 1)),
    st.tuples(st.just("forget"), st.sampled_from("abc")),
    st.tuples(st.just("kill"), st.integers(0, 1)),
    st.tuples(st.just("count"), st.integers(0, 1)),
    st.tuples(st.just("doubt"), st.integers(0, 1)),
    st.sampled_from([("settle",), ("fold",), ("idle",)]),
)
# Always some writes first: what happens to an empty store shows nothing.
parts = st.tuples(st.lists(writes, min_size=1, max_size=4), st.lists(others, max_size=3))
steps = st.lists(parts, min_size=1, max_size=5).map(lambda found: [step for part in found for step in chain(*part)])


def brute(store):
    """Return what the records in a store come to: counts, sums and numbers of times, by dimension and key."""
    found = {}

    def add(kind, key, **more):
        sums = found.setdefault((kind, key or ""), dict.fromkeys((*COUNTS, *KNOWN, "durations", "first_bytes"), 0))
        for name, value in more.items():
            sums[name] += value or 0

    for session in store.sessions(limit=1000):
        for trace in store.session(session.id).traces:
            told = {name: getattr(trace, name) for name in KNOWN}
            more = {"traces": 1, "errors": trace.errors, **told}
            if trace.is_turn:
                ended = trace.duration_ns is not None
                more |= {"count": 1, "failed": bool(trace.errors or trace.status == "error")}
                more |= {"duration": trace.duration_ns, "durations": ended}
                more |= {"first_byte": trace.first_byte_ns, "first_bytes": trace.first_byte_ns is not None}
            places = {"all": "", "service": trace.service, "route": trace.route, "environment": None, "release": None}
            for kind, key in places.items():
                add(kind, key, **more)
            for span in trace.spans:
                usage = span.usage or Usage()
                failed = span.status == "error"
                timed = {"duration": span.duration_ns, "durations": span.duration_ns is not None}
                timed |= {"first_byte": span.first_token_ns, "first_bytes": span.first_token_ns is not None}
                one = {"count": 1, "traces": 1, "failed": failed, "errors": failed, **timed}
                if span.kind == "tool":
                    add("tool", span.name, **one)
                known = (usage.input, usage.output, span.cost_nano)
                if span.model is not None or any(value is not None for value in known):
                    add(
                        "model",
                        span.model,
                        **one,
                        **dict(zip(("input_tokens", "output_tokens", "cost_nano"), known, strict=True)),
                    )
    return {place: sums for place, sums in found.items() if any(sums.values())}


def counted(store, res=None):
    """Return the same from the buckets of one resolution."""
    found = {}
    opened = store._ready()
    width = {MINUTE: MINUTE_NS, HOUR: HOUR_NS, DAY: DAY_NS}[res]
    with opened.connections.reading() as connection:
        for name, kind in DIMENSIONS.items():
            cells = from_buckets(opened.sql.buckets, connection, res, kind, 0, 1 << 62, width)
            for (key, _), sums in cells.items():
                held = found.setdefault((name, key), {})
                told = {one: getattr(sums, one) for one in (*COUNTS, *KNOWN)}
                told |= {"durations": count(sums.durations), "first_bytes": count(sums.first_bytes)}
                for one, value in told.items():
                    held[one] = held.get(one, 0) + (value or 0)
    return {place: sums for place, sums in found.items() if any(sums.values())}


class Worlds:
    """One file and two writers, each of which may be killed at any moment and begin anew."""

    def __init__(self, make, url):
        self.make, self.url = make, url
        self.writers = [Store.open(url), Store.open(url)]
        self.homes, self.last = {}, [None, None]

    def do(self, what, *args):
        getattr(self, what)(*args)

    def write(self, who, number, home, state, spans):
        # No call stands above another, so that none repeats another's tokens.
        spans = tuple(replace(self.make.span(**span), id=f"{n + 1:016x}") for n, span in enumerate(spans))
        trace = self.make.trace(home, at=number * 50, id=f"{number + 1:032x}", spans=spans, **state)
        if state["status"] == "running":
            trace = replace(trace, duration_ns=None)
        change = self.make.change(home, trace, written_as=self.homes.get(number))
        self.writers[who].write([change])
        self.homes[number], self.last[who] = home, [change]

    def again(self, who):
        if self.last[who]:
            (change,) = self.last[who]
            number = int(change.trace.id, 16) - 1
            if self.homes.get(number) == change.session.id:
                self.writers[who].write([change], retry=True)

    def forget(self, home):
        self.writers[0].forget(session=home)
        self.homes = {number: where for number, where in self.homes.items() if where != home}

    def kill(self, who):
        # Nothing is written at its end: what it remembered is gone.
        self.writers[who] = Store.open(self.url)

    def doubt(self, who):
        # As after a transaction of which nobody knows whether it was committed.
        self.writers[who]._recorder._counter.distrust()

    def count(self, who):
        self.writers[who]._recorder.count()

    def settle(self):
        folding.settle_left(self.writers[1]._ready(), 1 << 62)

    def fold(self):
        folding.fold(self.writers[0]._ready(), START)

    def idle(self):
        for writer in self.writers:
            writer._recorder._counter.written_ns = 0

    def close(self):
        for writer in self.writers:
            writer.close()


@pytest.fixture
def worlds(make, tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "WRITTEN_EVERY_NS", 3600 * SECOND)
    # However long ago, so that no test depends on the time.
    monkeypatch.setattr(folding, "KEPT_NS", dict.fromkeys(folding.KEPT_NS, 1 << 62))
    made = []

    def one():
        made.append(Worlds(make, f"sqlite:///{tmp_path}/{len(made)}/sessions.db"))
        for writer in made[-1].writers:
            writer._recorder._counter.written_ns = time.monotonic_ns()
        return made[-1]

    yield one
    for world in made:
        world.close()


@given(steps=steps)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_history_of_two_writers_leaves_buckets_that_equal_a_recount(worlds, steps):
    world = worlds()
    for what, *args in steps:
        world.do(what, *args)
        expected = brute(world.writers[0])
        # As it is read, with what is fresh or not even counted.
        if what in ("fold", "settle", "kill", "forget"):
            assert counted(world.writers[1], MINUTE) == expected
    world.settle()
    world.fold()
    for res in (MINUTE, HOUR, DAY):
        assert counted(world.writers[0], res) == brute(world.writers[0])
    world.close()


STATE = {
    "status": "ok", "is_turn": True, "duration_ns": SECOND, "first_byte_ns": None, "errors": 0, "service": "api",
    "route": None, "input_tokens": 3, "cost_nano": None,
}  # fmt: skip
CALL = {
    "kind": "tool", "name": "search", "model": None, "status": "ok", "duration_ns": 5, "first_token_ns": None,
    "cost_nano": None, "usage": None,
}  # fmt: skip


def write(who, number, home="a", **state):
    return ("write", who, number, home, {**STATE, **state}, [CALL])


@pytest.mark.parametrize(
    "history",
    [
        # Whether a transaction was committed is not known: what was uncounted is counted from its rows.
        [write(0, 0), ("doubt", 0), write(0, 1), ("count", 0)],
        [write(0, 0), ("count", 0), ("doubt", 0), write(0, 1), ("count", 0)],
        # A process ends with all that it remembered; others count what it left.
        [write(0, 0), write(0, 1), ("kill", 0), ("settle",)],
        [write(0, 0), ("kill", 0), write(0, 1), ("count", 0), ("settle",)],
        # What its writer has not counted is moved, rewritten or deleted by another, who dies or lives.
        [write(0, 0), write(1, 0, "b"), ("kill", 0), ("settle",)],
        [write(0, 0), write(1, 0, "b"), ("count", 0), ("count", 1)],
        [write(0, 0), write(1, 0, errors=1), ("kill", 0), ("kill", 1), ("settle",)],
        [write(0, 0), write(1, 1), ("forget", "a"), ("count", 0), ("count", 1)],
        # Others counted what a living writer still remembers.
        [write(0, 0), ("settle",), write(0, 1), ("count", 0)],
        [write(0, 0), ("settle",), write(0, 0, errors=2), ("count", 0)],
        # Written again by its own writer, counted or not.
        [write(0, 0), write(0, 0, is_turn=False), ("count", 0)],
        [write(0, 0), ("count", 0), ("fold",), write(0, 0, "b"), ("again", 0), ("fold",)],
        [write(0, 0, status="running"), ("count", 0), write(0, 0), ("count", 0)],
    ],
)
def test_each_way_to_go_wrong_leaves_buckets_that_equal_a_recount(worlds, history):
    world = worlds()
    for what, *args in history:
        world.do(what, *args)
        for res in (MINUTE, DAY):
            assert counted(world.writers[1], res) == brute(world.writers[0]), what
    world.settle()
    world.fold()
    assert counted(world.writers[0], HOUR) == brute(world.writers[0])
