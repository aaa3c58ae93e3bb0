"""The dialect of OpenAI's chat completions and text completions, and of the many vendors that speak it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json


def is_chat(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a chat completion or a chunk of one; the first chunk of Azure has no choices."""
    choices = value["choices"]
    if not isinstance(choices, list):
        return False
    return not choices or any("delta" in choice or "message" in choice for choice in mappings(choices[:1]))


def is_completion(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a text completion or a chunk of one."""
    choices = value["choices"]
    return isinstance(choices, list) and any("text" in choice for choice in mappings(choices[:1]))


def is_thread(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a piece of a message of the Assistants API."""
    return text_of(value["object"]) == "thread.message.delta"


def is_thread_list(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are messages of a thread, the newest first."""
    return value["object"] == "list" and any(
        message.get("object") == "thread.message" for message in mappings(value.get("data"))
    )


def read_thread_list(parts: Iterable[Part], answer: Answer) -> None:
    """Gather what the assistant said after the last message of the user."""
    for part in parts:
        said: list[str] = []
        for message in mappings(mapping(part.value).get("data")):
            if message.get("role") == "user":
                break
            for content in mappings(message.get("content")):
                said.append(text_of(mapping(content.get("text")).get("value")))
        answer.say("".join(reversed(said)) if said else None)


def read_thread(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the pieces of a message; the whole message, which closes them, repeats them."""
    for part in parts:
        value = mapping(part.value)
        for content in mappings(mapping(value.get("delta")).get("content")):
            answer.say(mapping(content.get("text")).get("value"))
        answer.use(value.get("usage"))
        answer.fail(value.get("last_error"))


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a completion; of several choices the first one is the answer."""
    for part in parts:
        value = mapping(part.value)
        answer.by(value.get("model"))
        answer.fail(value.get("error"))
        answer.use(value.get("usage") or mapping(value.get("x_groq")).get("usage"))
        for position, choice in enumerate(mappings(value.get("choices"))):
            if choice.get("index", position) in (0, None):
                _choice(choice, answer)


def _choice(choice: Mapping[str, Json], answer: Answer) -> None:
    answer.finish(choice.get("finish_reason"))
    answer.fail(choice.get("error"))
    message = mapping(choice.get("delta") or choice.get("message"))
    if not message:
        # Together writes the text of a delta here once more.
        answer.say(choice.get("text"))
    _content(message.get("content"), answer)
    if "audio" in message:
        answer.say(mapping(message["audio"]).get("transcript"))
    _reasoning(message, answer)
    answer.refuse(message.get("refusal"))
    for call in mappings(message.get("tool_calls")):
        _call(call, answer)
    if isinstance(message.get("function_call"), dict):
        _function(message["function_call"], None, "function_call", answer)


def _content(content: Json, answer: Answer) -> None:
    answer.say(content)
    for item in mappings(content):
        answer.say(item.get("text"))
        answer.think(item.get("thinking"))
        for thought in mappings(item.get("thinking")):
            answer.think(thought.get("text"))


def _reasoning(message: Mapping[str, Json], answer: Answer) -> None:
    # Some send the same words under two names.
    for name in ("reasoning_content", "reasoning"):
        if isinstance(message.get(name), str) and message[name]:
            answer.think(message[name])
            return
    for detail in mappings(message.get("reasoning_details")):
        answer.think(detail.get("text", detail.get("summary")))


def _call(call: Mapping[str, Json], answer: Answer) -> None:
    index, call_id = call.get("index"), call.get("id")
    key: Hashable = index if isinstance(index, int) else text_of(call_id) or None
    _function(mapping(call.get("function")), call_id, key, answer)


def _function(function: Mapping[str, Json], call_id: Json, key: Hashable, answer: Answer) -> None:
    call = answer.last_call() if key is None else answer.call(key)
    call.named(function.get("name"), call_id).add(function.get("arguments"))
