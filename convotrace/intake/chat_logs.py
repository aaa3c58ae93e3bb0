"""Conversations as other programs keep them → changes: lists of messages, and turns with their steps.

What they become is decided in `recorded`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.intake.recorded import Turn, changes_of, moment, text_of
from convotrace.model import Change, Json


def of_messages(found: Mapping[str, Json], name: str, begin_ns: int) -> list[Change]:
    """Return the changes of `{"messages": [{"role", "content", "tool_calls"?, …}, …]}`, OpenAI's form.

    Args:
        found: The object; it may have an id, `user_id` or `user`, `model`, `metadata`, `created` beside the messages.
        name: Its session's id where it has none.
        begin_ns: When it began, where it does not say.

    Raises:
        ValueError: A message is none.
    """
    turns: list[Turn] = []
    open_calls: dict[str, dict[str, Any]] = {}
    for position, message in enumerate(_list(found["messages"], "messages"), 1):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise ValueError(f"message {position} has no role; it has to be an object with role and content.")
        _add_message(turns, open_calls, message, found.get("model"))
    return changes_of(found, name, begin_ns, turns)


def of_turns(found: Mapping[str, Json], name: str, begin_ns: int) -> list[Change]:
    """Return the changes of `{"id", "turns": [{"user", "assistant", "steps": [{"kind", "name", …}]}]}`.

    Args:
        found: The object.
        name: Its session's id where it has none.
        begin_ns: When it began, where it does not say.

    Raises:
        ValueError: A turn is none.
    """
    turns = []
    for position, turn in enumerate(_list(found["turns"], "turns"), 1):
        if not isinstance(turn, Mapping):
            raise ValueError(f"turn {position} came as {type(turn).__name__}; it has to be an object.")
        at = next((ns for key in ("user_ts", "assistant_ts") if (ns := moment(turn.get(key))) is not None), None)
        steps = [dict(step) for step in turn.get("steps") or () if isinstance(step, Mapping)]
        turns.append(
            Turn(text_of(turn.get("user")), text_of(turn.get("assistant")), steps, at, turn.get("feedback") or ())
        )
    return changes_of(found, name, begin_ns, turns)


def _add_message(
    turns: list[Turn], open_calls: dict[str, dict[str, Any]], message: Mapping[str, Any], model: Json
) -> None:
    role, text = message["role"], text_of(message.get("content"))
    if role in ("system", "developer"):
        return
    if role == "user" or not turns:
        turns.append(Turn(at_ns=moment(message.get("timestamp") or message.get("created_at"))))
    turn = turns[-1]
    if role == "user":
        turn.asked = text
    elif role == "tool":
        call = open_calls.pop(str(message.get("tool_call_id")), None)
        if call is None:
            turn.steps.append(call := {"kind": "tool", "name": str(message.get("name") or "tool")})
        call["output"] = message.get("content")
    else:
        if text:
            turn.answered = text if turn.answered is None else f"{turn.answered}\n{text}"
        _add_calls(turn, open_calls, message, message.get("model") or model)


def _add_calls(turn: Turn, open_calls: dict[str, dict[str, Any]], message: Mapping[str, Any], model: Json) -> None:
    if model:
        turn.steps.append({"kind": "generation", "name": "chat", "model": str(model), "output": message.get("content")})
    for call in message.get("tool_calls") or ():
        told = call.get("function") or call
        step = {
            "kind": "tool",
            "name": str(told.get("name")),
            "input": told.get("arguments"),
            "call_id": call.get("id"),
        }
        turn.steps.append(step)
        open_calls[str(call.get("id"))] = step


def _list(value: Json, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} came as {type(value).__name__}; it has to be an array.")
    return value
