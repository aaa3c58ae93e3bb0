"""The support assistant: a model that calls tools until it has an answer, told to convotrace step by step.

Knows no web framework and no HTTP.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict

import convotrace as ct
from convotrace.demo import messages as say
from convotrace.demo.articles import Library
from convotrace.demo.intents import intent_of
from convotrace.demo.memory import Memory
from convotrace.demo.messages import Message
from convotrace.demo.model import NAME, PROVIDER, Model, stopped
from convotrace.demo.phrases import SYSTEM
from convotrace.demo.rules import Call
from convotrace.demo.shop import Shop
from convotrace.demo.tally import Tally
from convotrace.demo.toolbox import DEFINITIONS, Toolbox

MAX_CALLS = 6
"""A model that asks for more tools than this in one turn is going round in circles."""


class Assistant:
    """Answers customers of the demo shop.

    Args:
        pace: A unit of time in seconds: what the model takes for a word, and tools for a part of their work.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self._shop = Shop()
        self._library = Library()
        self._model = Model(pace)
        self.memory = Memory()
        self.tally = Tally()
        self._toolbox = Toolbox(self._shop, self._library, self.tally, pace)

    def close(self) -> None:
        """Close the databases of shop and articles."""
        self._shop.close()
        self._library.close()

    def reply(self, session_id: str, message: str) -> Iterator[str]:
        """Answer a message, piece by piece.

        Raises:
            Exception: What no tool foresaw; the conversation then stays as it was before the message.
        """
        messages = self.memory.recall(session_id) or [say.text("system", SYSTEM)]
        messages.append(say.text("user", message))
        self.tally.add("agent")
        with ct.span("support assistant", kind="agent") as span:
            span.set_input(message)
            text = yield from self._answer(messages)
            span.set_output(text)
        if _is_goodbye(messages):
            _end(handed_off=_was_handed_off(messages))
        self.memory.keep(session_id, messages)

    def _answer(self, messages: list[Message]) -> Generator[str, None, str]:
        try:
            for _ in range(MAX_CALLS):
                text, call = yield from self._generate(messages)
                if call is None:
                    return text
                self._run(call, messages)
                if ct.advice().stop:
                    text = stopped(messages)
                    messages.append(say.answer(text, []))
                    yield text
                    return text
            raise RuntimeError(f"no answer after {MAX_CALLS} tool calls")
        except Exception:
            self.tally.add("error")
            raise

    def _generate(self, messages: list[Message]) -> Generator[str, None, tuple[str, Call | None]]:
        """Call the model once, passing its text on; return the text and the tool call it asked for."""
        text, call = "", None
        self.tally.add("generation")
        with ct.generation("chat", model=NAME, input=messages, provider=PROVIDER, tools=DEFINITIONS) as span:
            for delta in self._model.stream(messages):
                if isinstance(delta, str):
                    text += delta
                    yield delta
                elif isinstance(delta, Call):
                    call = delta
                else:
                    span.set_usage(**asdict(delta))
            messages.append(_said(text, call, messages))
            span.set_output(messages[-1:])
        return text, call

    def _run(self, call: Call, messages: list[Message]) -> None:
        call_id = _call_id(len(messages) - 1)
        messages.append(say.result(call_id, self._toolbox.run(call.name, call.arguments, call_id)))
        if call.name == "hand_off":
            ct.event("handoff", on="session", **call.arguments)
            ct.tag("handed-off")
            ct.end_session(outcome="escalated")


def _said(text: str, call: Call | None, messages: list[Message]) -> Message:
    if call is None:
        return say.answer(text, [])
    return say.answer(None, [{"id": _call_id(len(messages)), "name": call.name, "arguments": dict(call.arguments)}])


def _call_id(place: int) -> str:
    """Name a call by the place of its message in the conversation."""
    return f"call_{place}"


def _end(handed_off: bool) -> None:
    """End the session of a customer who left: content, unless somebody was asked to take over."""
    if handed_off:
        ct.end_session(outcome="escalated")
    else:
        ct.event("completion", on="session")
        ct.end_session(outcome="completed", resolved=True)


def _is_goodbye(messages: list[Message]) -> bool:
    """Tell whether the customer left."""
    spoken = [say.content_of(message) for message in messages if message["role"] == "user"]
    return intent_of(spoken[-1], spoken[:-1]) == "goodbye"


def _was_handed_off(messages: list[Message]) -> bool:
    calls = [part for message in messages for part in message["parts"] if part["type"] == "tool_call"]
    return any(call["name"] == "hand_off" for call in calls)
