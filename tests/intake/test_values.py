"""Values, times and files as others wrote them: what can be read is read, and what cannot ends nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.intake import json_format, protobuf_format
from convotrace.intake.files import Reader
from convotrace.intake.json_format import any_value
from convotrace.intake.recorded import Turn, changes_of, moment
from convotrace.settings import Settings

BEGIN = 1_800_000_000 * 10**9


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None), ("x", None), ({}, None), ({"otherValue": 1}, None),
        ({"stringValue": ""}, ""), ({"stringValue": 5}, None), ({"string_value": "x"}, "x"),
        ({"intValue": "12"}, 12), ({"intValue": 12}, 12), ({"intValue": "9" * 50}, "9" * 40), ({"intValue": "x"}, "x"),
        ({"intValue": []}, None), ({"int_value": "-3"}, -3),
        ({"boolValue": False}, False), ({"boolValue": "yes"}, "yes"), ({"boolValue": 1}, None),
        ({"doubleValue": 1}, 1), ({"doubleValue": "NaN"}, "NaN"), ({"doubleValue": {}}, None),
        ({"bytesValue": "aGk="}, "aGk="), ({"bytesValue": 5}, None),
        ({"arrayValue": {"values": [{"intValue": 1}, "odd"]}}, [1, None]), ({"arrayValue": 5}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}, {"key": 5}, 6]}}, {"a": 1}),
        ({"kvlistValue": None}, {}),
    ],
)  # fmt: skip
def test_a_value_of_the_protocol_is_the_json_that_it_stands_for(value, found):
    assert any_value(value) == found and type(any_value(value)) is type(found)


@pytest.mark.parametrize("kind", ["arrayValue", "kvlistValue"])
def test_a_value_without_a_bottom_is_cut(kind):
    value = {"stringValue": "deep"}
    for _ in range(200):
        value = {kind: {"values": [value if kind == "arrayValue" else {"key": "a", "value": value}]}}
    assert "[cut: too deep]" in json.dumps(any_value(value))


def test_protobuf_stands_for_the_same_values():
    common = pytest.importorskip("opentelemetry.proto.common.v1.common_pb2")
    one = common.AnyValue
    listed = one(array_value=common.ArrayValue(values=[one(int_value=1), one()]))
    named = one(kvlist_value=common.KeyValueList(values=[common.KeyValue(key="a", value=listed)]))
    told = [one(), one(string_value="x"), one(bool_value=False), one(double_value=0.5), one(bytes_value=b"hi"), named]
    assert [protobuf_format.any_value(value) for value in told] == [None, "x", False, 0.5, "aGk=", {"a": [1, None]}]
    deep_list = deep_pairs = one(string_value="deep")
    for _ in range(30):
        deep_list = one(array_value=common.ArrayValue(values=[deep_list]))
        pairs = [common.KeyValue(key="a", value=deep_pairs)]
        deep_pairs = one(kvlist_value=common.KeyValueList(values=pairs))
    for deep in (deep_list, deep_pairs):
        assert "deep" in json.dumps(protobuf_format.any_value(deep))


SPAN = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}


def spans_of(*spans):
    groups = [{"scopeSpans": [{"spans": list(spans)}, "odd"]}, "odd"]
    return json_format.spans(json.dumps({"resourceSpans": groups}).encode())


def test_what_is_no_group_is_passed_over_and_what_is_no_span_is_refused_and_counted():
    batch = spans_of(SPAN, "odd", {"traceId": "x"})
    assert len(batch.spans) == 1 and batch.refused[0] == "A span is not an object." and len(batch.refused) == 2
    logs = json_format.logs(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [5]}]}]}).encode())
    assert (logs.logs, logs.refused) == ([], ["A log record is not an object."])


def test_links_that_lead_nowhere_are_passed_over():
    links = [
        {"trace_id": SPAN["traceId"], "span_id": SPAN["spanId"]},
        {"traceId": "x"},
        5,
        {"traceId": SPAN["traceId"]},
    ]
    (span,) = spans_of({**SPAN, "links": links}).spans
    assert span.links == [f"{SPAN['traceId']}-{SPAN['spanId']}"]


@pytest.mark.parametrize(
    ("kind", "number"),
    [("SPAN_KIND_SERVER", 2), ("client", 3), ("4", 4), ("9", 0), (5, 5), (9, 0), (True, 0), (None, 0)],
)
def test_a_kind_is_told_by_name_or_number(kind, number):
    assert spans_of({**SPAN, "kind": kind}).spans[0].kind == number


NAMES = ["stringValue", "intValue", "arrayValue", "kvlistValue", "values", "key", "value"]
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats())
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner)),
    max_leaves=15,
)


@given(values)
def test_no_value_breaks_the_reading(value):
    any_value(value)
    spans_of({**SPAN, "attributes": [{"key": "a", "value": value}], "links": value, "events": value, "status": value})


# Files


@pytest.mark.parametrize(
    ("value", "ns"),
    [(1.5, 15 * 10**8), (0, 0), (True, None), ("2027-01-15T08:00:00Z", BEGIN), ("2027-01-15T08:00:00", BEGIN),
     ("2027-01-15T09:00:00+01:00", BEGIN), ("soon", None), ("", None), (None, None), ([], None), (float("inf"), None),
     (float("nan"), None), (1e300, None), (-5, None), ("9999-12-31T23:59:59+00:00", None)],
)  # fmt: skip
def test_a_time_is_seconds_or_a_date_that_the_store_can_hold(value, ns):
    assert moment(value) == ns


def traces(*turns, **found):
    return [change.trace for change in changes_of(found, "file-1", BEGIN, turns) if change.trace is not None]


def test_a_step_says_what_is_known_of_it_and_an_odd_one_ends_nothing():
    steps = [
        {"kind": "retrieval", "input": {"query": "kettle"}, "output": ["plain", {"id": "d", "text": "x", "score": 1}]},
        {"kind": "retrieval", "input": "kettle", "output": "odd"},
        {"kind": "generation", "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}},
        {"kind": "generation", "usage": {"input_tokens": 3, "prompt_tokens_details": "odd"}, "duration_s": 0.5},
        {"kind": "tool", "usage": "odd", "error": "no", "duration_s": float("inf")},
    ]
    (trace,) = traces(Turn("q", "a", steps))
    first, second, third, fourth, fifth = trace.spans
    assert (first.query, [document.text for document in first.documents]) == ("kettle", ["plain", "x"])
    assert (second.query, second.documents) == ("kettle", ())
    assert (third.usage.input, third.usage.cached_read, fourth.usage.cached_read) == (3, 1, None)
    assert (fourth.duration_ns, fifth.duration_ns, fifth.usage, fifth.error.message) == (5 * 10**8, None, None, "no")
    assert (trace.errors, trace.is_turn) == (1, True)


def test_a_rating_is_a_score_of_its_kind_by_whoever_gave_it():
    ratings = [{"name": "ok", "value": True}, {"name": "tone", "value": "warm", "by": "ben"}, {"name": "n", "value": 4},
               {"name": "odd", "value": []}, {"name": "none"}]  # fmt: skip
    (trace,) = traces(Turn("q", "a", ratings=ratings))
    assert [(score.name, score.type, score.source, score.author) for score in trace.scores] == [
        ("ok", "boolean", "end_user", None), ("tone", "categorical", "annotator", "ben"),
        ("n", "numeric", "end_user", None),
    ]  # fmt: skip


def test_turns_keep_their_order_whatever_their_times_say_and_the_same_file_has_the_same_ids():
    told = [Turn("a", at_ns=BEGIN + 9), Turn("b", at_ns=BEGIN), Turn("c")]
    first, again = traces(*told), traces(*told)
    assert [trace.input.text for trace in sorted(first, key=lambda one: one.started_ns)] == ["a", "b", "c"]
    assert [trace.id for trace in first] == [trace.id for trace in again] and first[0].started_ns == BEGIN + 9
    assert not traces(Turn(steps=[{"kind": "internal"}]))[0].is_turn


def test_how_a_conversation_ended_is_told_where_somebody_says_so():
    def ended(outcome):
        return [change.session for change in changes_of({"outcome": outcome}, "f", BEGIN, [Turn("q")])][1:]

    assert ended(None) == ended("good") == []
    (facts,) = ended({"success": True, "escalated": True, "scores": {"a": 1, "b": [], "c": "x"}})
    assert (facts.outcome, facts.resolved, [score.name for score in facts.scores]) == ("escalated", True, ["a", "c"])
    (facts,) = ended({"success": "perhaps"})
    assert (facts.outcome, facts.resolved, facts.scores) == (None, None, ())


@pytest.mark.parametrize("found", [{"messages": "odd"}, {"turns": 5}, {"other": 1}, 5, "x", None])
def test_a_line_that_is_in_no_format_names_itself(found):
    with pytest.raises(BadRequest, match=r"^Line 3: .*\.$"):
        Reader("f", BEGIN, Settings.of({}, environ={})).read(found, 3)
