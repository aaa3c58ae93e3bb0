"""The dialects of Google: Gemini's generateContent, whole, as events or as a JSON array, and its interactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, OpenCall, Part, mapping, mappings, text_of
from convotrace.model import Json

Pieced = tuple[OpenCall, dict[str, list[Json]]]
"""A call, and the pieces of its arguments by their path."""


def is_gemini(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an answer of generateContent, or a piece of one."""
    candidates = value["candidates"]
    return isinstance(candidates, list) and any(
        not {"content", "finishReason", "finish_reason"}.isdisjoint(candidate) for candidate in mappings(candidates[:1])
    )


def is_interaction_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of an interaction."""
    return text_of(value["event_type"]).startswith(("interaction.", "step."))


def is_interaction(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole interaction."""
    return text_of(value["object"]) == "interaction"


def read_gemini(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the first candidate of each piece."""
    pieced: list[Pieced] = []
    for part in parts:
        value = mapping(part.value)
        answer.by(value.get("modelVersion") or value.get("model_version"))
        answer.use(value.get("usageMetadata") or value.get("usage_metadata"))
        answer.fail(value.get("error"))
        answer.finish(mapping(value.get("promptFeedback")).get("blockReason"))
        for candidate in list(mappings(value.get("candidates")))[:1]:
            answer.finish(candidate.get("finishReason") or candidate.get("finish_reason"))
            for item in mappings(mapping(candidate.get("content")).get("parts")):
                _part(item, pieced, answer)
    for call, pieces in pieced:
        if pieces:
            call.whole({path: _put_together(values) for path, values in pieces.items()})


def _part(item: Mapping[str, Json], pieced: list[Pieced], answer: Answer) -> None:
    call = item.get("functionCall", item.get("function_call"))
    if isinstance(call, dict):
        _function(call, pieced, answer)
    elif item.get("thought") is True:
        answer.think(item.get("text"))
    else:
        answer.say(item.get("text"))


def _function(call: Mapping[str, Json], pieced: list[Pieced], answer: Answer) -> None:
    """Gather a call; one whose arguments arrive piece by piece names itself only in its first part."""
    if text_of(call.get("name")):
        opened = answer.new_call().named(call["name"], call.get("id"))
        opened.whole(call.get("args", None if call.get("willContinue") else {}))
        pieced.append((opened, {}))
    for piece in mappings(call.get("partialArgs")) if pieced else ():
        path = text_of(piece.get("jsonPath")).removeprefix("$.")
        values = (piece[name] for name in ("stringValue", "numberValue", "boolValue") if name in piece)
        pieced[-1][1].setdefault(path, []).extend(values)


def _put_together(values: list[Json]) -> Json:
    return "".join(values) if values and all(isinstance(value, str) for value in values) else (values or [None])[-1]


def read_interaction(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an interaction."""
    thinking: dict[Json, bool] = {}
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("event_type"))
        if kind == "step.start":
            step = mapping(value.get("step"))
            thinking[_key(value)] = step.get("type") == "thought"
            _step(step, answer.call(_key(value)) if step.get("type") == "function_call" else None, answer)
        elif kind == "step.delta":
            _delta(mapping(value.get("delta")), value, thinking.get(_key(value), False), answer)
        elif kind == "error":
            answer.fail(value.get("error"))
        elif kind.startswith("interaction.") or value.get("object") == "interaction":
            _interaction(mapping(value.get("interaction")) or value, answer)


def _interaction(interaction: Mapping[str, Json], answer: Answer) -> None:
    answer.by(interaction.get("model"))
    answer.use(interaction.get("usage"))
    answer.fail(interaction.get("error"))
    if interaction.get("status") != "in_progress":
        answer.finish(interaction.get("status"))
    if not answer.said:
        for step in mappings(interaction.get("steps", interaction.get("outputs"))):
            _step(step, answer.new_call() if step.get("type") == "function_call" else None, answer)


def _step(step: Mapping[str, Json], call: OpenCall | None, answer: Answer) -> None:
    if call is not None:
        call.named(step.get("name"), step.get("id")).whole(step.get("arguments") or None)
    add = answer.think if step.get("type") == "thought" else answer.say
    for name in ("content", "summary"):
        for content in mappings(step.get(name)):
            add(content.get("text"))
    add(step.get("text"))


def _delta(delta: Mapping[str, Json], value: Mapping[str, Json], thought: bool, answer: Answer) -> None:
    kind = delta.get("type")
    if kind == "arguments_delta":
        answer.call(_key(value)).add(delta.get("arguments"))
    elif kind == "thought_summary" or thought:
        answer.think(mapping(delta.get("content")).get("text"))
    elif kind == "text":
        answer.say(delta.get("text"))


def _key(value: Mapping[str, Json]) -> int:
    index = value.get("index")
    return index if isinstance(index, int) else -1
