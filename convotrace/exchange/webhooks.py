"""What people said in the webhooks of bot platforms: Slack, Messenger, WhatsApp, Dialogflow, Discord, Twilio, Rasa."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convotrace.exchange.answer import mapping, mappings
from convotrace.model import Json

_RASA = frozenset({"sender", "message", "metadata", "input_channel"})


def is_webhook(body: Json) -> bool:
    """Tell whether this is an event of a bot platform: a plain text that answers it is an acknowledgement."""
    return isinstance(body, dict) and hooked(body) is not None


def hooked(body: Mapping[str, Json]) -> str | None:
    """Return what was said in an event of a bot platform, None where this is none."""
    if _MARKS.isdisjoint(body):
        return None
    texts = (webhook(body) for mark, webhook in _WEBHOOKS.items() if mark in body)
    return next((text for text in texts if text is not None), None)


def _slack_event(body: Mapping[str, Json]) -> str | None:
    return _text(mapping(body["event"]), "text") if body.get("type") == "event_callback" else None


def _slack_command(body: Mapping[str, Json]) -> str | None:
    return _text(body, "text") if "response_url" in body else None


def _meta(body: Mapping[str, Json]) -> str | None:
    """Read Messenger and WhatsApp."""
    for entry in mappings(body["entry"]):
        for event in mappings(entry.get("messaging")):
            return _text(mapping(event.get("message")), "text")
        for change in mappings(entry.get("changes")):
            for message in mappings(mapping(change.get("value")).get("messages")):
                return _text(mapping(message.get("text")), "body")
    return None


def _telegram(body: Mapping[str, Json]) -> str | None:
    message = mapping(body.get("message", body.get("edited_message")))
    return _text(message, "text") if "chat" in message else None


def _line(body: Mapping[str, Json]) -> str | None:
    for event in mappings(body["events"]):
        if event.get("type") == "message" and "replyToken" in event:
            return _text(mapping(event.get("message")), "text")
    return None


def _google_chat(body: Mapping[str, Json]) -> str | None:
    message = mapping(body.get("message"))
    is_message = body.get("type") == "MESSAGE"
    return (_text(message, "argumentText") or _text(message, "text")) if is_message else None


def _alexa(body: Mapping[str, Json]) -> str | None:
    intent = mapping(mapping(body.get("request")).get("intent"))
    slots = [mapping(slot).get("value") for slot in mapping(intent.get("slots")).values()]
    return " ".join(slot for slot in slots if isinstance(slot, str)) or None


def _dialogflow_text(body: Mapping[str, Json]) -> str | None:
    return _text(mapping(mapping(body["queryInput"]).get("text")), "text")


def _dialogflow(body: Mapping[str, Json]) -> str | None:
    return _text(mapping(body["queryResult"]), "queryText")


def _discord(body: Mapping[str, Json]) -> str | None:
    if body.get("type") != 2:
        return None
    options = mappings(mapping(body.get("data")).get("options"))
    return " ".join(option["value"] for option in options if isinstance(option.get("value"), str)) or None


def _twilio(body: Mapping[str, Json]) -> str | None:
    return _text(body, "Body")


def _activity(body: Mapping[str, Json]) -> str | None:
    return _text(body, "text") if body.get("type") == "message" and "from" in body else None


def _rasa(body: Mapping[str, Json]) -> str | None:
    # A form to contact someone has more fields.
    return _text(body, "message") if _RASA.issuperset(body) else None


def _text(value: Mapping[str, Json], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None


_WEBHOOKS: Mapping[str, Callable[[Mapping[str, Json]], str | None]] = {
    "event": _slack_event,
    "command": _slack_command,
    "entry": _meta,
    "queryResult": _dialogflow,
    "application_id": _discord,
    "MessageSid": _twilio,
    "conversation": _activity,
    "sender": _rasa,
    "update_id": _telegram,
    "events": _line,
    "space": _google_chat,
    "session": _alexa,
    "queryInput": _dialogflow_text,
}
_MARKS = frozenset(_WEBHOOKS)
