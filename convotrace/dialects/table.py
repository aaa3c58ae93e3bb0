"""The names other libraries write, as rows: a name, the field of our span it fills, how its value is read.

For each field the first name that says something wins. A dialect is learnt by adding rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from convotrace.dialects.messages import as_nano
from convotrace.dialects.names import told
from convotrace.dialects.values import (
    as_count,
    as_known,
    as_list,
    as_number,
    as_object,
    as_word,
    first_word,
)
from convotrace.model import Json

Reader = Callable[[Json], Any]
Row = tuple[str, Reader]


def _cost(value: Json) -> int | None:
    return as_nano(as_number(value))


def _costs(*names: str) -> Reader:
    def read(value: Json) -> int | None:
        costs = as_object(value)
        known = {name: number for name, item in costs.items() if (number := as_number(item)) is not None}
        # Clients write zeros where they know no price.
        if not any(known.values()):
            return None
        total = next((known[name] for name in names if name in known), None)
        return as_nano(sum(known.values()) if total is None else total)

    return read


def _nano_seconds(factor: float) -> Reader:
    def read(value: Json) -> int | None:
        number = as_number(value)
        return None if number is None or number < 0 else round(number * factor)

    return read


def _rows(reader: Reader, *names: str) -> tuple[Row, ...]:
    return tuple((name, reader) for name in names)


FIELDS: Mapping[str, tuple[Row, ...]] = {
    "model": _rows(
        as_word,
        "gen_ai.response.model", "llm.response.model_name", "llm.model_name", "ai.response.model",
        "langfuse.observation.model.name", "gen_ai.request.model", "llm.request.model_name", "embedding.model_name",
        "reranker.model_name", "ai.model.id", "mlflow.llm.model", "llm.response.model", "llm.request.model",
        "model_name", "ls_model_name", "langsmith.metadata.ls_model_name",
    ),
    "provider": _rows(
        as_word,
        "gen_ai.provider.name", "llm.provider", "gen_ai.system", "llm.system", "ai.model.provider",
        "mlflow.llm.provider", "llm.vendor", "langsmith.metadata.ls_provider",
    ),
    "call_id": _rows(
        as_word, "gen_ai.tool.call.id", "ai.toolCall.id", "tool.id", "tool_call.id", "message.tool_call_id"
    ),
    "finish_reason": _rows(
        first_word,
        "gen_ai.response.finish_reasons", "llm.finish_reason", "gen_ai.response.finish_reason",
        "gen_ai.response.stop_reason", "ai.response.finishReason", "ai.finishReason",
        "gen_ai.completion.0.finish_reason", "llm.response.finish_reason", "llm.response.stop_reason",
        "anthropic.message.stop_reason",
        "langfuse.observation.metadata.finish_reason", "langfuse.observation.metadata.stop_reason",
    ),
    "cost_nano": (
        *_rows(
            _cost, "gen_ai.usage.cost", "llm.cost.total", "llm.usage.cost", "operation.cost", "gen_ai.cost.total_cost"
        ),
        ("langfuse.observation.cost_details", _costs("total")),
        ("mlflow.llm.cost", _costs("total_cost", "total")),
        ("gen_ai.usage.cost_details", _costs("total", "total_cost")),
    ),
    "first_token_ns": (
        *_rows(
            _nano_seconds(1e9),
            "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token",
            "gen_ai.response.time_to_first_token", "llm.time_to_first_token",
        ),
        *_rows(_nano_seconds(1e6), "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
    ),
    "tags": _rows(as_list, "logfire.tags", "langsmith.span.tags", "tags", "gen_ai.tags"),
}  # fmt: skip

USAGE: Mapping[str, tuple[str, ...]] = {
    "input": (
        "gen_ai.usage.input_tokens", "llm.token_count.prompt", "ai.usage.inputTokens", "ai.usage.promptTokens",
        "gen_ai.usage.prompt_tokens", "usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.usage.input_tokens",
    ),
    "output": (
        "gen_ai.usage.output_tokens", "llm.token_count.completion", "ai.usage.outputTokens",
        "ai.usage.completionTokens", "gen_ai.usage.completion_tokens", "usage.completion_tokens",
        "llm.usage.completion_tokens", "llm.usage.output_tokens",
    ),
    "cached_read": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens",
        "gen_ai.usage.details.cached_tokens", "gen_ai.usage.input_cached_tokens", "llm.usage.cache_read_input_tokens",
    ),
    "cached_write": (
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write", "ai.usage.inputTokenDetails.cacheWriteTokens",
        "gen_ai.usage.details.cache_creation_tokens", "llm.usage.cache_creation_input_tokens",
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens", "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens",
        "gen_ai.usage.details.thoughts_tokens", "llm.usage.reasoning_tokens",
    ),
    "audio": (
        "gen_ai.usage.audio.input_tokens", "gen_ai.usage.details.audio_tokens",
        "gen_ai.usage.details.input_audio_tokens", "llm.token_count.prompt_details.audio",
    ),
}  # fmt: skip
USAGE_OBJECTS = (
    "langfuse.observation.usage_details", "langfuse.observation.usage", "mlflow.chat.tokenUsage",
    "gen_ai.usage", "llm.usage", "langsmith.usage_metadata", "ai.usage",
)  # fmt: skip

COST_PARTS = (
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost"), ("llm.cost.prompt", "llm.cost.completion"),
    ("gen_ai.cost.input_cost", "gen_ai.cost.output_cost"),
)  # fmt: skip
"""Where a call's cost stands as that of its input and that of its output alone."""
REPLIES = (
    "genkit:output", "gcp.vertex.agent.llm_response", "output.value", "langfuse.observation.output",
    "mlflow.spanOutputs", "traceloop.entity.output", "gen_ai.completion",
)  # fmt: skip
"""Where a model's whole reply may stand, and in it its usage under one of these names."""
REPLIED_USAGE = ("usage", "usage_metadata", "usageMetadata", "token_usage")

# What a call was asked with: everything under these prefixes, but for what is a field of its own.
PARAMETER_PREFIXES = ("gen_ai.request.", "ai.settings.", "llm.invocation_parameters.")
PARAMETER_OBJECTS = (
    "llm.invocation_parameters", "langfuse.observation.model.parameters", "mlflow.invocation_parameters",
    "ai.settings",
)  # fmt: skip
NO_PARAMETERS = frozenset({"model", "type", "functions"})

SESSION_IDS = (
    "session.id", "langfuse.session.id", "traceloop.association.properties.session_id", "mlflow.trace.session",
    "langsmith.metadata.session_id", "langsmith.metadata.thread_id", "langsmith.metadata.conversation_id",
    "langfuse.trace.metadata.langfuse_session_id", "ai.telemetry.metadata.sessionId", "gcp.vertex.agent.session_id",
    "maxim.session.id", "maxim.session_id", "maxim-session-id", "maxim_session_id",
    "ai.telemetry.metadata.session_id", "ai.telemetry.metadata.threadId", "ai.telemetry.metadata.chatId",
    "traceloop.association.properties.thread_id", "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.chat_id", "spring.ai.chat.client.conversation.id", "gen_ai.session.id",
    "gen_ai.thread.id", "voltagent.conversation_id", "genkit:sessionId", "session_id", "conversation_id",
    "conversation.id", "chat_id",
)  # fmt: skip
"""Names of a session's id, the more certain first; `convotrace.dialects.sessions` says what comes after them."""
SESSION_OBJECTS = (
    ("metadata", ("session_id", "thread_id", "conversation_id")),
    ("langfuse.trace.metadata", ("langfuse_session_id", "session_id", "thread_id")),
    ("langsmith.metadata", ("session_id", "thread_id", "conversation_id")),
    ("maxim.metadata", ("session_id", "sessionId")),
)
INVENTED_IDS = ("gen_ai.conversation.id",)
"""Names under which some libraries write an id of their own making: they count only where nothing else does."""
USER_IDS = (
    "user.id", "langfuse.user.id", "enduser.id", "enduser.pseudo.id", "traceloop.association.properties.user_id",
    "mlflow.trace.user", "ai.telemetry.metadata.userId", "gen_ai.user", "llm.user", "maxim.user.id",
    "gen_ai.user.id", "user_id", "ai.telemetry.metadata.user_id", "langsmith.metadata.user_id",
    "langfuse.trace.metadata.langfuse_user_id",
)  # fmt: skip
SESSION_NAMES = ("session.name", "maxim.session.name", "maxim.session_name", "maxim-session-name")
TRACE_NAMES = ("langfuse.trace.name", "mlflow.traceName", "langsmith.trace.name")
TRACE_TAGS = ("langfuse.trace.tags", "tag.tags", "ai.telemetry.metadata.tags", "maxim.trace.tags", "maxim-trace-tags")
TRACE_METADATA_PREFIXES = (
    "langfuse.trace.metadata.", "traceloop.association.properties.", "ai.telemetry.metadata.", "mlflow.traceTag.",
    "maxim.metadata.",
)  # fmt: skip
TRACE_METADATA_OBJECTS = ("langfuse.trace.metadata", "maxim.metadata")
SPAN_METADATA_PREFIXES = ("langfuse.observation.metadata.", "langsmith.metadata.")
SPAN_METADATA_OBJECTS = ("metadata", "langfuse.observation.metadata")
ENVIRONMENTS = ("deployment.environment.name", "deployment.environment", "langfuse.environment")
RELEASES = ("langfuse.release", "service.version")

HTTP: Mapping[str, tuple[Row, ...]] = {
    "method": _rows(as_word, "http.request.method", "http.method"),
    "route": _rows(as_word, "http.route"),
    "path": _rows(as_word, "url.path", "http.target", "url.full", "http.url"),
    "status_code": _rows(as_count, "http.response.status_code", "http.status_code"),
}


_Ranked = tuple[tuple[str, tuple[tuple[int, str, Reader], ...]], ...]


class Index:
    """Rows by their names: a span is read by the rows that know one of its names.

    Args:
        fields: Field → its rows, the first that reads anything counts.
    """

    def __init__(self, fields: Mapping[str, Iterable[Row]]) -> None:
        self._rows: dict[str, list[tuple[str, int, Reader]]] = {}
        for field, rows in fields.items():
            for rank, (name, reader) in enumerate(rows):
                self._rows.setdefault(name, []).append((field, rank, reader))
        self.names = frozenset(self._rows)

    def read(self, attributes: Mapping[str, Json]) -> dict[str, Any]:
        """Return each field that some row reads; None and nothing in a list are nothing."""
        return {field: value for field, (_rank, _name, value) in self.ranked(attributes).items()}

    def ranked(self, attributes: Mapping[str, Json]) -> dict[str, tuple[int, str, Any]]:
        """Return each field with the rank and the name of the row that read it."""
        found: dict[str, tuple[int, str, Any]] = {}
        for field, rows in told(attributes, _rows_among, self):
            for rank, name, reader in rows:
                given = attributes[name]
                value = None if given is None else reader(given)
                if value is not None and value != ():
                    found[field] = (rank, name, value)
                    break
        return found

    def among(self, names: tuple[str, ...]) -> _Ranked:
        """Return the fields that some of these names may fill, each with its rows in order."""
        found: dict[str, list[tuple[int, str, Reader]]] = {}
        for name in filter(self.names.__contains__, names):
            for field, rank, reader in self._rows[name]:
                found.setdefault(field, []).append((rank, name, reader))
        return tuple((field, tuple(sorted(rows, key=itemgetter(0)))) for field, rows in found.items())


def _rows_among(names: tuple[str, ...], index: Index) -> _Ranked:
    return index.among(names)


def _words(*names: str) -> tuple[Row, ...]:
    return _rows(as_word, *names)


SPANS = Index(FIELDS)
COUNTS = Index({name: _rows(as_count, *names) for name, names in USAGE.items()})
HTTP_FACTS = Index(HTTP)
TOLD = Index(
    {
        "session": _rows(as_known, *SESSION_IDS),
        "user_id": _rows(as_known, *USER_IDS),
        "session_name": _words(*SESSION_NAMES),
        "trace_name": _words(*TRACE_NAMES),
    }
)
SOURCES = Index({"environment": _words(*ENVIRONMENTS), "release": _words(*RELEASES)})
