"""Over all shared conversations, counts, sums and means are those of a recount, and percentiles within 3.2 %."""

import json
from collections import defaultdict

import pytest

from convotrace.insight.totals import totals
from convotrace.model import Change, Payload, SessionFacts, Span, Trace, Usage
from convotrace.store import Store, metrics, sampling
from tests.insight.test_sketch import nearest_rank

pytestmark = pytest.mark.data
START, SECOND, DAY = 1_700_000_000 * 10**9, 10**9, 86_400 * 10**9
NOW = START + 2 * DAY


@pytest.fixture(autouse=True)
def all_are_read(monkeypatch):
    """Let no group be told from a share of the sessions: these are more than are read for one answer."""
    monkeypatch.setattr(sampling, "MOST_TURNS", 10_000)


@pytest.fixture(scope="module")
def filled(data, tmp_path_factory):
    """Return a store with every conversation, and each of its changes."""
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/sessions.db")
    changes = list(_changes(sorted((data / "conversations").glob("*.jsonl"))))
    for n in range(0, len(changes), 100):
        store.write(changes[n : n + 100])
    yield store, changes
    store.close()


def _changes(files):
    number = 0
    for file in files:
        for line in file.read_text().splitlines():
            conversation = json.loads(line)
            for turn in conversation["turns"]:
                number += 1
                yield _change(number, conversation, turn)


def _change(number, conversation, turn):
    id, at = f"{number:032x}", START + number * 20 * SECOND
    spans = tuple(_span(number * 1000 + n, id, at, step) for n, step in enumerate(turn["steps"]))
    texts = (turn["user"] or "", turn["assistant"] or "")
    trace = Trace(
        id, conversation["id"], is_turn=True, started_ns=at, duration_ns=10**7 * len(texts[1]) + 10**6,
        first_byte_ns=10**6 * len(texts[0]) or None, input=Payload(turn["user"]), output=Payload(turn["assistant"]),
        errors=sum(span.status == "error" for span in spans), spans=spans, route=f"/{conversation['domain']}",
        service=conversation["source"], **totals(spans),
    )  # fmt: skip
    facts = SessionFacts(
        conversation["id"], "header", user_id=conversation.get("user_id"), environment=conversation["language"],
        tags=(conversation["source"], conversation["domain"]), metadata={"experiment": conversation["language"]},
    )  # fmt: skip
    return Change(facts, trace)


def _span(number, trace_id, at, step):
    usage = step.get("usage")
    return Span(
        f"{number:016x}", trace_id, step["name"], step["kind"], started_ns=at, duration_ns=number % 977 * 10**6,
        model=step.get("model"), status="error" if step.get("error") else "ok",
        usage=None if usage is None else Usage(usage.get("prompt_tokens"), usage.get("completion_tokens")),
        cost_nano=None if step.get("cost") is None else round(step["cost"] * 10**9),
    )  # fmt: skip


def ask(store, **options):
    asked = {"by": None, "q": "", "width": "1d", "most": 200, "points": True, "sessions": True, **options}
    return metrics.metrics(store._ready(), START, NOW, now_ns=NOW, **asked)


KEYS = {
    None: lambda change: [None],
    "environment": lambda change: [change.session.environment],
    "experiment": lambda change: [change.session.environment],
    "service": lambda change: [change.trace.service],
    "route": lambda change: [change.trace.route],
    "user": lambda change: [change.session.user_id],
    "tag": lambda change: dict.fromkeys(change.session.tags),
}


@pytest.mark.parametrize("by", KEYS, ids=str)
def test_every_group_is_what_a_recount_says(filled, by):
    store, changes = filled
    groups = defaultdict(list)
    for change in changes:
        for key in KEYS[by](change):
            groups[key].append(change.trace)
    answer = ask(store, by=by)
    assert not answer.sampled and {series.key for series in answer.series} == set(groups)
    assert answer.total.count == len(changes)
    for series in answer.series:
        _check(series.tally, groups[series.key])
        assert sum(point.tally.count for point in series.points) == series.tally.count
    assert sum(series.sessions.count for series in answer.series if series.sessions) == (
        0 if by in ("service", "route") else len(_pairs(changes, by))
    )


def _pairs(changes, by):
    return {(change.session.id, key) for change in changes for key in KEYS[by](change)}


def _check(tally, traces):
    durations = [trace.duration_ns for trace in traces]
    assert (tally.count, tally.errors) == (len(traces), sum(trace.errors for trace in traces))
    for name in ("input_tokens", "output_tokens", "cost_nano"):
        known = [value for trace in traces if (value := getattr(trace, name)) is not None]
        assert getattr(tally, name) == (sum(known) if known else None)
    assert tally.duration.mean_ms == pytest.approx(sum(durations) / len(durations) / 1e6)
    for share, found in ((0.5, tally.duration.p50_ns), (0.95, tally.duration.p95_ns), (0.99, tally.duration.p99_ns)):
        assert abs(found - nearest_rank(durations, share)) <= 0.032 * nearest_rank(durations, share)


def test_calls_of_each_tool_are_what_a_recount_says(filled):
    store, changes = filled
    durations, failed = defaultdict(list), defaultdict(int)
    for span in (span for change in changes for span in change.trace.spans if span.kind == "tool"):
        durations[span.name].append(span.duration_ns)
        failed[span.name] += span.status == "error"
    answer = ask(store, by="tool")
    assert {series.key: series.tally.count for series in answer.series} == {k: len(v) for k, v in durations.items()}
    for series in answer.series:
        assert series.tally.failed == failed[series.key]
        true = nearest_rank(durations[series.key], 0.95)
        assert abs(series.tally.duration.p95_ns - true) <= 0.032 * true


def test_tokens_and_cost_of_all_models_are_those_of_all_turns(filled):
    store, _ = filled
    calls, turns = ask(store, by="model").total, ask(store).total
    for name in ("input_tokens", "output_tokens", "cost_nano"):
        assert getattr(calls, name) == getattr(turns, name) is not None


def test_it_is_the_same_when_all_is_rolled_up(filled):
    store, _ = filled
    before = ask(store, by="service")
    store.roll_up(now_ns=NOW)
    assert ask(store, by="service") == before
