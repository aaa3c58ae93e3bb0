"""What bot platforms answer: Rasa, Bot Framework, Slack commands, Discord, Dialogflow, Twilio, Gradio, Chainlit."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.exchange.jsontext import loads
from convotrace.model import Json

_PACKET_END = "\x1e"
_PACKET = re.compile(r"4?2(?:\d*)(?=\[)")


def is_rasa(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a message of Rasa's REST channel."""
    return "text" in value or "buttons" in value or "image" in value


def is_activities(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are activities of the Bot Framework."""
    return any(activity.get("type") == "message" for activity in mappings(value["activities"]))


def is_slash(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this answers a Slack command."""
    return value["response_type"] in ("in_channel", "ephemeral") and isinstance(value.get("text"), str)


def is_interaction(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this answers a Discord interaction."""
    return isinstance(value.get("type"), int) and isinstance(mapping(value["data"]).get("content"), str)


def is_fulfillment(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this fulfils a Dialogflow intent."""
    return isinstance(value["fulfillmentText"], str)


def is_gradio(event: str, value: Json) -> bool:
    """Tell whether this is an event of a Gradio call."""
    return isinstance(value, list)


def read_messages(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the texts of several messages, a line each."""
    for part in parts:
        value = mapping(part.value)
        for message in mappings(value["activities"]) if "activities" in value else [value]:
            if message.get("type", "message") == "message" and isinstance(message.get("text"), str):
                answer.say("\n" + message["text"] if answer.texts else message["text"])


def read_one(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the one text of a platform's answer; blocks and further messages repeat it."""
    for part in parts:
        value = mapping(part.value)
        answer.say(value.get("fulfillmentText", mapping(value.get("data")).get("content", value.get("text"))))


def read_gradio(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a Gradio call: each event holds the whole text so far."""
    for part in parts:
        if part.event == "error":
            answer.fail(part.value or "error")
        texts = [item for item in part.value if isinstance(item, str)] if isinstance(part.value, list) else []
        if texts:
            answer.texts = [texts[0]]


def twiml(text: str) -> Iterator[Part] | None:
    """Return the messages of a TwiML answer, None when the text is no such XML."""
    if "<Response" not in text[:200]:
        return None
    messages = _inside(text, "Message")
    return (Part("", {"text": html.unescape(next(_inside(found, "Body"), found)).strip()}) for found in messages)


def _inside(text: str, tag: str) -> Iterator[str]:
    """Yield what stands inside the elements of a name; not by a parser of XML, which hostile entities keep busy."""
    for piece in text.split("<" + tag)[1:]:
        start, opened, rest = piece.partition(">")
        inner, closed, _ = rest.partition(f"</{tag}>")
        if opened and closed and start[:1] in ("", " "):
            yield inner


def packets(text: str) -> Iterator[Part] | None:
    """Return the events in packets of Socket.IO, None when the text is none of these."""
    if not text[:1].isdigit() or _PACKET.match(text) is None:
        return None
    values = (loads(packet[found.end() :]) for packet in text.split(_PACKET_END) if (found := _PACKET.match(packet)))
    return (Part(text_of(v[0]), v[1]) for v in values if isinstance(v, list) and len(v) > 1)


def read_chainlit(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a Chainlit answer: tokens as they stream, and whole messages that did not stream."""
    streamed: set[str] = set()
    for part in parts:
        value = mapping(part.value)
        key = text_of(value.get("id"))
        if part.event == "stream_token":
            streamed.add(key)
            answer.say(value.get("token"))
        elif value.get("type") == "assistant_message" and key not in streamed:
            streamed.add(key)
            answer.say(value.get("output"))
        elif value.get("type") == "tool":
            answer.call(key).named(value.get("name"), key).whole(value.get("input") or None)
