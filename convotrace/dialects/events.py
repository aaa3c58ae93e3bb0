"""Messages, scores and first tokens that travel as events: span events, and log records under the same names.

A message's content stands once, in the span's input or output; its event then says only at which place. `refilled`
gives the events their contents back, so that more of them can come later and in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from convotrace.dialects.parts import message as as_message
from convotrace.dialects.spoken import spoken
from convotrace.dialects.values import as_object, loaded
from convotrace.dialects.wrapped import looks_like_messages, reply, request
from convotrace.model import Event, Json

_ROLES = {
    "gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool", "gen_ai.choice": "assistant", "gen_ai.content.prompt": "user",
    "gen_ai.content.completion": "assistant",
}  # fmt: skip
_MADE = frozenset({"gen_ai.choice", "gen_ai.content.completion"})
_MESSAGE = "gen_ai.message"
_PLACE = "gen_ai.message.place"
FIRST_TOKENS = frozenset({
    "First Token Stream Event", "ai.stream.firstChunk", "llm.content.completion.chunk",
    "gen_ai.content.completion.chunk", "gen_ai.first_token",
})  # fmt: skip


class Told(NamedTuple):
    """Messages that events told, None where they told none, and the events without their contents."""

    input: list[Json] | None
    output: list[Json] | None
    events: tuple[Event, ...]


NONE = Told(None, None, ())


def is_message(event: Event) -> bool:
    """Tell whether an event carries a message of a model call."""
    return event.name in _ROLES


def opened(event: Event) -> Event:
    """Return an event whose message, if it carries one, stands in one form, whatever sent it."""
    role = _ROLES.get(event.name)
    attributes = event.attributes
    if role is None or _MESSAGE in attributes or _PLACE in attributes:
        return event
    body = loaded(attributes.get("body"))
    said = body if isinstance(body, dict) else attributes
    rest = {name: value for name, value in attributes.items() if name.startswith("gen_ai.") and name not in _CONTENTS}
    return replace(event, attributes={**rest, _MESSAGE: _message(event.name, role, said)})


_CONTENTS = ("gen_ai.prompt", "gen_ai.completion", "gen_ai.event.content")


def _message(name: str, role: str, said: Mapping[str, Json]) -> Json:
    content = said.get("gen_ai.event.content")
    if content is not None:
        said = as_object(content)
    if name == "gen_ai.content.prompt":
        return _messages(request(said.get("gen_ai.prompt")).value, role)
    if name == "gen_ai.content.completion":
        return _messages(reply(said.get("gen_ai.completion")), role)
    if name == "gen_ai.choice":
        return as_message(_choice(said), role)
    known = {key: loaded(said[key]) if key == "tool_calls" else said[key] for key in _SAID if said.get(key) is not None}
    if role == "tool" and said.get("id") is not None:
        known["tool_call_id"] = said["id"]
    return as_message({"content": None, **known, "role": said.get("role") or role}, role)


_SAID = ("content", "tool_calls", "name")


def _choice(said: Mapping[str, Json]) -> Json:
    inner = loaded(said.get("message", said.get("content")))
    choice = dict(inner) if isinstance(inner, dict) else {"content": inner}
    if "tool_calls" in said and "tool_calls" not in choice:
        choice["tool_calls"] = loaded(said["tool_calls"])
    reason = said.get("finish_reason")
    return {**choice, "role": choice.get("role", "assistant"), **({"finish_reason": reason} if reason else {})}


def _messages(value: Json, role: str) -> Json:
    if isinstance(value, str) and role == "user":
        value = spoken(value) or value
    items = value if isinstance(value, list) else [value]
    return [as_message(item, role) for item in items]


def told(events: Sequence[Event], given: Json, made: Json) -> Told:
    """Return what events tell of a call, and the events with the places of their messages instead of these.

    Args:
        events: In the order of their times, their messages in one form.
        given: The input that is known from elsewhere, None where the events are to tell it.
        made: The output, likewise.
    """
    if not any(is_message(event) for event in events):
        return Told(None, None, tuple(events))
    sides: dict[str, list[Json]] = {"input": [], "output": []}
    for event in events:
        if _MESSAGE in event.attributes:
            side = sides["output" if event.name in _MADE else "input"]
            held = event.attributes[_MESSAGE]
            side.extend(held if isinstance(held, list) else [held])
    known = {
        "input": given if isinstance(given, list) else sides["input"],
        "output": made if isinstance(made, list) else sides["output"],
    }
    placed = tuple(_placed(event, known) for event in events)
    return Told(sides["input"] or None, sides["output"] or None, placed)


def _placed(event: Event, known: Mapping[str, list[Json]]) -> Event:
    held = event.attributes.get(_MESSAGE)
    if held is None:
        return event
    side = "output" if event.name in _MADE else "input"
    at = _place_of(held if isinstance(held, list) else [held], known[side])
    if at is None:
        return event
    rest = {name: value for name, value in event.attributes.items() if name != _MESSAGE}
    return replace(event, attributes={**rest, _PLACE: [side, at, len(held) if isinstance(held, list) else None]})


def _place_of(held: list[Json], known: list[Json]) -> int | None:
    """Return where the same messages stand one after the other, else equal ones; None for nowhere and for none."""
    first = held[0] if held else None
    same = (at for at, message in enumerate(known) if message is first and known[at : at + len(held)] == held)
    equal = (at for at, message in enumerate(known) if message == first and known[at : at + len(held)] == held)
    found = next(same, None) if held else None
    return next(equal, None) if held and found is None else found


def refilled(events: Sequence[Event], given: Json, made: Json) -> tuple[Event, ...]:
    """Return events with the messages whose places they name; the reverse of what `told` does to them."""
    sides = {"input": given, "output": made}
    return tuple(_refilled(event, sides) for event in events)


def _refilled(event: Event, sides: Mapping[str, Json]) -> Event:
    place = event.attributes.get(_PLACE)
    # Whoever sends an attribute of this name may have put anything there.
    if not isinstance(place, list) or len(place) != 3 or not isinstance(place[0], str):
        return event
    side, at, length = place
    held = sides.get(side)
    if not isinstance(held, list) or type(at) is not int or not 0 <= at < len(held):
        return event
    if length is not None and type(length) is not int:
        return event
    content = held[at] if length is None else held[at : at + length]
    rest = {name: value for name, value in event.attributes.items() if name != _PLACE}
    return replace(event, attributes={**rest, _MESSAGE: content})


def both_sides(event: Event) -> dict[str, Json]:
    """Return the messages that a record of AWS's distribution holds in its body, under the names of the conventions."""
    body = loaded(event.attributes.get("body"))
    found: dict[str, Json] = {}
    for side, role in (("input", "user"), ("output", "assistant")) if isinstance(body, dict) else ():
        messages = as_object(body.get(side)).get("messages")
        if isinstance(messages, list) and messages:
            found[f"gen_ai.{side}.messages"] = [one for message in messages for one in _unwrapped(message, role)]
    return found


def _unwrapped(message: Json, role: str) -> list[Json]:
    """Return what a message holds whose content is an object, or JSON, around a text or a list of messages."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, dict):
        content = next((content[name] for name in ("content", "message") if name in content), content)
    inner = request(content).value if role == "user" else reply(content)
    if looks_like_messages(inner):
        return [as_message(one, role) for one in inner]
    return [as_message({**message, "content": inner} if isinstance(inner, (str, list)) else message, role)]


def first_token(events: Sequence[Event], started_ns: int | None) -> int | None:
    """Return how long the first token took, by the event that marks it."""
    marks = [event.at_ns for event in events if event.name in FIRST_TOKENS]
    return max(0, min(marks) - started_ns) if marks and started_ns is not None else None
