"""The dialects of the Vercel AI SDK: UI message events, and the older data stream of lines `code:json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, text_of
from convotrace.exchange.jsontext import UNREADABLE, cut_off, loads
from convotrace.model import Json

_UI_EVENTS = frozenset(
    {
        "start-step", "finish-step", "text-start", "text-delta", "text-end", "reasoning-start", "reasoning-delta",
        "reasoning-end", "tool-input-start", "tool-input-delta", "tool-input-available", "tool-output-available",
    }
)  # fmt: skip
_LINE_CODES = frozenset("0123456789abcdefghijk")
_LOOK_AT = 5


def is_ui(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a UI message stream."""
    return text_of(value["type"]) in _UI_EVENTS


def read_ui(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a UI message stream."""
    for part in parts:
        value = mapping(part.value)
        kind = text_of(value.get("type"))
        if kind == "text-delta":
            answer.say(value.get("delta", value.get("textDelta")))
        elif kind == "reasoning-delta":
            answer.think(value.get("delta"))
        elif kind.startswith("tool-input-"):
            _input(value, answer)
        elif kind == "error":
            answer.fail(value.get("errorText"))
        elif kind == "finish":
            answer.finish(value.get("finishReason"))
            answer.use(value.get("usage") or mapping(value.get("messageMetadata")).get("usage"))


def _input(value: Mapping[str, Json], answer: Answer) -> None:
    call = answer.call(text_of(value.get("toolCallId"))).named(value.get("toolName"), value.get("toolCallId"))
    call.add(value.get("inputTextDelta"))
    call.whole(value.get("input"))


def data_lines(text: str) -> Iterator[Part] | None:
    """Return the lines of a data stream, None when the first lines are none."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not all(line[0] in _LINE_CODES and line[1:2] == ":" for line in lines[:_LOOK_AT]):
        return None
    # A cut last line is no JSON; of a one-line text that is no JSON nothing says that it is a stream.
    if loads(lines[0][2:]) is UNREADABLE:
        return None
    return (_line(line, number == len(lines)) for number, line in enumerate(lines, 1))


def _line(line: str, is_last: bool) -> Part:
    value = loads(line[2:])
    if is_last and value is UNREADABLE:
        return Part(line[:1], cut_off(line[2:]), cut=True)
    return Part(line[:1], value)


def read_data(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a data stream."""
    for part in parts:
        gather = _LINES.get(part.event)
        if gather is not None:
            gather(part.value, answer)


def _line_call(value: Json, answer: Answer) -> None:
    value = mapping(value)
    call = answer.call(text_of(value.get("toolCallId"))).named(value.get("toolName"), value.get("toolCallId"))
    call.add(value.get("argsTextDelta"))
    call.whole(value.get("args"))


def _line_end(value: Json, answer: Answer) -> None:
    answer.finish(mapping(value).get("finishReason"))
    answer.use(mapping(value).get("usage"))


_LINES: Mapping[str, Callable[[Json, Answer], None]] = {
    "0": lambda value, answer: answer.say(value),
    "g": lambda value, answer: answer.think(value),
    "3": lambda value, answer: answer.fail(value),
    "9": _line_call,
    "b": _line_call,
    "c": _line_call,
    "d": _line_end,
    "e": _line_end,
}
