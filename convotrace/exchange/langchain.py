"""The dialects of the LangChain house: LangGraph servers (`messages`, `values`, `updates`) and LangServe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from convotrace.exchange.answer import Answer, OpenCall, Part, mapping, mappings, text_of
from convotrace.model import Json

_AI = ("ai", "aimessage", "aimessagechunk", "assistant")
_USER = ("human", "humanmessage", "humanmessagechunk", "user")


def is_messages(event: str, value: Json) -> bool:
    """Tell whether these are messages of a graph."""
    return any(_role(message) for message in mappings(value))


def is_state(event: str, value: Json) -> bool:
    """Tell whether this is the state of a graph, or an update of it."""
    return any(_role(message) for messages in _states(value) for message in mappings(messages))


def is_data(event: str, value: Json) -> bool:
    """Tell whether this is a chunk of LangServe: a text or a message."""
    return isinstance(value, str) or bool(_role(value))


def is_stream_event(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is one of the events of a LangServe chain."""
    return text_of(value["event"]).startswith("on_") and isinstance(value.get("data"), dict)


def is_invoked(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is what LangServe answers to `invoke`."""
    return "run_id" in mapping(value.get("metadata"))


def read_graph(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a graph's answer: the chunks of its model, or where it sends none, its last state."""
    state: list[Mapping[str, Json]] = []
    whole: dict[str, Mapping[str, Json]] = {}
    for part in parts:
        if part.event == "messages":
            for message in list(mappings(part.value))[:1]:
                _chunk(message, answer)
        elif part.event.startswith("messages/"):
            whole.update((text_of(message.get("id")), message) for message in mappings(part.value))
        elif part.event == "error":
            answer.fail(part.value)
        elif part.event in ("values", "updates") and not part.cut:
            # The last message of half a state is not the last one.
            _remember(part, state)
    if not answer.said:
        for message in whole.values() or _after_user(state):
            _chunk(message, answer)


def _remember(part: Part, state: list[Mapping[str, Json]]) -> None:
    """Keep the messages of a state, which has all of them, or of an update, which has new ones."""
    messages = [message for messages in _states(part.value) for message in mappings(messages)]
    if messages and part.event == "values":
        state.clear()
    state.extend(messages)


def read_served(parts: Iterable[Part], answer: Answer) -> None:
    """Gather what LangServe answers; its closing events repeat the text and are left out."""
    for part in parts:
        value = mapping(part.value)
        event = text_of(value.get("event"))
        if event == "on_chat_model_stream":
            _chunk(mapping(mapping(value.get("data")).get("chunk")), answer)
        elif part.event == "error":
            answer.fail(part.value)
        elif part.event == "data" and not event:
            _output(part.value, answer)
        elif "output" in value and not event:
            _output(value["output"], answer)


def _output(output: Json, answer: Answer) -> None:
    answer.say(output)
    value = mapping(output)
    if "content" in value:
        _chunk(value, answer)
        return
    for name in ("answer", "output", "result", "text"):
        if isinstance(value.get(name), str):
            answer.say(value[name])
            return


def _chunk(message: Mapping[str, Json], answer: Answer) -> None:
    if _role(message) not in _AI:
        return
    body = mapping(message.get("kwargs")) or message
    _content(body.get("content"), answer)
    kwargs = mapping(body.get("additional_kwargs"))
    answer.think(kwargs.get("reasoning_content"))
    for summary in mappings(mapping(kwargs.get("reasoning")).get("summary")):
        answer.think(summary.get("text"))
    pieces = list(mappings(body.get("tool_call_chunks")))
    for call in pieces or mappings(body.get("tool_calls")):
        _call(call, answer)
    answer.use(body.get("usage_metadata"))
    told = mapping(body.get("response_metadata"))
    answer.by(told.get("model_name") or told.get("model"))
    answer.finish(told.get("finish_reason"))


def _content(content: Json, answer: Answer) -> None:
    answer.say(content)
    for block in mappings(content):
        if block.get("type") in ("thinking", "reasoning"):
            answer.think(block.get("thinking", block.get("reasoning")))
        else:
            answer.say(block.get("text"))


def _call(call: Mapping[str, Json], answer: Answer) -> None:
    opened: OpenCall
    index, call_id = call.get("index"), text_of(call.get("id"))
    opened = answer.call(index if isinstance(index, int | str) else call_id) if index or call_id else answer.last_call()
    opened.named(call.get("name"), call_id).add(call.get("args"))


def _role(message: Json) -> str:
    """Return what wrote a message, in lower case: its type, its role or the class that it was made of."""
    value = mapping(message)
    if value.get("lc") == 1:
        path = value.get("id")
        return text_of(path[-1]).lower() if isinstance(path, list) and path else ""
    return text_of(value.get("type") or value.get("role")).lower() if "content" in value else ""


def _states(value: Json) -> Iterator[Json]:
    """Yield the message lists of a state, or of an update of it by node."""
    yield mapping(value).get("messages")
    for node in mapping(value).values():
        yield mapping(node).get("messages")


def _after_user(messages: list[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    last = max((place for place, message in enumerate(messages) if _role(message) in _USER), default=-1)
    yield from messages[last + 1 :]
