"""Spans of other libraries in a trace: what they say becomes fields, and what must not be stored is left out."""

import pytest

from convotrace.identity import Identity
from convotrace.recorder import Assembler, OpenSpan, OpenTrace
from convotrace.recorder.parts import OpenEvent, Told
from convotrace.settings import Settings

AT = 1_760_000_000 * 10**9
CHAT = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"yes"}]}]',
}  # fmt: skip


@pytest.fixture
def assemble():
    """Assemble a trace with spans of other libraries, given as (name, attributes, events, scope)."""

    def run(*told, **options):
        trace = OpenTrace(None, AT)
        trace.found = Identity("s", "code")
        for n, (name, attributes, events, scope) in enumerate(told):
            span = OpenSpan(trace, None, name, "internal", AT + n, "otel")
            span.told = Told(attributes, [OpenEvent(*event) for event in events], scope)
            trace.add(span)
            span.end(AT + 5_000 + n)
        trace.end(AT + 9_000)
        assembler = Assembler(Settings.of({"store": "memory:", **options}, {}), b"secret")
        for _ in range(2):  # a trace may be assembled many times
            change = assembler.assemble(trace)[1]
        return change.trace

    return run


def test_a_model_call_has_its_fields_its_price_and_makes_the_trace_a_turn(assemble):
    turn = assemble(("chat gpt-4o", CHAT, (), "lib"))
    (span,) = turn.spans
    assert (span.kind, span.model, span.provider, span.origin) == ("generation", "gpt-4o", "openai", "otel")
    assert (span.usage.input, span.usage.output, span.cost_nano) == (1000, 100, 3_500_000)
    assert span.output == [{"role": "assistant", "parts": [{"type": "text", "content": "yes"}]}]
    assert turn.is_turn and (turn.input_tokens, turn.cost_nano) == (1000, 3_500_000)
    assert span.attributes["otel.scope.name"] == "lib"


def test_a_call_that_two_libraries_tell_beside_each_other_counts_once(assemble):
    turn = assemble(("ChatOpenAI", CHAT, (), "outer"), ("chat gpt-4o", CHAT, (), "inner"))
    assert len(turn.spans) == 2 and (turn.input_tokens, turn.output_tokens) == (1000, 100)


def test_two_calls_of_one_library_at_one_time_count_twice(assemble):
    turn = assemble(("chat gpt-4o", CHAT, (), "lib"), ("chat gpt-4o", CHAT, (), "lib"))
    assert turn.input_tokens == 2000


def test_without_content_no_words_are_kept_and_counts_are(assemble):
    turn = assemble(
        ("chat gpt-4o", CHAT, [("gen_ai.user.message", AT, None, {"content": "hi there"})], "lib"), content=False
    )
    (span,) = turn.spans
    assert span.input is None and span.output is None and span.usage.input == 1000
    assert "hi there" not in repr(turn) and "yes" not in repr(turn)


def test_secrets_in_attributes_and_headers_are_not_kept(assemble):
    told = {
        "http.request.header.authorization": ("Bearer hunter2",), "api_key": "hunter2",
        "input.value": '{"password": "hunter2"}',
    }  # fmt: skip
    turn = assemble(("POST", told, [("sent", AT, None, {"secret": "hunter2"})], "lib"))
    assert "hunter2" not in repr(turn)


def test_a_span_for_each_message_of_a_server_is_left_out(assemble):
    turn = assemble(
        ("GET http send", {"asgi.event.type": "http.response.body"}, (), "opentelemetry.instrumentation.asgi")
    )
    assert turn.spans == ()


def test_values_that_are_no_json_are_kept_as_they_can_be(assemble):
    turn = assemble(("work", {"bytes": b"x", "set": {1}, "nan": float("nan"), "deep": (1, ("a",))}, (), None))
    assert set(turn.spans[0].attributes) >= {"bytes", "set", "nan", "deep"}
