"""The dialects of clouds: watsonx, Replicate, Vertex predictions, DashScope, ERNIE, Lex, Watson Assistant,
Dialogflow CX.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.exchange.generic import content_text, once
from convotrace.model import Json

_WATSONX_COUNTS = ("input_token_count", "generated_token_count")
_UNDONE = frozenset({"starting", "processing"})


def is_watsonx(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a generation of watsonx, or a piece of one."""
    return any("generated_text" in item for item in mappings(value["results"]))


def read_watsonx(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a generation; its counts are those of its last piece."""
    for part in parts:
        value = mapping(part.value)
        answer.by(value.get("model_id"))
        for item in list(mappings(value.get("results")))[:1]:
            answer.say(item.get("generated_text"))
            answer.finish(None if item.get("stop_reason") == "not_finished" else item.get("stop_reason"))
            answer.use({name: item[name] for name in _WATSONX_COUNTS if item.get(name)})
        for error in mappings(value.get("errors")):
            answer.fail(error)


def is_replicate(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a prediction of Replicate."""
    return isinstance(value["urls"], dict) and "status" in value and "output" in value


def read_replicate(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a prediction: its output is a text, or a list of pieces."""
    for part in parts:
        value = mapping(part.value)
        output = value.get("output")
        for piece in output if isinstance(output, list) else [output]:
            answer.say(piece)
        answer.by(value.get("model"))
        answer.fail(value.get("error"))
        answer.use(value.get("metrics"))
        answer.finish(None if text_of(value.get("status")) in _UNDONE else value.get("status"))


def is_prediction(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are predictions of a language model on Vertex."""
    return any(_predicted(item) is not None for item in list(mappings(value["predictions"]))[:1])


def is_palm(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are candidates of PaLM."""
    return isinstance(value["candidates"], list) and _predicted(value) is not None


def read_prediction(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the first prediction."""
    for part in parts:
        value = mapping(part.value)
        for item in list(mappings(value.get("predictions")))[:1] or [value]:
            answer.say(_predicted(item))
        counts = mapping(mapping(value.get("metadata")).get("tokenMetadata"))
        sides = {"input_tokens": "inputTokenCount", "output_tokens": "outputTokenCount"}
        answer.use({name: mapping(counts.get(side)).get("totalTokens") for name, side in sides.items() if counts})


def _predicted(item: Mapping[str, Json]) -> str | None:
    for candidate in list(mappings(item.get("candidates")))[:1] or [item]:
        text = candidate.get("content", candidate.get("output"))
        return text if isinstance(text, str) else None
    return None


def is_dashscope(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an answer of DashScope, or an event of one."""
    output = mapping(value["output"])
    return "request_id" in value and (isinstance(output.get("text"), str) or isinstance(output.get("choices"), list))


def read_dashscope(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer; unless asked otherwise each event holds the whole text so far."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in parts:
        value = mapping(part.value)
        output = mapping(value.get("output"))
        choice = next(iter(mappings(output.get("choices"))), output)
        message = mapping(choice.get("message")) or choice
        texts.append(content_text(message.get("content", message.get("text"))) or "")
        thoughts.append(text_of(message.get("reasoning_content")))
        for call in mappings(message.get("tool_calls")):
            function = mapping(call.get("function"))
            answer.call(text_of(call.get("id"))).named(function.get("name"), call.get("id")).whole(
                function.get("arguments")
            )
        answer.finish(None if choice.get("finish_reason") == "null" else choice.get("finish_reason"))
        answer.use(value.get("usage"))
        answer.fail(value.get("message") if value.get("code") else None)
    answer.texts.extend(once(texts, True))
    answer.thoughts.extend(once([thought for thought in thoughts if thought], True))


def is_ernie(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an answer of ERNIE, or a piece of one."""
    return isinstance(value["is_end"], bool) and isinstance(value.get("result"), str)


def is_ernie_whole(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a whole answer of ERNIE."""
    return value["object"] == "chat.completion" and isinstance(value.get("result"), str)


def read_ernie(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an answer of ERNIE."""
    for part in parts:
        value = mapping(part.value)
        answer.say(value.get("result"))
        answer.finish(value.get("finish_reason"))
        answer.use(value.get("usage"))
        answer.fail(value.get("error_msg"))


def is_lex(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether these are the messages of a Lex bot."""
    return any("contentType" in message for message in mappings(value["messages"]))


def is_watson(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is an answer of Watson Assistant."""
    return any("response_type" in item for item in mappings(mapping(value["output"]).get("generic")))


def is_dialogflow(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this answers or fulfils a Dialogflow intent."""
    return bool(_dialogflow(value))


def read_lines(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the texts of several messages, a line each."""
    for part in parts:
        value = mapping(part.value)
        texts = [message.get("content") for message in mappings(value.get("messages")) if "contentType" in message]
        generic = mappings(mapping(value.get("output")).get("generic"))
        texts += [item.get("text") for item in generic if item.get("response_type") == "text"]
        lines = [text for text in texts if isinstance(text, str)] or _dialogflow(value)
        answer.say("\n".join(lines) if lines else None)


def _dialogflow(value: Mapping[str, Json]) -> list[str]:
    result = mapping(value.get("queryResult"))
    if isinstance(result.get("fulfillmentText"), str):
        return [result["fulfillmentText"]]
    fulfilled = mapping(value.get("fulfillmentResponse", value.get("fulfillment_response")))
    found: list[str] = []
    for message in mappings(result.get("responseMessages") or fulfilled.get("messages")):
        texts = mapping(message.get("text")).get("text")
        found += [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
    return found
