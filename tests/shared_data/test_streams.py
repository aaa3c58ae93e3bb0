"""Every recorded body of the shared data, whole and spelled otherwise: what is read equals its expectation."""

import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest

from convotrace.exchange import Found, read_exchange
from convotrace.identity import Incoming
from convotrace.recorder import OpenTrace

pytestmark = pytest.mark.data
STREAMS = Path(__file__).parents[3] / "shared" / "data" / "streams"
ALL = sorted(path.stem for path in STREAMS.glob("*.json"))
# At most eight rare dialects may stay unread, each with its reason. None does.
UNREAD: dict[str, str] = {}
# Where more is read than the expectation has, with the reason.
MORE_REASONING = {
    "langgraph-sse--langgraph-response-1": "the model's summary of its reasoning stands in additional_kwargs.reasoning",
}
MORE_USAGE = {
    "ai-sdk-data-v4--v4-tool-reasoning": "the line d: has the tokens of both steps",
    "tgi-generate--stream": "the details of the last token have input_length and generated_tokens",
}
# Where the first events are states of the graph before the message that its last one answers.
OTHER_STATES = {"langgraph-sse--langgraph-response-2"}
COUNTS = {
    "input": (
        "input_tokens", "prompt_tokens", "inputTokens", "inputTokenCount", "prompt_token_count", "promptTokenCount",
        "prompt_eval_count", "total_input_tokens", "tokens_evaluated", "num_tokens_prompt_total",
    ),
    "output": (
        "output_tokens", "completion_tokens", "outputTokens", "outputTokenCount", "candidates_token_count",
        "candidatesTokenCount", "eval_count", "total_output_tokens", "tokens_predicted", "num_tokens_generated",
        "generated_tokens",
    ),
}  # fmt: skip


@cache
def rechunk():
    """Load the module that spells a body in other ways."""
    spec = importlib.util.spec_from_file_location("rechunk", STREAMS / "rechunk.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(name):
    """Return a case and its body."""
    return json.loads((STREAMS / f"{name}.json").read_text()), (STREAMS / f"{name}.body").read_bytes()


def read(case, body, encoding):
    """Read the exchange of a case, with the body as it is given."""
    asked = json.dumps(case["request_json"]) if "request_json" in case else case.get("request_body")
    return read_exchange(
        "POST",
        {},
        None if asked is None else asked.encode(),
        case.get("request_content_type") or "application/json",
        body,
        case["content_type"] or "",
        succeeded=case["status"] < 400,
        content_encoding=encoding,
    )


def counts(usage):
    """Return the input and output numbers of a vendor's usage object, under whatever names."""
    if isinstance(usage, list):
        usage = usage[0]
    usage = (usage or {}).get("tokens", usage) or {}
    return {side: next((usage[name] for name in names if name in usage), None) for side, names in COUNTS.items()}


def parsed(text):
    """Return JSON as value, anything else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def judge(case, found):
    """Compare as the description of the data says: what an expectation does not have is not there."""
    expected = case["expected"]
    if expected.get("negative") or expected["assistant_text"] is None:
        assert found.reply == Found() and not (found.message.recognised and found.message.sure)
        assert (found.reasoning, found.refusal, found.usage, found.model, found.tool_calls) == (None,) * 4 + ((),)
        return
    if "request_json" in case or "request_body" in case:
        assert found.message.text == expected["user_text"]
    parts = expected.get("assistant_parts", [expected["assistant_text"]])
    either = expected.get("assistant_text_any", ["".join(parts), "\n".join(parts)])
    assert (found.reply.text or "") in either
    if f"{case['dialect']}--{case['case']}" not in MORE_REASONING:
        assert (found.reasoning or "") == expected.get("reasoning_text", "")
    assert (found.refusal or "") == expected.get("refusal", "")
    judge_calls(expected["tool_calls"], found.tool_calls)
    if f"{case['dialect']}--{case['case']}" not in MORE_USAGE:
        assert (found.usage is None) == ("usage" not in expected)
        assert counts(found.usage) == counts(expected.get("usage"))
    assert found.finish_reason == expected.get("finish_reason")
    judge_error(expected.get("error"), found.error)


def judge_calls(expected, found):
    assert [call.name for call in found] == [call["name"] for call in expected]
    assert [call.kind for call in found] == [call.get("kind") for call in expected]
    for call, wanted in zip(found, expected, strict=True):
        texts = {wanted["arguments"], wanted.get("arguments_raw", wanted["arguments"])}
        assert parsed(call.arguments) in [parsed(text) for text in texts]


def judge_error(expected, found):
    if isinstance(expected, dict):
        expected = expected.get("message") or expected["body"]["message"]
    assert found == expected


def test_all_bodies_are_there_and_few_stay_unread(data):
    assert len(ALL) == 188
    assert len({name.partition("--")[0] for name in UNREAD}) <= 8 and UNREAD.keys() <= set(ALL)


@pytest.mark.parametrize("name", [name for name in ALL if name not in UNREAD])
def test_a_body_reads_as_it_was_meant_however_it_is_spelled(name):
    case, body = load(name)
    encoding = case.get("content_encoding") or ""
    judge(case, read(case, body, encoding))
    if not encoding:
        for variant, spelled in rechunk().variants(body, case["content_type"] or "").items():
            judge(case, read(case, spelled, "gzip" if variant == "gzip" else ""))


@pytest.mark.parametrize("name", ALL)
def test_however_a_body_is_delivered_it_is_kept_as_it_was_sent(name):
    case, body = load(name)
    for chunks in rechunk().chunkings(body).values():
        trace = OpenTrace(Incoming("POST", "/", "", (), lambda raw: raw, {}, ""), 0)
        trace.respond(200, case["content_type"] or "", True)
        for number, chunk in enumerate(chunks):
            trace.sent(bytearray(chunk), number, 1 << 20)
        assert b"".join(trace.response_chunks) == body
        assert trace.chunks == sum(map(bool, chunks))


@pytest.mark.parametrize("name", [name for name in ALL if load(name)[0]["kind"] == "stream"])
def test_a_stream_that_ends_early_gives_the_beginning_of_what_was_said(name):
    case, body = load(name)
    encoding = case.get("content_encoding") or ""
    whole = read(case, body, encoding)
    for end in {*range(1, len(body), len(body) // 40 + 1), *range(max(1, len(body) - 30), len(body))}:
        found = read(case, body[:end], encoding)
        assert (whole.reply.text or "").startswith(found.reply.text or "")
        if name in OTHER_STATES:
            continue
        assert (whole.reasoning or "").startswith(found.reasoning or "")
        assert {call.name for call in found.tool_calls} <= {call.name for call in whole.tool_calls}
