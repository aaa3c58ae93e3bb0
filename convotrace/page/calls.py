"""What belongs together in a turn: a model call and the ones around it, a tool's call, its definition, its result."""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.prompts import Part, messages
from convotrace.model import Span, ToolDefinition, Trace


@dataclass(frozen=True)
class Place:
    """A model call among those of its turn."""

    number: int
    total: int
    before: Span | None
    after: Span | None


def place_of(trace: Trace, span: Span) -> Place | None:
    """Return where a model call stands among those of its turn; None for another span."""
    calls = _calls(trace)
    if span not in calls:
        return None
    at = calls.index(span)
    before, after = calls[at - 1] if at else None, calls[at + 1] if at + 1 < len(calls) else None
    return Place(at + 1, len(calls), before, after)


def definition_of(trace: Trace, name: str) -> tuple[Span, ToolDefinition] | None:
    """Return the definition of a tool, and the first model call that was offered it."""
    found = ((span, tool) for span in trace.spans for tool in span.tools if tool.name == name)
    return next(found, None)


def caller_of(trace: Trace, tool: Span) -> Span | None:
    """Return the model call that asked for a tool's call: by the id of the call, else the last that named the tool."""
    earlier = [one for one in _calls(trace) if one.started_ns <= tool.started_ns][::-1]
    by_id = (one for one in earlier if any(part.id and part.id == tool.call_id for part in _called(one)))
    by_name = (one for one in earlier if any(part.name == tool.name for part in _called(one)))
    return next(by_id, None) or next(by_name, None)


def made_by(trace: Trace, call: Span) -> dict[str, Span]:
    """Return the tool spans that a model call asked for, by the id of the call, else by the tool's name."""
    tools = (one for one in trace.spans if one.kind == "tool" and one.started_ns >= call.started_ns)
    later = sorted(tools, key=lambda one: one.started_ns)
    found: dict[str, Span] = {}
    for part in _called(call):
        by_id = (one for one in later if part.id and one.call_id == part.id)
        by_name = (one for one in later if one.name == part.name)
        own = next(by_id, None) or next(by_name, None)
        if own is not None:
            found[part.id or part.name] = own
    return found


def _calls(trace: Trace) -> list[Span]:
    return sorted((one for one in trace.spans if one.kind == "generation"), key=lambda one: one.started_ns)


def _called(call: Span) -> list[Part]:
    return [part for one in messages(call.output, "assistant") for part in one.parts if part.type == "call"]
