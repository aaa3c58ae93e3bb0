"""What an open trace becomes: totals, content, targets, and nothing that is not known."""

import json

import pytest

from convotrace.model import Failure, Payload, Usage
from convotrace.recorder import OpenTrace, failure_of
from convotrace.recorder.parts import OpenEvent, OpenScore

BOOM = Failure("ValueError", "boom")
CANARY = "c4n4ry"


def ended(trace, **state):
    for name, value in state.items():
        setattr(trace, name, value)
    return trace


def open_trace(bench, **state):
    return ended(OpenTrace(bench.request(headers=[("x-session-id", "s")]), 1_000), **state)


# Totals


def test_what_nobody_told_is_none_and_never_0(bench):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind="generation")
    found = bench.record(trace)
    (span,) = found.spans
    unknown = (
        found.input_tokens, found.output_tokens, found.cached_tokens, found.cache_write_tokens,
        found.reasoning_tokens, found.cost_nano, found.first_byte_ns, found.largest_gap_ns, found.user_id, found.error,
        found.output.text, found.turn, found.retries, found.close_code,
        span.usage, span.cost_nano, span.first_token_ns, span.model, span.call_id, span.input, span.arguments,
    )  # fmt: skip
    assert set(unknown) == {None}


def test_a_trace_by_hand_knows_nothing_of_bytes(bench):
    trace = OpenTrace(None, 0)
    trace.input_text = "hi"
    found = bench.record(trace)
    assert (found.request, found.request_bytes, found.response_bytes, found.chunks) == (None, None, None, None)


USAGES = [
    ({"input": 5, "output": 2}, Usage(5, 2)),
    ({"prompt_tokens": 5, "completion_tokens": 0}, Usage(5, 0)),
    ({"input_tokens": 5.0}, Usage(5)),
    ({"input": 9, "cached_read": 4, "cached_write": 3, "reasoning": 2, "audio": 1}, Usage(9, None, 4, 3, 2, 1)),
    (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 2}},
        Usage(9, None, 4, None, 2, 0),
    ),
    (
        {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3, "output_tokens": 5},
        Usage(16, 5, 4, 3),
    ),
    ({"inputTokens": 9, "outputTokens": 5, "totalTokens": 18, "cacheReadInputTokens": 4}, Usage(13, 5, 4)),
    ({"input": None}, None), ({}, None), (None, None), ("12", None), ([1], None), ({"input": True}, None),
    ({"input": -1}, None), ({"input": float("nan")}, None), ({"input": float("inf")}, None), ({"input": "7"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "usage"), USAGES)
def test_token_counts_are_read_under_the_names_providers_use(bench, given, usage):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind="generation", usage=given)
    assert bench.record(trace).spans[0].usage == usage


def test_tokens_are_counted_once_where_a_parent_repeats_its_childrens(bench):
    trace = bench.exchange({"message": "hi"})
    agent = bench.work(trace, "agent", "agent", usage={"input": 30, "output": 3}, cost=0.5)
    chain = bench.work(trace, "chain", "chain", agent)
    bench.work(trace, "one", "generation", chain, usage={"input": 10, "output": 1}, cost=0.1)
    bench.work(trace, "two", "generation", agent, usage={"input": 20})
    bench.work(trace, "alone", "generation", usage={"input": 5, "cached_read": 4})
    found = bench.record(trace)
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (35, 1, 4)
    assert found.cost_nano == 100_000_000


def test_a_parent_that_alone_knows_the_cost_keeps_it(bench):
    trace = bench.exchange({"message": "hi"})
    agent = bench.work(trace, "agent", "agent", cost=0.25)
    bench.work(trace, "one", "generation", agent, usage={"input": 10})
    found = bench.record(trace)
    assert (found.input_tokens, found.cost_nano) == (10, 250_000_000)


TOKENS = {"input": 1_000_000, "output": 0}


@pytest.mark.parametrize("kind", ["generation", "embedding", "reranker"])
def test_a_call_without_a_cost_gets_its_models_price(bench, kind):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind=kind, model="gpt-4.1-mini-2025-04-14", usage=TOKENS)
    found = bench.record(trace)
    assert (found.spans[0].cost_nano, found.cost_nano) == (400_000_000, 400_000_000)


def test_a_cost_of_its_own_wins_over_any_price(bench):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind="generation", model="gpt-4.1-mini", usage=TOKENS, cost=0)
    assert bench.record(trace).spans[0].cost_nano == 0


def test_the_apps_own_prices_are_asked_first(bench):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind="generation", provider="openai", model="gpt-4.1-mini", usage=TOKENS)
    assert bench.record(trace, prices={"gpt-4.1-mini": {"input": 7}}).spans[0].cost_nano == 7_000_000_000


UNPRICED = [
    {"kind": "agent", "model": "gpt-4o", "usage": TOKENS}, {"kind": "generation", "model": "gpt-4o"},
    {"kind": "generation", "usage": TOKENS}, {"kind": "generation", "model": "house-7b", "usage": TOKENS},
    {"kind": "generation", "model": {"odd": 1}, "usage": TOKENS},
]  # fmt: skip


@pytest.mark.parametrize("fields", UNPRICED)
def test_what_has_no_price_has_an_unknown_cost(bench, fields):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, **fields)
    found = bench.record(trace)
    assert (found.spans[0].cost_nano, found.cost_nano) == (None, None)


COSTS = [(0.01, 10_000_000), (0, 0), ("0.01", 10_000_000), ("free", None), (True, None), (None, None), ({}, None),
         (float("nan"), None), (float("inf"), None), (1e300, None), (-0.5, -500_000_000)]  # fmt: skip


@pytest.mark.parametrize(("cost", "nano"), COSTS)
def test_a_cost_is_a_finite_number_of_dollars_or_unknown(bench, cost, nano):
    trace = bench.exchange({"message": "hi"})
    bench.work(trace, kind="generation", cost=cost)
    found = bench.record(trace)
    assert (found.spans[0].cost_nano, found.cost_nano) == (nano, nano)


def test_fields_that_are_no_text_become_text(bench):
    trace = bench.exchange({"message": "hi"})
    odd = {"model": {"name": "m"}, "provider": 3, "call_id": 7, "finish_reason": ["stop"], "parameters": "hot"}
    bench.work(trace, kind="generation", first_token_ns="soon", **odd)
    (span,) = bench.record(trace).spans
    assert (span.model, span.provider, span.call_id, span.finish_reason) == ("{'name': 'm'}", "3", "7", "['stop']")
    assert (span.parameters, span.first_token_ns) == ({"value": "hot"}, None)


# Content


def full_trace(bench):
    """Return a trace with a canary in everything that is content."""
    trace = bench.exchange({"message": CANARY, "session_id": "s"}, {"reply": CANARY}, query=f"text={CANARY}")
    bench.work(trace, "g", "generation", input=CANARY, output=CANARY, tools=[CANARY])
    bench.work(trace, "t", "tool", arguments={"a": CANARY}, result=[CANARY])
    bench.work(trace, "r", "retrieval", query=CANARY, documents=[CANARY])
    return trace


def test_everything_said_is_kept_by_default(bench):
    assert repr(bench.record(full_trace(bench))).count(CANARY) >= 12


@pytest.mark.parametrize("how", ["setting", "verb"])
def test_without_content_no_text_body_argument_result_document_or_query_is_left(bench, how):
    trace = full_trace(bench)
    trace.content = how != "verb"
    verdict, change = bench.assemble(trace, content=how != "setting")
    assert CANARY not in repr(change)
    assert verdict.value == "turns" and [span.kind for span in change.trace.spans] == [
        "generation",
        "tool",
        "retrieval",
    ]
    assert change.session.id == "s"


def test_without_bodies_the_texts_stay(bench):
    found = bench.record(bench.exchange({"message": "hi"}, {"reply": "ho"}), capture_bodies=False)
    assert (found.input, found.output) == (Payload("hi"), Payload("ho"))


def test_secrets_are_in_no_part_of_a_record(bench):
    headers = [("cookie", f"a={CANARY}"), ("authorization", CANARY), ("x-session-id", "s")]
    secret = {"api_key": CANARY, "text": json.dumps({"password": CANARY})}
    trace = bench.exchange(
        {"message": "hi", **secret}, {"reply": "ho", **secret}, headers=headers, query=f"secret={CANARY}"
    )
    for kind in ("generation", "tool"):
        fields = ("input", "output", "arguments", "result", "query", "parameters", "attributes", "metadata")
        span = bench.work(trace, "x", kind, documents=[secret], **{field: dict(secret) for field in fields})
        span.note(OpenEvent("e", 1, None, secret))
    trace.metadata.update(secret)
    trace.session.metadata.update(secret)
    trace.events.append(OpenEvent("e", 1, None, secret))
    trace.session.events.append(OpenEvent("e", 1, None, secret))
    assert CANARY not in repr(bench.assemble(trace)[1])


def test_a_clients_address_is_kept_only_as_a_keyed_hash(bench):
    one = bench.record(bench.exchange({"message": "hi"}, peer="10.1.2.3"))
    other = bench.record(bench.exchange({"message": "hi"}, peer="10.1.2.4"))
    assert "10.1.2.3" not in repr(one)
    assert len(one.request.client) == 16 and one.request.client != other.request.client


# Where things land


def test_scores_and_events_carry_their_target(bench):
    trace = bench.exchange({"message": "hi", "session_id": "s"})
    span = bench.work(trace)
    span.judge(OpenScore("a", True, 5, {}))
    trace.scores.append(OpenScore("b", 0.5, 6, {"comment": "so so", "source": "annotator"}))
    trace.session.scores.append(OpenScore("c", "good", 7, {}))
    trace.session.outcome, trace.session.resolved, trace.session.ended = "escalated", True, 9
    change = bench.assemble(trace)[1]
    (of_span,), (of_trace,), (of_session,) = change.trace.spans[0].scores, change.trace.scores, change.session.scores
    ids = ("s", change.trace.id, change.trace.spans[0].id)
    targets = [(s.target.session_id, s.target.trace_id, s.target.span_id) for s in (of_span, of_trace, of_session)]
    assert targets == [ids, (*ids[:2], None), ("s", None, None)]
    assert [s.type for s in (of_span, of_trace, of_session)] == ["boolean", "numeric", "categorical"]
    assert (of_trace.comment, of_trace.source, of_span.source) == ("so so", "annotator", "code")
    assert (change.session.outcome, change.session.resolved, change.session.ended_ns) == ("escalated", True, 9)


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (True, "boolean"),
        (0, "numeric"),
        (1.5, "numeric"),
        ("good", "categorical"),
        ("a\nb", "text"),
        ("x" * 65, "text"),
    ],
)
def test_the_value_of_a_score_tells_its_type(bench, value, type_):
    trace = bench.exchange({"message": "hi"})
    trace.scores.append(OpenScore("s", value, 1, {}))
    assert bench.record(trace).scores[0].type == type_


def test_ids_are_those_of_w3c_and_parents_are_told(bench):
    trace = bench.exchange({"message": "hi"})
    parent = bench.work(trace, "parent")
    bench.work(trace, "child", parent=parent)
    found = bench.record(trace)
    assert len(found.id) == 32 and all(len(span.id) == 16 for span in found.spans)
    assert int(found.id, 16) and found.id == found.id.lower()
    assert found.spans[1].parent_id == found.spans[0].id and found.spans[0].parent_id is None


@pytest.mark.parametrize(
    ("route", "name", "shown"), [(None, None, "POST /chat"), ("/{x}", None, "POST /{x}"), ("/{x}", "named", "named")]
)
def test_a_trace_is_named_by_its_route(bench, route, name, shown):
    trace = ended(bench.exchange({"message": "hi"}), route=route, name=name)
    assert bench.record(trace).name == shown


def test_what_the_settings_say_of_the_app_is_on_session_and_trace(bench):
    options = {"environment": "staging", "release": "1.2", "service": "shop"}
    change = bench.assemble(bench.exchange({"message": "hi"}), **options)[1]
    facts = change.session
    assert (facts.environment, facts.release, facts.service, change.trace.service) == ("staging", "1.2", "shop", "shop")


def test_a_trace_can_be_assembled_again_while_it_grows(bench):
    trace = open_trace(bench)
    trace.read(b'{"message": "hi"}', 100)
    early = bench.record(trace)
    bench.work(trace, kind="tool")
    trace.respond(200, "", False)
    trace.finish_response(1_400)
    late = bench.record(trace)
    assert (early.id, early.status, len(early.spans)) == (late.id, "running", 0)
    assert (late.status, len(late.spans), late.input.text) == ("ok", 1, "hi")


# Exceptions


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_exception_is_told_with_its_causes_and_places():
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        failure = failure_of(error)
    assert (failure.type, failure.message) == ("ValueError", "outer")
    assert failure.stack.count("test_an_exception_is_told") == 2 and "KeyError, then" in failure.stack


def test_an_exception_that_cannot_be_printed_is_told_all_the_same():
    failure = failure_of(Unprintable())
    assert failure.type.endswith("test_records.Unprintable") and "failed" in failure.message


def test_a_circle_of_causes_ends():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert failure_of(one).message == "one"
