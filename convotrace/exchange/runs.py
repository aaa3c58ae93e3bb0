"""The dialects of agent and bot platforms whose events carry a payload of their own: Agno, Mastra, Typebot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_AGNO = ("Run", "TeamRun", "ToolCall", "TeamToolCall", "Reasoning", "TeamReasoning")
_AGNO_PIECES = ("RunContent", "RunResponse", "RunResponseContent", "RunIntermediateContent")
_MASTRA = frozenset({"text-delta", "reasoning-delta", "tool-call", "finish", "start", "step-start", "error"})


def is_agno(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of an Agno run."""
    name = text_of(value["event"])
    return name.startswith(_AGNO) and name.isalpha() and (event == name or not {"run_id", "agent_id"}.isdisjoint(value))


def read_agno(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a run: its pieces, or the whole where no piece came; a team says last what its members said before."""
    whole: Json = None
    for part in parts:
        value = mapping(part.value)
        name = text_of(value.get("event")).removeprefix("Team")
        answer.by(value.get("model"))
        if name in _AGNO_PIECES:
            answer.say(value.get("content"))
            answer.think(value.get("reasoning_content") or None)
        elif name == "RunCompleted":
            whole = value.get("content")
            answer.use(value.get("metrics"))
        elif name == "RunError":
            answer.fail(value.get("content") or value.get("error"))
        elif name == "ToolCallStarted":
            tool = mapping(value.get("tool"))
            key = text_of(tool.get("tool_call_id"))
            answer.call(key).named(tool.get("tool_name"), key).whole(tool.get("tool_args"))
    if not answer.texts:
        answer.say(whole)


def is_mastra(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a Mastra agent."""
    return text_of(value["type"]) in _MASTRA and "from" in value and isinstance(value.get("payload"), dict)


def read_mastra(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the events of an agent."""
    for part in parts:
        value = mapping(part.value)
        kind, payload = value.get("type"), mapping(value.get("payload"))
        if kind == "text-delta":
            answer.say(payload.get("text"))
        elif kind == "reasoning-delta":
            answer.think(payload.get("text"))
        elif kind == "tool-call":
            key = text_of(payload.get("toolCallId"))
            answer.call(key).named(payload.get("toolName"), key).whole(payload.get("args"))
        elif kind == "finish":
            answer.finish(mapping(payload.get("stepResult")).get("reason"))
            answer.use(mapping(payload.get("output")).get("usage"))
        elif kind == "error":
            answer.fail(payload.get("error"))


def is_typebot(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are the bubbles of a Typebot."""
    return any("richText" in mapping(bubble.get("content")) for bubble in mappings(value["messages"]))


def read_typebot(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the bubbles, each paragraph a line."""
    for part in parts:
        for bubble in mappings(mapping(part.value).get("messages")):
            for paragraph in mappings(mapping(bubble.get("content")).get("richText")):
                answer.say(("\n" if answer.texts else "") + "".join(_words(paragraph)))


def _words(node: Mapping[str, Json], depth: int = 20) -> Iterator[str]:
    yield text_of(node.get("text"))
    for child in mappings(node.get("children")) if depth else ():
        yield from _words(child, depth - 1)
