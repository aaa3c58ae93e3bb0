"""Where a span's input, output and tools stand: names in order, and whether each is a value or a flattened list.

Attributes that hold messages are not kept beside the fields that hold them whole: a conversation re-sends its history
with every call, and storing it twice would grow with the square of its turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from convotrace.dialects.names import Rows, told, under
from convotrace.dialects.values import grown, loaded, unquoted
from convotrace.model import Json


class Source(NamedTuple):
    """A name under which a value stands, or with `flat` the prefix of a list flattened into attributes."""

    name: str
    flat: bool = False


Sources = Rows[Source]


class Found(NamedTuple):
    """A value and the attributes that it was read from."""

    value: Json
    names: tuple[str, ...]


NOTHING = Found(None, ())

MESSAGES_IN = Sources((
    Source("gen_ai.input.messages"), Source("llm.input_messages", flat=True), Source("llm.input_messages"),
    Source("gen_ai.prompt", flat=True), Source("gen_ai.prompt"), Source("ai.prompt.messages"),
    Source("gcp.vertex.agent.llm_request"), Source("llm.messages"), Source("agent.messages"),
))  # fmt: skip
MESSAGES_OUT = Sources((
    Source("gen_ai.output.messages"), Source("llm.output_messages", flat=True), Source("llm.output_messages"),
    Source("gen_ai.completion", flat=True), Source("gen_ai.completion"), Source("gcp.vertex.agent.llm_response"),
))  # fmt: skip
BOTH_WAYS = Sources((Source("pydantic_ai.all_messages"), Source("all_messages_events"), Source("events")))
"""Input and output in one list."""
VALUES_IN = Sources((
    Source("llm.prompts", flat=True), Source("llm.prompts"), Source("langfuse.observation.input"),
    Source("ai.prompt"), Source("mlflow.spanInputs"), Source("traceloop.entity.input"), Source("input.value"),
    Source("ai.values"), Source("ai.value"), Source("langfuse.trace.input"), Source("gen_ai.input"),
    Source("agent.input"), Source("maxim.input"), Source("agentops.entity.input"), Source("genkit:input"),
    Source("haystack.component.input"), Source("haystack.pipeline.input_data"), Source("lk.input_text"),
    Source("lk.user_transcript"), Source("lk.user_input"), Source("lk.chat_ctx"), Source("input"),
))  # fmt: skip
VALUES_OUT = Sources((
    Source("langfuse.observation.output"), Source("mlflow.spanOutputs"), Source("traceloop.entity.output"),
    Source("final_result"), Source("output.value"), Source("langfuse.trace.output"), Source("gen_ai.output"),
    Source("agent.output"), Source("maxim.output"), Source("agentops.entity.output"), Source("genkit:output"),
    Source("haystack.component.output"), Source("haystack.pipeline.output_data"), Source("lk.response.text"),
    Source("output"),
))  # fmt: skip
TOOLS = Sources((
    Source("gen_ai.tool.definitions"), Source("llm.tools", flat=True), Source("llm.tools"), Source("ai.prompt.tools"),
    Source("llm.request.functions", flat=True), Source("mlflow.chat.tools"), Source("gen_ai.request.tools"),
))  # fmt: skip
ARGUMENTS = Sources((
    Source("gen_ai.tool.call.arguments"), Source("tool_arguments"), Source("ai.toolCall.args"),
    Source("ai.toolCall.input"), Source("gcp.vertex.agent.tool_call_args"), Source("gen_ai.tool.args"),
    Source("lk.function_tool.arguments"), Source("spring.ai.tool.call.arguments"), *VALUES_IN,
    Source("tool.parameters"),
))  # fmt: skip
RESULT = Sources((
    Source("gen_ai.tool.call.result"), Source("tool_response"), Source("ai.toolCall.result"),
    Source("ai.toolCall.output"), Source("gcp.vertex.agent.tool_response"), Source("lk.function_tool.output"),
    Source("spring.ai.tool.call.result"), *VALUES_OUT,
))  # fmt: skip
QUERY = Sources((
    Source("gen_ai.retrieval.query.text"), Source("gen_ai.retrieval.query"), Source("reranker.query"), *VALUES_IN,
    Source("db.query.text"), Source("db.vector.query.content"),
))  # fmt: skip
DOCUMENTS = Sources((
    Source("gen_ai.retrieval.documents"), Source("retrieval.documents", flat=True), Source("retrieval.documents"),
    Source("reranker.output_documents", flat=True), Source("reranker.output_documents"),
))  # fmt: skip
EMBEDDED = Sources((Source("embedding.embeddings", flat=True), Source("embedding.text"), *VALUES_IN))


EITHER_WAY = Sources((*MESSAGES_IN, *MESSAGES_OUT, *BOTH_WAYS))
GIVEN = Sources((*MESSAGES_IN, *BOTH_WAYS))
ASKED = Sources((*MESSAGES_IN, *VALUES_IN))


def find(sources: Sources, attributes: Mapping[str, Json]) -> Found:
    """Return the first value that is there; JSON written as text is read, an empty value is none."""
    for source in told(attributes, _present, sources):
        found = _flattened(source, attributes) if source.flat else _whole(source, attributes)
        if found.value not in (None, "", [], ()):
            return found
    return NOTHING


def _whole(source: Source, attributes: Mapping[str, Json]) -> Found:
    value = attributes.get(source.name)
    return NOTHING if value is None else Found(loaded(unquoted(value)), (source.name,))


def _flattened(source: Source, attributes: Mapping[str, Json]) -> Found:
    names = under(attributes, source.name + ".")
    return Found([_with_parts(entry) for entry in grown(attributes, source.name)], names) if names else NOTHING


def _with_parts(entry: Json) -> Json:
    """Return a message whose content is a list of parts, where OpenLLMetry wrote that list as text."""
    content = entry.get("content") if isinstance(entry, dict) else None
    if not isinstance(content, str) or not content.startswith("[{"):
        return entry
    parts = loaded(content)
    typed = isinstance(parts, list) and all(isinstance(part, dict) and "type" in part for part in parts)
    return {**entry, "content": parts} if typed else entry


def _present(names: tuple[str, ...], sources: Sources) -> tuple[Source, ...]:
    return tuple(source for source in sources if _is_there(source, names))


def _is_there(source: Source, names: tuple[str, ...]) -> bool:
    return any(name.startswith(source.name + ".") for name in names) if source.flat else source.name in names


def present(sources: Sources, attributes: Mapping[str, Json]) -> frozenset[str]:
    """Return the attributes that stand under any of these names."""
    return told(attributes, _standing, sources)


def _standing(names: tuple[str, ...], sources: Sources) -> frozenset[str]:
    return frozenset(source.name for source in _present(names, sources) if not source.flat)


_EVERYWHERE = (
    *MESSAGES_IN, *MESSAGES_OUT, *BOTH_WAYS, *VALUES_IN, *VALUES_OUT, *TOOLS, *ARGUMENTS, *RESULT, *QUERY, *DOCUMENTS,
    *EMBEDDED,
)  # fmt: skip
_CONTENT_NAMES = frozenset(source.name for source in _EVERYWHERE) | {
    "gen_ai.system_instructions", "body", "gen_ai.message", "model_request_parameters", "exception.stacktrace",
    "langfuse.observation.status_message",
}  # fmt: skip
_CONTENT_PREFIXES = tuple(
    f"{name}."
    for name in (
        *(source.name for source in _EVERYWHERE if source.flat), "ai.response", "ai.result", "llm.prompt_template",
        "gen_ai.prompt.variable", "reranker.input_documents", "db.query.result", "db.search.result",
    )
)  # fmt: skip
_FACTS = frozenset({
    "ai.response.finishReason", "ai.response.id", "ai.response.model", "ai.response.msToFirstChunk",
    "ai.response.msToFinish", "ai.response.timestamp", "ai.response.avgOutputTokensPerSecond",
    "gen_ai.completion.0.finish_reason",
})  # fmt: skip


def is_content(name: str) -> bool:
    """Tell whether an attribute of this name holds what people or models said."""
    return name in _CONTENT_NAMES or (name.startswith(_CONTENT_PREFIXES) and name not in _FACTS)
