"""What a span was given and what it made → the fields of its kind, and the attributes which those hold whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.dialects import sources
from convotrace.dialects.messages import as_documents, as_messages, as_text, as_tools
from convotrace.dialects.sources import NOTHING, Found, find, present
from convotrace.dialects.values import as_number, as_object, below, loaded, unquoted
from convotrace.dialects.wrapped import looks_like_messages, reply, request
from convotrace.model import Document, Json

_ANSWER = (
    ("ai.response.reasoning", "reasoning"), ("ai.response.text", "text"), ("ai.response.object", "text"),
    ("ai.result.reasoning", "reasoning"), ("ai.result.text", "text"), ("ai.result.object", "text"),
)  # fmt: skip
_PLAIN = ("internal", "http")
_BARE = (("input",), ("output",))
_ANSWER_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")
_ANSWER_NAMES = frozenset({*(name for name, _kind in _ANSWER), *_ANSWER_CALLS})


class Contents:
    """The contents of one span; `fields` grows as they are read, `held` names the attributes that it holds whole."""

    def __init__(self, kind: str, attributes: Mapping[str, Json]) -> None:
        self.fields: dict[str, Any] = {}
        self.kind = kind
        self.held: set[str] = set()
        self.rest: dict[str, Json] = {}
        self._attributes = attributes

    def read(self) -> None:
        """Find what the attributes hold, where their names say that they hold any."""
        _READERS.get(self.kind, _read_other)(self, self._attributes)
        self._read_tools()

    def take(self, field: str, found: Found, value: Json) -> None:
        """Set a field to what was read from a source."""
        if value not in (None, (), []):
            self.fields[field] = value
            self.held.update(found.names)

    def _read_tools(self) -> None:
        found = find(sources.TOOLS, self._attributes)
        if isinstance(found.value, list) and found.value:
            self.take("tools", found, as_tools(found.value))
        elif "tools" not in self.fields and "model_request_parameters" in self._attributes:
            asked = as_object(self._attributes["model_request_parameters"])
            if offered := [*_list(asked.get("function_tools")), *_list(asked.get("output_tools"))]:
                self.fields["tools"] = as_tools(offered)


def hold_contents(names: tuple[str, ...]) -> bool:
    """Tell whether attributes of these names hold what people or models said."""
    return any(map(sources.is_content, names))


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _read_generation(contents: Contents, attributes: Mapping[str, Json]) -> None:
    """Read messages in and out; what else repeats them is not kept beside them."""
    both = find(sources.BOTH_WAYS, attributes)
    given, made = _parted(both.value)
    found = find(sources.MESSAGES_IN, attributes)
    if found.value is None and given:
        found = Found(given, both.names)
    found = found if found.value is not None else find(sources.VALUES_IN, attributes)
    asked = request(found.value)
    contents.take("input", found, _with_system(asked.value, asked.system, attributes, contents))
    if asked.tools:
        contents.fields["tools"] = as_tools(_list(asked.tools))
    if found.names and asked.rest and len(found.names) == 1:
        contents.rest[found.names[0]] = dict(asked.rest)
    answer = _answer(attributes, made, both)
    contents.take("output", answer, as_messages(reply(answer.value), "assistant"))
    if "input" in contents.fields:
        contents.held |= present(sources.ASKED, attributes)


def _answer(attributes: Mapping[str, Json], made: list[Json], both: Found) -> Found:
    found = find(sources.MESSAGES_OUT, attributes)
    if found.value is None:
        found = _sdk_answer(attributes)
    if found.value is None and made:
        found = Found(made, both.names)
    return found if found.value is not None else find(sources.VALUES_OUT, attributes)


def _sdk_answer(attributes: Mapping[str, Json]) -> Found:
    """Return the message that the Vercel AI SDK spreads over several attributes."""
    if _ANSWER_NAMES.isdisjoint(attributes):
        return NOTHING
    parts: list[Json] = []
    names: list[str] = []
    for name, kind in _ANSWER:
        value = attributes.get(name)
        if value:
            parts.append({"type": kind, "content": value})
            names.append(name)
    for name in _ANSWER_CALLS:
        calls = loaded(attributes.get(name))
        if isinstance(calls, list) and calls:
            parts += [{"type": "tool-call", **call} for call in calls if isinstance(call, dict)]
            names.append(name)
    return Found([{"role": "assistant", "parts": parts}], tuple(names)) if parts else NOTHING


def _with_system(value: Json, system: Json, attributes: Mapping[str, Json], contents: Contents) -> Json:
    messages: list[Json] = as_messages(value, "user") or []
    told = loaded(attributes.get("gen_ai.system_instructions"))
    if told:
        contents.held.add("gen_ai.system_instructions")
    told = told or system
    if told and not (messages and messages[0].get("role") == "system"):
        parts = told if isinstance(told, list) else [told]
        messages = [*as_messages({"role": "system", "content": _texts(parts)}, "system"), *messages]
    return messages or None


def _texts(parts: list[Json]) -> Json:
    """Return the parts of a system's text; whole messages stand for their content."""
    return [part.get("content") if isinstance(part, dict) and "role" in part else part for part in parts]


def _parted(value: Json) -> tuple[list[Json], list[Json]]:
    """Return what of one list of messages was given and what was made: the last of them that are the model's."""
    messages = _list(value)
    at = len(messages)
    while at > 0 and _is_made(messages[at - 1]):
        at -= 1
    return messages[:at], messages[at:]


def _is_made(item: Json) -> bool:
    return isinstance(item, dict) and (item.get("event.name") == "gen_ai.choice" or item.get("role") == "assistant")


def _read_agent(contents: Contents, attributes: Mapping[str, Json]) -> None:
    """Read messages where there are some, else values as they are."""
    has_messages = find(sources.EITHER_WAY, attributes).value
    if looks_like_messages(has_messages) or isinstance(has_messages, list):
        _read_generation(contents, attributes)
    else:
        _read_other(contents, attributes)
        for field, role in (("input", "user"), ("output", "assistant")):
            if looks_like_messages(contents.fields.get(field)):
                contents.fields[field] = as_messages(contents.fields[field], role)


def _read_other(contents: Contents, attributes: Mapping[str, Json]) -> None:
    """Read values as they are; a bare `input` or `output` of a span that is nothing in particular is no message."""
    given, made = find(sources.VALUES_IN, attributes), find(sources.VALUES_OUT, attributes)
    if given.value is None:
        given = find(sources.GIVEN, attributes)
    if contents.kind in _PLAIN:
        given, made = (NOTHING if found.names in _BARE else found for found in (given, made))
    answer = _sdk_answer(attributes)
    if answer.value is not None:
        made = Found(as_messages(answer.value, "assistant"), answer.names)
    elif made.value is None:
        made = find(sources.MESSAGES_OUT, attributes)
    contents.take("input", given, given.value)
    contents.take("output", made, made.value)


def _read_tool(contents: Contents, attributes: Mapping[str, Json]) -> None:
    given, made = find(sources.ARGUMENTS, attributes), find(sources.RESULT, attributes)
    contents.take("arguments", given, given.value)
    contents.take("result", made, made.value)


def _read_retrieval(contents: Contents, attributes: Mapping[str, Json]) -> None:
    given, found = find(sources.QUERY, attributes), find(sources.DOCUMENTS, attributes)
    contents.take("query", given, given.value)
    contents.take("documents", found, as_documents(found.value))
    made = find(sources.VALUES_OUT, attributes)
    if "documents" in contents.fields:
        # The same documents stand once more in the output of the span.
        if made.names == ("output.value",):
            contents.held.update(made.names)
    elif documents := _documents(made.value):
        contents.take("documents", made, documents)
    else:
        contents.take("output", made, made.value)


_DOCUMENT_LISTS = ("documents", "results", "docs")


def _documents(value: Json) -> tuple[Document, ...]:
    if isinstance(value, dict):
        value = next((value[name] for name in _DOCUMENT_LISTS if isinstance(value.get(name), list)), None)
    is_list = isinstance(value, list) and all(isinstance(item, (dict, str)) for item in value)
    return as_documents(value) if is_list else ()


def _read_embedding(contents: Contents, attributes: Mapping[str, Json]) -> None:
    found = find(sources.EMBEDDED, attributes)
    texts = [_embedded(item) for item in _list(found.value)] if isinstance(found.value, list) else [found.value]
    texts = [unquoted(text) for text in texts if text is not None]
    if texts:
        contents.fields["input"] = texts if len(texts) > 1 else texts[0]


def _embedded(item: Json) -> Json:
    inner = item.get("embedding") if isinstance(item, dict) else None
    return inner.get("text") if isinstance(inner, dict) else item


_READERS = {
    "generation": _read_generation,
    "agent": _read_agent,
    "tool": _read_tool,
    "retrieval": _read_retrieval,
    "reranker": _read_retrieval,
    "embedding": _read_embedding,
}

_VECTORS = ("embedding.vector", "ai.embedding", "ai.embeddings")
_LONG = 256


def kept(attributes: Mapping[str, Json], contents: Contents, vectors: tuple[str, ...]) -> dict[str, Json]:
    """Return the raw attributes without those which the fields hold whole, and without vectors."""
    held = contents.held
    found = {name: value for name, value in attributes.items() if name not in held} if held else dict(attributes)
    for name in vectors:
        if name in found:
            held = loaded(found[name])
            found[name] = f"[{len(held)} left out]" if isinstance(held, list) else "[left out]"
    for name, value in found.items():
        if type(value) is list:
            found[name] = _shortened(value)
    for name, value in contents.rest.items():
        if name in attributes:
            found[name] = value
    return found


def vectors(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of some names are those of vectors."""
    return tuple(name for name in names if name.endswith(_VECTORS))


def _shortened(value: list[Json]) -> Json:
    if len(value) > _LONG and all(as_number(item) is not None for item in value):
        return f"[{len(value)} numbers left out]"
    return value


def text_documents(attributes: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    """Return one document of a vector store's event: `<prefix>.id`, `.score`, `.document`, `.metadata`."""
    found = below(attributes, prefix)
    return {
        "id": as_text(found.get("id")),
        "text": as_text(found.get("document")),
        "score": found.get("score", found.get("distance")),
        "metadata": loaded(found.get("metadata")),
    }
