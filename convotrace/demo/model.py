"""A deterministic stand-in for a language model: it reads messages and streams a text or asks for tools.

It runs offline and gives the same answer to the same messages. Its judgement lives in `rules.py`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convotrace.demo.intents import intent_of
from convotrace.demo.language import Language, amount_in, language_of, order_in
from convotrace.demo.messages import Message, content_of
from convotrace.demo.phrases import phrase
from convotrace.demo.rules import Call, Outcome, Say, Step, View, next_step

NAME = "kettle-small-1"
PROVIDER = "local"
_INPUT_PRICE, _CACHED_PRICE, _OUTPUT_PRICE = 0.15e-6, 0.04e-6, 0.60e-6
_THINKS = 12
"""Paces before the first piece."""
_PIECE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]{1,3}|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+")


@dataclass(frozen=True)
class Usage:
    """Tokens of one call and their price in USD."""

    input: int
    output: int
    cached_read: int
    cost: float


Delta = str | Call | Usage
"""What a stream brings: pieces of text or one call, and the usage last."""


class Model:
    """The local model.

    Args:
        pace: Seconds it takes for a piece, so that people see it write; before the first it thinks. 0 in tests.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace

    def stream(self, messages: Sequence[Message]) -> Iterator[Delta]:
        """Stream the answer to messages: pieces of text or a tool call, then the usage."""
        step = decide(messages)
        pieces: list[Delta] = [step] if isinstance(step, Call) else list(pieces_of(step.text))
        time.sleep(self._pace * _THINKS)
        for piece in pieces:
            time.sleep(self._pace)
            yield piece
        yield usage_of(messages, step)


def decide(messages: Sequence[Message]) -> Step:
    """Return what the model does next: a tool to call, or what it says."""
    last = max(i for i, message in enumerate(messages) if message["role"] == "user")
    earlier = [content_of(message) for message in messages[:last] if message["role"] == "user"]
    text = content_of(messages[last])
    return next_step(intent_of(text, earlier), _view(text, earlier, messages[last + 1 :]))


def stopped(messages: Sequence[Message]) -> str:
    """Return what is said, in the customer's language, where a loop of tool calls was stopped."""
    spoken = [content_of(message) for message in messages if message["role"] == "user"]
    language: Language = next((found for found in map(language_of, reversed(spoken)) if found), "en")
    return phrase("stopped", language)


def pieces_of(text: str) -> list[str]:
    """Return a text in the pieces it is streamed in: words, or three Chinese characters; joined they are the text."""
    return _PIECE.findall(text)


def usage_of(messages: Sequence[Message], step: Step) -> Usage:
    """Count tokens simply: four characters are one; all but the newest message was read before."""
    before, newest = sum(map(_tokens, messages[:-1])), _tokens(messages[-1])
    cached = before if len(messages) > 2 else 0
    output = -(-len(step.text if isinstance(step, Say) else str(dict(step.arguments)) + step.name) // 4)
    cost = (before + newest - cached) * _INPUT_PRICE + cached * _CACHED_PRICE + output * _OUTPUT_PRICE
    return Usage(before + newest, output, cached, round(cost, 9))


def _tokens(message: Message) -> int:
    return -(-len(str(message["parts"])) // 4)


def _view(text: str, earlier: list[str], since: Sequence[Message]) -> View:
    spoken = [text, *reversed(earlier)]
    language: Language = next((found for found in map(language_of, spoken) if found), "en")
    order = next((found for found in map(order_in, spoken) if found), None)
    return View(language, text, order, amount_in(text), _outcomes(since))


def _outcomes(since: Sequence[Message]) -> dict[str, Outcome]:
    """Return what each tool of this turn gave, by the tool's name."""
    names: dict[str, str] = {}
    done: dict[str, Outcome] = {}
    for part in (part for message in since for part in message["parts"]):
        if part["type"] == "tool_call":
            names[part["id"]] = part["name"]
        elif part["type"] == "tool_call_response":
            done[names[part["id"]]] = _outcome(part["response"])
    return done


def _outcome(response: Any) -> Outcome:
    if isinstance(response, dict) and set(response) == {"error"}:
        return Outcome(error=response["error"])
    return Outcome(response)
