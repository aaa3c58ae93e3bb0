"""The dialect of OpenAI's Responses API, as one object or as a stream of `response.*` events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, OpenCall, Part, mapping, mappings, text_of
from convotrace.model import Json

# The realtime interface has its own words for the same.
_TEXTS = frozenset({
    "response.output_text.delta", "response.text.delta", "response.audio_transcript.delta",
    "response.output_audio_transcript.delta",
})  # fmt: skip
_THOUGHTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_call"})
_ARGUMENTS = ("response.function_call_arguments.", "response.mcp_call_arguments.", "response.custom_tool_call_input.")


def is_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a streamed response."""
    return text_of(value["type"]).startswith("response.")


def is_object(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole response."""
    return value["object"] == "response" and isinstance(value.get("output"), list)


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a response; where the last event repeats the whole output, that counts and the deltas do not."""
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("type"))
        if value.get("object") == "response":
            _response(value, answer)
        elif kind == "error":
            answer.fail(value.get("error") or value.get("message"))
        elif isinstance(value.get("response"), dict):
            _response(value["response"], answer)
        else:
            _event(kind, value, answer)


def _event(kind: str, value: Mapping[str, Json], answer: Answer) -> None:
    if kind in _TEXTS:
        answer.say(value.get("delta"))
    elif kind == "response.refusal.delta":
        answer.refuse(value.get("delta"))
    elif kind in _THOUGHTS:
        answer.think(value.get("delta"))
    elif kind.startswith("response.output_item."):
        _opened(mapping(value.get("item")), value.get("output_index"), answer)
    elif kind.startswith(_ARGUMENTS):
        _arguments(value, answer)


def _arguments(value: Mapping[str, Json], answer: Answer) -> None:
    call = answer.call(_key(value.get("output_index")))
    call.add(value.get("delta"))
    call.whole(value.get("arguments", value.get("input")))


def _opened(item: Mapping[str, Json], index: Json, answer: Answer) -> None:
    if text_of(item.get("type")) in _CALLS:
        _call(item, answer.call(_key(index)))


def _response(response: Mapping[str, Json], answer: Answer) -> None:
    answer.by(response.get("model"))
    answer.use(response.get("usage"))
    answer.fail(response.get("error"))
    if response.get("status") not in ("in_progress", "queued"):
        answer.finish(response.get("status"))
    final = Answer()
    for item in mappings(response.get("output")):
        _item(item, final)
    if final.said:
        answer.texts, answer.thoughts, answer.refusals = final.texts, final.thoughts or answer.thoughts, final.refusals
        answer.calls = final.calls


def _item(item: Mapping[str, Json], answer: Answer) -> None:
    kind = text_of(item.get("type"))
    if kind == "message":
        for content in mappings(item.get("content")):
            answer.say(content.get("text", content.get("transcript")))
            answer.refuse(content.get("refusal"))
    elif kind == "reasoning":
        for name in ("summary", "content"):
            for content in mappings(item.get(name)):
                answer.think(content.get("text"))
    elif kind in _CALLS:
        _call(item, answer.new_call())


def _call(item: Mapping[str, Json], call: OpenCall) -> None:
    kind = text_of(item["type"])
    call.named(item.get("name"), item.get("call_id") or item.get("id"), None if kind == "function_call" else kind)
    call.whole(item.get("arguments", item.get("input")) or None)


def _key(index: Json) -> int:
    return index if isinstance(index, int) else -1
