"""The dialects of model servers that one runs oneself: Ollama, llama.cpp, TGI (and Hugging Face), Aleph Alpha."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

_OLLAMA_COUNTS = ("prompt_eval_count", "eval_count")
_LLAMACPP_COUNTS = ("tokens_evaluated", "tokens_predicted")
_ALEPH_COUNTS = ("num_tokens_prompt_total", "num_tokens_generated")


def is_ollama_chat(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a line of an Ollama chat."""
    return isinstance(value["done"], bool) and isinstance(value.get("message"), dict)


def is_ollama_generate(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a line of an Ollama completion."""
    return isinstance(value["done"], bool) and isinstance(value.get("response"), str) and "model" in value


def is_llamacpp(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a piece of a llama.cpp completion."""
    return isinstance(value["stop"], bool) and isinstance(value.get("content"), str)


def is_tgi(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a token of text-generation-inference."""
    return isinstance(mapping(value["token"]).get("text"), str)


def is_generated(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a generated text of Hugging Face."""
    return isinstance(value["generated_text"], str)


def is_aleph(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this is a completion of Aleph Alpha."""
    return any(isinstance(item.get("completion"), str) for item in mappings(value["completions"]))


def read_ollama(parts: Iterable[Part], answer: Answer) -> None:
    """Gather an Ollama chat or completion."""
    for part in parts:
        value = mapping(part.value)
        message = mapping(value.get("message"))
        answer.by(value.get("model"))
        answer.say(message.get("content", value.get("response")))
        answer.think(message.get("thinking", value.get("thinking")))
        for call in mappings(message.get("tool_calls")):
            function = mapping(call.get("function"))
            answer.new_call().named(function.get("name"), call.get("id")).add(function.get("arguments"))
        answer.finish(value.get("done_reason"))
        answer.use(_counts(value, _OLLAMA_COUNTS))
        answer.fail(value.get("error"))


def read_llamacpp(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a llama.cpp completion."""
    for part in parts:
        value = mapping(part.value)
        answer.by(value.get("model"))
        answer.say(value.get("content"))
        answer.finish(value.get("stop_type"))
        answer.use(_counts(value, _LLAMACPP_COUNTS))
        answer.fail(value.get("error"))


def read_tgi(parts: Iterable[Part], answer: Answer) -> None:
    """Gather tokens, special ones left out; a whole text counts only where no token came."""
    whole = ""
    for part in parts:
        value = mapping(part.value)
        token = mapping(value.get("token"))
        if token.get("special") is not True:
            answer.say(token.get("text"))
        whole = text_of(value.get("generated_text")) or whole
        details = mapping(value.get("details"))
        answer.finish(details.get("finish_reason"))
        answer.use(_counts(details, ("input_length", "prefill_tokens", "generated_tokens")))
        answer.fail(value.get("error"))
    if whole and not answer.texts:
        answer.say(whole)


def read_aleph(parts: Iterable[Part], answer: Answer) -> None:
    """Gather a completion of Aleph Alpha."""
    for part in parts:
        value = mapping(part.value)
        for item in list(mappings(value.get("completions")))[:1]:
            answer.say(item.get("completion"))
            answer.finish(item.get("finish_reason"))
        answer.use(_counts(value, _ALEPH_COUNTS))


def _counts(value: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    return {name: value[name] for name in names if isinstance(value.get(name), int)}
