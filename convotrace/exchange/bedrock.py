"""The dialects of Amazon Bedrock: converse, agents, and the model families whose own JSON it passes on.

Its binary frames are taken apart in frames.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from convotrace.exchange.answer import Answer, OpenCall, Part, mapping, mappings, text_of
from convotrace.model import Json

Opener = Callable[[], OpenCall]
CONVERSE_EVENTS = ("messageStart", "contentBlockStart", "contentBlockDelta", "messageStop")
FAMILY_FIELDS = ("outputText", "generation", "generations", "outputs", "results", "is_finished")
_ENDS = frozenset({"finish_reason", "stop_reason"})
_METRICS = "amazon-bedrock-invocationMetrics"


def is_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a conversation; its name is its only key."""
    return any(isinstance(value.get(name), dict) for name in CONVERSE_EVENTS)


def is_object(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole answer of converse."""
    return "role" in mapping(mapping(value["output"]).get("message"))


def is_agent(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a frame of an agent's answer."""
    inner = mapping(value.get("chunk", value.get("trace")))
    return len(value) == 1 and ("trace" in inner or isinstance(inner.get("text"), str))


def is_family(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is what Titan, Llama, Cohere Command or Mistral answer."""
    if isinstance(value.get("outputText"), str) or isinstance(value.get("is_finished"), bool):
        return True
    if isinstance(value.get("generation"), str):
        return "stop_reason" in value
    return any("outputText" in item or not _ENDS.isdisjoint(item) for item in _texts(value))


def read_converse(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer of converse, whole or as events."""
    for part in parts:
        value = mapping(part.value)
        for block in mappings(mapping(mapping(value.get("output")).get("message")).get("content")):
            _block(block, answer.new_call, answer)
        _events(value, answer)
        answer.finish(value.get("stopReason"))
        answer.use(value.get("usage") or mapping(value.get("metadata")).get("usage"))
        answer.fail(value.get("error"))


def _events(value: Mapping[str, Json], answer: Answer) -> None:
    start, delta = mapping(value.get("contentBlockStart")), mapping(value.get("contentBlockDelta"))
    if start:
        _block(mapping(start.get("start")), lambda: answer.call(_key(start)), answer)
    if delta:
        _block(mapping(delta.get("delta")), lambda: answer.call(_key(delta)), answer)
    answer.finish(mapping(value.get("messageStop")).get("stopReason"))


def read_agent(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an agent's answer; its trace holds prompts, rationale and calls, which are not the answer."""
    for part in parts:
        value = mapping(part.value)
        answer.say(mapping(value.get("chunk")).get("text"))
        answer.fail(value.get("error"))
        for step in mapping(mapping(value.get("trace")).get("trace")).values():
            _trace(mapping(step), answer)


def _trace(step: Mapping[str, Json], answer: Answer) -> None:
    answer.think(mapping(step.get("rationale")).get("text"))
    action = mapping(mapping(step.get("invocationInput")).get("actionGroupInvocationInput"))
    if text_of(action.get("function")):
        arguments = {text_of(item.get("name")): item.get("value") for item in mappings(action.get("parameters"))}
        answer.new_call().named(action["function"]).whole(arguments)
    _add_up(mapping(mapping(step.get("modelInvocationOutput")).get("metadata")).get("usage"), answer)


def _add_up(usage: Json, answer: Answer) -> None:
    before = answer.usage or {}
    counts = {name: count for name, count in mapping(usage).items() if isinstance(count, int)}
    answer.use({name: count + before.get(name, 0) for name, count in counts.items()})


def read_family(parts: Iterable[Part], answer: Answer) -> None:
    """Gather what a model family answers in its own JSON."""
    for part in parts:
        value = mapping(part.value)
        for item in [value, *list(_texts(value))[:1]]:
            _family(item, answer)
        answer.use(value.get(_METRICS))


def _family(value: Mapping[str, Json], answer: Answer) -> None:
    for name in ("outputText", "generation", "text"):
        answer.say(value.get(name))
    for name in ("completionReason", "stop_reason", "finish_reason"):
        answer.finish(value.get(name))


def _texts(value: Mapping[str, Json]) -> Iterable[Mapping[str, Json]]:
    for name in ("results", "generations", "outputs"):
        yield from mappings(value.get(name))


def _block(block: Mapping[str, Json], call: Opener, answer: Answer) -> None:
    answer.say(block.get("text"))
    reasoning = mapping(block.get("reasoningContent"))
    answer.think(reasoning.get("text", mapping(reasoning.get("reasoningText")).get("text")))
    use = mapping(block.get("toolUse"))
    if use:
        call().named(use.get("name"), use.get("toolUseId")).add(use.get("input"))


def _key(value: Mapping[str, Json]) -> int:
    index = value.get("contentBlockIndex")
    return index if isinstance(index, int) else -1
