"""The dialects of what people build bots and chat pages with: LibreChat, Langflow, Voiceflow, Botpress, CopilotKit,
and pages that show a conversation as ChatGPT's does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_LIBRECHAT = ("on_message_delta", "on_reasoning_delta", "on_run_step")
_LANGFLOW = frozenset({"token", "add_message", "end"})
_SPOKEN = frozenset({"text", "speak"})
_TRACES = frozenset({*_SPOKEN, "completion-start", "completion-continue", "completion-end", "choice", "visual"})


def is_librechat(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of LibreChat."""
    return text_of(value["event"]).startswith(_LIBRECHAT)


def is_librechat_end(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this closes an answer of LibreChat."""
    return isinstance(value["responseMessage"], dict)


def read_librechat(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer; its last event repeats the text, which counts where no piece came."""
    last: Mapping[str, Json] = {}
    for part in parts:
        value = mapping(part.value)
        data = mapping(value.get("data"))
        delta = mapping(data.get("delta"))
        for block in mappings(delta.get("content")):
            answer.say(block.get("text"))
            answer.think(block.get("think"))
        for call in mappings(delta.get("tool_calls")):
            answer.call(text_of(data.get("id"))).named(call.get("name"), call.get("id")).add(call.get("args"))
        last = mapping(value.get("responseMessage")) or last
        answer.fail(value.get("error") if value.get("error") is not True else value.get("text"))
    answer.by(last.get("model"))
    if not answer.texts:
        answer.say(last.get("text") or None)
        for block in mappings(last.get("content")) if not answer.texts else ():
            answer.say(mapping(block.get("text")).get("value", block.get("text")))


def is_langflow(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an event of a Langflow run."""
    data = mapping(value.get("data"))
    return text_of(value["event"]) in _LANGFLOW and not {"chunk", "sender", "result"}.isdisjoint(data)


def is_langflow_run(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole Langflow run."""
    return "session_id" in value and any("outputs" in run for run in mappings(value["outputs"]))


def read_langflow(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a run: its tokens, else its last message, else the message that it put out."""
    said: Json = None
    for part in parts:
        value = mapping(part.value)
        data = mapping(value.get("data"))
        if value.get("event") == "token":
            answer.say(data.get("chunk"))
        elif value.get("event") == "error":
            answer.fail(data.get("error") or data.get("text") or value.get("data"))
        elif value.get("event") == "add_message" and data.get("sender") != "User":
            said = data.get("text") or said
        else:
            said = _put_out(mapping(data.get("result")) or value) or said
    if not answer.texts:
        answer.say(said)


def _put_out(run: Mapping[str, Json]) -> Json:
    for outputs in mappings(run.get("outputs")):
        for output in mappings(outputs.get("outputs")):
            message = mapping(mapping(output.get("results")).get("message"))
            return message.get("text") or mapping(message.get("data")).get("text")
    return None


def is_trace(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a trace of Voiceflow."""
    kind = _trace(value).get("type")
    return isinstance(kind, str) and kind in _TRACES and isinstance(_trace(value).get("payload"), dict)


def read_voiceflow(parts: Iterable[Part], answer: Answer) -> None:
    """Gather what was said, a line for each message; pieces of a completion are one."""
    for part in parts:
        trace = _trace(mapping(part.value))
        payload = mapping(trace.get("payload"))
        if trace.get("type") == "completion-continue":
            answer.say(payload.get("completion"))
        elif text_of(trace.get("type")) in _SPOKEN and isinstance(payload.get("message"), str):
            _line(payload["message"], answer)


def _trace(value: Mapping[str, Json]) -> Mapping[str, Json]:
    return mapping(value.get("trace")) or mapping(value.get("data")) or value


def is_botpress(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are the responses of a Botpress bot."""
    return any(_botpress(item) is not None for item in mappings(value["responses"]))


def read_botpress(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the texts of a bot's responses, a line each."""
    for part in parts:
        for item in mappings(mapping(part.value).get("responses")):
            text = _botpress(item)
            if text is not None:
                _line(text, answer)


def _botpress(item: Mapping[str, Json]) -> str | None:
    payload = mapping(item.get("payload")) or item
    text = payload.get("text") if item.get("type", payload.get("type")) in ("text", "choice", "markdown") else None
    return text if isinstance(text, str) else None


def _line(text: str, answer: Answer) -> None:
    answer.say("\n" + text if answer.texts else text)


def is_copilotkit(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an answer of a CopilotKit runtime."""
    return "generateCopilotResponse" in mapping(value["data"])


def read_copilotkit(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the messages of an answer; their contents are lists of pieces."""
    for part in parts:
        response = mapping(mapping(mapping(part.value).get("data")).get("generateCopilotResponse"))
        for message in mappings(response.get("messages")):
            content = message.get("content")
            for piece in content if isinstance(content, list) else [content]:
                answer.say(piece)
            if message.get("name"):
                arguments = message.get("arguments")
                whole = "".join(map(text_of, arguments)) if isinstance(arguments, list) else arguments
                answer.new_call().named(message["name"], message.get("id")).add(whole)


def is_page(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a message as ChatGPT's own page gets it."""
    message = mapping(value["message"])
    return "role" in mapping(message.get("author")) and "content_type" in mapping(message.get("content"))


def read_page(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a conversation of pages: each event holds the whole message so far."""
    said: dict[str, str] = {}
    for part in parts:
        message = mapping(mapping(part.value).get("message"))
        answer.fail(mapping(part.value).get("error"))
        content = mapping(message.get("content"))
        if mapping(message.get("author")).get("role") != "assistant" or content.get("content_type") != "text":
            continue
        pieces = content.get("parts")
        text = "".join(map(text_of, pieces)) if isinstance(pieces, list) else ""
        said[text_of(message.get("id"))] = text or said.get(text_of(message.get("id")), "")
        answer.by(mapping(message.get("metadata")).get("model_slug"))
        answer.finish(mapping(mapping(message.get("metadata")).get("finish_details")).get("type"))
    if said:
        answer.say("".join(said.values()))
