"""Every recording of real clients, each batch twice and in any order: totals, texts and sessions are right."""

import json
from functools import cache

import pytest
from convotrace_test_otlp import DATA, PROTOBUF, RECORDINGS, Memory, as_protobuf, files, fill

# What the expectations count that is no call of its own, with the reason; each model call is counted once here.
_TWICE = "the agent's span repeats the tokens of the calls below it, and the expectation counts both"
OTHERWISE = {
    "langfuse-fixture-pydantic-ai-2025-06-06.otlp.jsonl": ((1, 31, 96), _TWICE),
    "langfuse-fixture-pydantic-ai-tools-2025-06-06.otlp.jsonl": ((1, 31, 96), _TWICE),
    "langfuse-fixture-pydantic-ai-tools-2025-12-04.otlp.jsonl": ((4, 1315, 209), _TWICE),
    "langfuse-fixture-microsoft-agent-2025-12-17.otlp.jsonl": (
        (2, 293, 106), "the agent names the reply of its last call, and the expectation counts it instead of that call",
    ),
}  # fmt: skip
SIX = (
    "otel-openai-genai-new", "otel-openai-genai-old", "openinference-openai", "openllmetry-openai-0.40", "langfuse",
    "vercel-ai-sdk",
)  # fmt: skip


@cache
def expected():
    return json.loads((DATA / "expected.json").read_text())["otlp"]


def counted(traces):
    """Return the figures of some traces under the names of the expectations."""
    spans = [span for trace in traces for span in trace.spans]
    return {
        "traces": len(traces),
        "spans": len(spans),
        "error_spans": sum(span.status == "error" for span in spans),
        "errors": sum(trace.errors for trace in traces),
        "root_spans": sum(span.parent_id is None for span in spans),
        "span_events": sum(len([e for e in span.events if not e.name.startswith("gen_ai.")]) for span in spans),
        "input_tokens": sum(trace.input_tokens or 0 for trace in traces),
        "output_tokens": sum(trace.output_tokens or 0 for trace in traces),
        "sessions": len({trace.session_id for trace in traces if trace.id_source != "none"}),
        "traces_without_session": sum(trace.id_source == "none" for trace in traces),
    }


def wanted(name):
    nothing = dict.fromkeys(("error_spans", "root_spans", "span_events", "sessions", "traces_without_session"), 0)
    want = {**nothing, **expected()[name]}
    want |= {"input_tokens": want.get("input_tokens", 0), "output_tokens": want.get("output_tokens", 0)}
    want["errors"] = want["error_spans"]
    if name in OTHERWISE:
        (want["llm_calls_with_tokens"], want["input_tokens"], want["output_tokens"]), _why = OTHERWISE[name]
    return want


def calls(traces):
    """Return how many model calls have tokens; a client's own span of a call is that call."""
    found = {
        (trace.id, span.attributes.get("gen_ai.response.id") or span.id)
        for trace in traces
        for span in trace.spans
        if span.usage is not None and span.kind == "generation"
    }
    return len(found)


def check(name, place):
    want, got = wanted(name), counted(place.all)
    assert got == {key: want[key] for key in got}
    assert calls(place.all) == want.get("llm_calls_with_tokens", 0)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_sent_twice_in_any_order_counts_once(name, seed, data, memory):
    check(name, fill(memory, files(data, name), seed))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_store_shows_the_same(name, data, place):
    check(name, fill(place, files(data, name), 3))


@pytest.mark.parametrize("name", RECORDINGS)
def test_protobuf_tells_what_json_tells(name, data):
    pytest.importorskip("opentelemetry.proto")
    lines = files(data, name)
    in_json = fill(Memory(), lines, twice=False)
    in_protobuf = fill(Memory(), [(s, as_protobuf(s, line)) for s, line in lines], content_type=PROTOBUF, twice=False)
    assert in_protobuf.all == in_json.all


@pytest.mark.parametrize("name", [name for name in RECORDINGS if "fixture" not in name and "vercel" not in name])
def test_what_an_exporter_sent_is_read_as_its_json_is(name, data):
    pytest.importorskip("opentelemetry.proto")
    first = data / "otlp" / name.replace(".otlp.jsonl", ".first.binpb")
    if not first.exists():
        pytest.skip("only its JSON was kept")
    in_protobuf = fill(Memory(), [("traces", first.read_bytes())], content_type=PROTOBUF)
    in_json = fill(Memory(), files(data, name)[:1])
    assert in_protobuf.all == in_json.all


def turns_of(name, data):
    """Return the texts of each session's turns."""
    found = {}
    for trace in fill(Memory(), files(data, f"{name}.otlp.jsonl"), 5).all:
        if trace.is_turn:
            found.setdefault(trace.session_id, []).append((trace.input.text, trace.output.text))
    return found


def test_the_same_conversation_reads_the_same_in_six_dialects(data):
    by_dialect = [turns_of(name, data) for name in SIX]
    common = set.intersection(*(set(turns) for turns in by_dialect))
    assert len(common) == 2
    for session in common:
        assert len({tuple(turns[session]) for turns in by_dialect}) == 1


@pytest.mark.parametrize("name", SIX)
def test_its_texts_are_those_that_were_said(name, data):
    lines = (data / "conversations" / "tau_airline.jsonl").read_text().splitlines()
    said = {one["id"]: one["turns"] for one in map(json.loads, lines)}
    found = {session: turns for session, turns in turns_of(name, data).items() if session in said}
    assert found
    for session, turns in found.items():
        assert set(turns) <= {(turn["user"], turn["assistant"]) for turn in said[session]}


def test_an_invented_conversation_id_overrules_no_session(data):
    traces = fill(Memory(), files(data, "pydantic-ai-v2.otlp.jsonl")).all
    invented = {span.attributes.get("gen_ai.conversation.id") for trace in traces for span in trace.spans} - {None}
    assert invented and not invented & {trace.session_id for trace in traces}


def test_documents_users_tags_and_services_are_read(data):
    traces = fill(Memory(), files(data, "openinference-langchain.otlp.jsonl")).all
    found = [span for trace in traces for span in trace.spans if span.kind == "retrieval"]
    assert len(found) == 6 and all(span.documents and span.query for span in found)
    assert {trace.user_id for trace in traces} == {"98", "anon"}
    assert {trace.tags for trace in traces} == {("replay",)}
    assert {trace.service for trace in traces} == {"demo-openinference-langchain"}


def test_a_history_that_is_sent_again_is_kept_once(data):
    for name in SIX:
        for trace in fill(Memory(), files(data, f"{name}.otlp.jsonl")).all:
            for span in trace.spans:
                if span.kind == "generation" and span.input is not None:
                    kept = json.dumps(span.attributes) + json.dumps([dict(e.attributes) for e in span.events])
                    assert "Airline Agent Policy" not in kept, (name, span.name)
