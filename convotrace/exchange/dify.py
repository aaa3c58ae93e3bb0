"""The dialect of Dify: chats and workflows, as events or as one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, text_of
from convotrace.model import Json

_IDS = frozenset({"task_id", "conversation_id", "workflow_run_id"})


def is_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of Dify, or a blocking answer of it."""
    return isinstance(value["event"], str) and not _IDS.isdisjoint(value)


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer; the thoughts of an agent are its reasoning, and what nodes put out is not said."""
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("event"))
        data = mapping(value.get("data"))
        if kind in ("message", "agent_message"):
            answer.say(value.get("answer"))
        elif kind == "text_chunk":
            answer.say(data.get("text"))
        elif kind == "reasoning_chunk":
            answer.think(data.get("reasoning"))
        elif kind == "agent_thought":
            _thought(value, answer)
        elif kind == "error":
            answer.fail(value.get("message"))
        answer.fail(data.get("error") if kind == "workflow_finished" else None)
        answer.use(mapping(value.get("metadata")).get("usage"))


def _thought(value: Mapping[str, Json], answer: Answer) -> None:
    answer.think(value.get("thought"))
    if text_of(value.get("tool")):
        answer.call(text_of(value.get("id"))).named(value["tool"]).whole(value.get("tool_input"))
