"""Recorded steps → what a span is told: pure, so that the verbs and the log lines tell the same.

The format is one step of a recorded conversation: kind, name, input, output, and what else is known of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.demo import messages as say
from convotrace.demo.messages import Message

Step = Mapping[str, Any]
_EXTRA = ("requestor", "response_id", "ts", "end_ts", "duration_s")


def fields_of(step: Step, messages: list[Message]) -> dict[str, Any]:
    """Return what is known of a step, under the names log lines use for spans.

    Args:
        step: A recorded step.
        messages: The conversation before it; it is the input of a generation that recorded none.
    """
    fields = {**_BY_KIND[step["kind"]](step, messages), **_extra(step)}
    fields["error"] = step.get("error")
    return {name: value for name, value in fields.items() if value is not None or name == "result"}


def remember(step: Step, messages: list[Message]) -> None:
    """Add to a conversation what the next generation gets to read of a step."""
    if step["kind"] == "generation":
        messages.append(_said(step["output"]))
    elif step["kind"] == "tool":
        messages.append(say.result(step.get("call_id"), step["output"]))


def usage_of(step: Step) -> dict[str, Any]:
    """Return token counts under our names; what was not counted is left out."""
    usage = step.get("usage") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    counts = {
        "input": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output": usage.get("completion_tokens", usage.get("output_tokens")),
        "cached_read": usage.get("cached_tokens", cached),
        "reasoning": usage.get("reasoning_tokens", reasoning),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _generation(step: Step, messages: list[Message]) -> dict[str, Any]:
    given = step.get("input")
    return {
        "model": step.get("model"),
        "input": list(messages) if given is None else given,
        "output": [_said(step["output"])],
        "usage": usage_of(step) or None,
        "cost": step.get("cost"),
    }


def _tool(step: Step, messages: list[Message]) -> dict[str, Any]:
    return {"arguments": step["input"], "result": step["output"], "call_id": step.get("call_id")}


def _retrieval(step: Step, messages: list[Message]) -> dict[str, Any]:
    given = step["input"]
    plain = isinstance(given, Mapping) and set(given) == {"query"}
    documents = [_document(found) for found in step["output"] or ()]
    return {"query": given["query"] if plain else given, "documents": documents, "call_id": step.get("call_id")}


_BY_KIND = {"generation": _generation, "tool": _tool, "retrieval": _retrieval}


def _said(output: Any) -> Message:
    if not isinstance(output, Mapping):
        return say.answer(None if output is None else str(output), [])
    return say.answer(output.get("content"), [_call(call) for call in output.get("tool_calls") or ()])


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call; in OpenAI's form name and arguments lie one deeper."""
    function = call.get("function")
    told = function if isinstance(function, Mapping) else call
    return {"id": call.get("id"), "name": told.get("name"), "arguments": told.get("arguments")}


def _document(found: Mapping[str, Any]) -> dict[str, Any]:
    names = {"id": found.get("document_id", found.get("id"))}
    return names | {name: found[name] for name in ("text", "title", "url", "score") if name in found}


def _extra(step: Step) -> dict[str, Any]:
    """Return what has no field of its own; the recorded times, since the re-enacted ones are of today."""
    return {f"recorded_{name}": step[name] for name in _EXTRA if step.get(name) is not None}
