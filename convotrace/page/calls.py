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
    calls = sorted((one for one in trace.spans if one.kind == "generation"), key=lambda one: one.started_ns)
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
    """Return the model call that asked for a tool's call: by its id, else by its name and the time."""
    earlier = [one for one in trace.spans if one.kind == "generation" and one.started_ns <= tool.started_ns]
    for wanted in (("", tool.call_id), (tool.name, None)):
        for call in sorted(earlier, key=lambda one: one.started_ns, reverse=True):
            if any(wanted in ((part.name, None), ("", part.id or None)) for part in _called(call) if any(wanted)):
                return call
    return None


def made_by(trace: Trace, call: Span) -> dict[str, Span]:
    """Return the tool spans that a model call asked for, by the id of the call, else by the tool's name."""
    tools = sorted((one for one in trace.spans if one.kind == "tool"), key=lambda one: one.started_ns)
    later = [one for one in tools if one.started_ns >= call.started_ns]
    found: dict[str, Span] = {}
    for part in _called(call):
        own = next((one for one in later if part.id and one.call_id == part.id), None)
        own = own or next((one for one in later if one.name == part.name), None)
        if own is not None:
            found[part.id or part.name] = own
    return found


def _called(call: Span) -> list[Part]:
    return [part for one in messages(call.output, "assistant") for part in one.parts if part.type == "call"]
