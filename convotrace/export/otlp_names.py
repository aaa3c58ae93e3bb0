"""Fields of our spans → attributes under the names of OpenTelemetry's GenAI conventions, and of backends beside them.

Sources: https://github.com/open-telemetry/semantic-conventions-genai, OpenInference's semantic conventions (Phoenix),
Langfuse's OTLP ingestion, Maxim's. Nothing here knows of ids, times or the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from convotrace.dialects.conventions import CALLED, OPERATIONS, USAGE
from convotrace.dialects.messages import as_messages
from convotrace.export.records import dump
from convotrace.model import Document, Json, Session, Span, Trace, Usage

Named = Iterator[tuple[str, Json]]

_OPENINFERENCE_KINDS = {
    "generation": "LLM", "retrieval": "RETRIEVER", "tool": "TOOL", "agent": "AGENT", "chain": "CHAIN",
    "embedding": "EMBEDDING", "reranker": "RERANKER", "guardrail": "GUARDRAIL", "evaluator": "EVALUATOR",
    "internal": "CHAIN", "http": "CHAIN",
}  # fmt: skip
_OPENINFERENCE_USAGE = {
    "input": "llm.token_count.prompt", "output": "llm.token_count.completion",
    "cached_read": "llm.token_count.prompt_details.cache_read",
    "cached_write": "llm.token_count.prompt_details.cache_write",
    "reasoning": "llm.token_count.completion_details.reasoning", "audio": "llm.token_count.prompt_details.audio",
}  # fmt: skip
_LANGFUSE_KINDS = {
    "generation": "generation", "retrieval": "retriever", "tool": "tool", "agent": "agent", "chain": "chain",
    "embedding": "embedding", "guardrail": "guardrail", "evaluator": "evaluator",
}  # fmt: skip
_LANGFUSE_USAGE = {
    "input": "input", "output": "output", "cached_read": "input_cache_read", "cached_write": "input_cache_creation",
    "reasoning": "output_reasoning", "audio": "input_audio",
}  # fmt: skip


def who(session: Session, user_id: str | None) -> Named:
    """Yield what every span says of the conversation that it belongs to."""
    yield "session.id", session.id
    yield "gen_ai.conversation.id", session.id
    if user_id is not None:
        yield "user.id", user_id


def of_span(span: Span) -> Named:
    """Yield what a span says, under the names of the conventions."""
    yield "convotrace.kind", span.kind
    yield from _some({
        "gen_ai.operation.name": OPERATIONS.get(span.kind), CALLED.get(span.kind, ""): span.name,
        "gen_ai.provider.name": span.provider, "gen_ai.request.model": span.model, "gen_ai.tool.call.id": span.call_id,
        "gen_ai.usage.cost": span.cost,
        "gen_ai.response.finish_reasons": None if span.finish_reason is None else [span.finish_reason],
        "gen_ai.response.time_to_first_chunk": None if span.first_token_ns is None else span.first_token_ns / 1e9,
    })  # fmt: skip
    for name, value in span.parameters.items():
        yield f"gen_ai.request.{name}", value
    yield from _counts(span.usage, USAGE)
    if span.tags:
        yield "tags", list(span.tags)
    if span.metadata:
        yield "metadata", text(dict(span.metadata))
    yield from _contents(span)


def _contents(span: Span) -> Named:
    for field, role in (("input", "user"), ("output", "assistant")):
        value = getattr(span, field)
        if value is None:
            continue
        if span.kind in ("generation", "agent"):
            yield f"gen_ai.{field}.messages", text(as_messages(value, role))
        else:
            yield f"{field}.value", text(value)
    found = {
        "gen_ai.tool.call.arguments": span.arguments, "gen_ai.tool.call.result": span.result,
        "gen_ai.retrieval.query.text": span.query,
        "gen_ai.retrieval.documents": [_document(one) for one in span.documents] or None,
        "gen_ai.tool.definitions": [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema}
            for tool in span.tools
        ] or None,
    }  # fmt: skip
    for name, value in found.items():
        if value is not None:
            yield name, text(value)


def of_trace(trace: Trace) -> Named:
    """Yield what the span of a request itself says."""
    yield "convotrace.kind", "http" if trace.request is not None else "internal"
    yield from _some({
        "convotrace.turn": trace.turn, "input.value": trace.input.text, "output.value": trace.output.text,
        "http.request.method": trace.request and trace.request.method, "url.path": trace.request and trace.request.path,
        "http.route": trace.route, "http.response.status_code": trace.status_code,
        "network.protocol.name": None if trace.protocol in ("http", "none") else trace.protocol,
    })  # fmt: skip
    if trace.tags:
        yield "tag.tags", list(trace.tags)
    if trace.metadata:
        yield "metadata", text(dict(trace.metadata))


def none_span(_session: Session, _span: Span) -> Named:
    """Yield nothing beside the conventions' names."""
    yield from ()


def none_trace(_session: Session, _trace: Trace) -> Named:
    """Yield nothing beside the conventions' names."""
    yield from ()


def openinference_span(_session: Session, span: Span) -> Named:
    """Yield a span's attributes as OpenInference names them: Phoenix shows and groups by these."""
    yield "openinference.span.kind", _OPENINFERENCE_KINDS[span.kind]
    given, made = _given(span), _made(span)
    if span.kind != "generation":
        yield from _values(given, made)
    yield from _counts(span.usage, _OPENINFERENCE_USAGE)
    usage = span.usage
    if usage is not None and usage.input is not None and usage.output is not None:
        yield "llm.token_count.total", usage.input + usage.output
    yield from _some({
        "llm.model_name" if span.kind == "generation" else f"{span.kind}.model_name": span.model,
        "llm.provider": span.provider, "llm.cost.total": span.cost,
        "llm.invocation_parameters": text(dict(span.parameters)) if span.parameters else None,
        "tool.name": span.name if span.kind == "tool" else None,
    })  # fmt: skip
    if span.kind == "generation":
        yield from _messages("llm.input_messages", as_messages(span.input, "user"))
        yield from _messages("llm.output_messages", as_messages(span.output, "assistant"))
    for number, document in enumerate(span.documents):
        for field in ("id", "text", "score"):
            value = getattr(document, field)
            if value is not None:
                yield f"retrieval.documents.{number}.document.{'content' if field == 'text' else field}", value


def openinference_trace(_session: Session, _trace: Trace) -> Named:
    """Yield the kind of the span of a request; its texts are under the same names in the conventions."""
    yield "openinference.span.kind", "CHAIN"


def langfuse_span(session: Session, span: Span) -> Named:
    """Yield a span's attributes as Langfuse names them."""
    yield from _of_langfuse(session)
    kind = _LANGFUSE_KINDS.get(span.kind, "span")
    usage = dict(_counts(span.usage, _LANGFUSE_USAGE))
    first = None if span.first_token_ns is None else span.started_ns + span.first_token_ns
    given, made = _given(span), _made(span)
    yield from _some({
        "langfuse.observation.type": kind, "langfuse.observation.model.name": span.model,
        "langfuse.observation.input": None if given is None else text(given),
        "langfuse.observation.output": None if made is None else text(made),
        "langfuse.observation.model.parameters": text(dict(span.parameters)) if span.parameters else None,
        "langfuse.observation.usage_details": text(usage) if usage else None,
        "langfuse.observation.cost_details": None if span.cost is None else text({"total": span.cost}),
        "langfuse.observation.completion_start_time": None if first is None else f'"{_iso(first)}"',
        "langfuse.observation.level": "ERROR" if span.status == "error" else None,
        "langfuse.observation.status_message": span.error and span.error.message,
    })  # fmt: skip


def langfuse_trace(session: Session, trace: Trace) -> Named:
    """Yield what Langfuse shows of a turn as a whole."""
    yield from _of_langfuse(session)
    yield from _some({
        "langfuse.observation.type": "span", "langfuse.trace.name": trace.name or None,
        "langfuse.trace.input": trace.input.text, "langfuse.trace.output": trace.output.text,
        "langfuse.observation.input": trace.input.text, "langfuse.observation.output": trace.output.text,
        "langfuse.trace.tags": list(dict.fromkeys((*session.tags, *trace.tags))) or None,
        "langfuse.observation.level": "ERROR" if trace.error is not None else None,
    })  # fmt: skip


def _of_langfuse(session: Session) -> Named:
    yield from _some({
        "langfuse.session.id": session.id, "langfuse.user.id": session.user_id, "langfuse.release": session.release,
        "langfuse.environment": session.environment,
    })  # fmt: skip


def maxim_span(session: Session, _span: Span) -> Named:
    """Yield the session as Maxim names it."""
    yield "maxim-session-id", session.id
    if session.name:
        yield "maxim-session-name", session.name


def maxim_trace(session: Session, trace: Trace) -> Named:
    """Yield the session and the tags of a turn as Maxim names them."""
    yield from maxim_span(session, Span("", "", ""))
    if tags := dict.fromkeys((*session.tags, *trace.tags)):
        yield "maxim-trace-tags", text(dict.fromkeys(tags, "true"))


DIALECTS: Mapping[str, tuple[Callable[[Session, Span], Named], Callable[[Session, Trace], Named]]] = {
    "otel": (none_span, none_trace), "phoenix": (openinference_span, openinference_trace),
    "langfuse": (langfuse_span, langfuse_trace), "maxim": (maxim_span, maxim_trace),
}  # fmt: skip
"""What each dialect adds, to spans and to the span of a request."""


def text(value: Json) -> str:
    """Return a value as an attribute holds it: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else dump(value).decode()


def _some(found: Mapping[str, Json]) -> Named:
    return ((name, value) for name, value in found.items() if name and value is not None)


def _counts(usage: Usage | None, names: Mapping[str, str]) -> Named:
    for field, name in names.items() if usage is not None else ():
        count = getattr(usage, field)
        if count is not None:
            yield name, count


def _given(span: Span) -> Json:
    return next((value for value in (span.arguments, span.query, span.input) if value is not None), None)


def _made(span: Span) -> Json:
    documents = [_document(one) for one in span.documents] or None
    return next((value for value in (span.result, span.output, documents) if value is not None), None)


def _values(given: Json, made: Json) -> Named:
    for name, value in (("input", given), ("output", made)):
        if value is not None:
            yield f"{name}.value", text(value)
            yield f"{name}.mime_type", "text/plain" if isinstance(value, str) else "application/json"


def _messages(prefix: str, messages: Sequence[Any] | None) -> Named:
    for number, message in enumerate(messages or ()):
        start = f"{prefix}.{number}.message"
        yield f"{start}.role", str(message.get("role") or "user")
        said, calls = [], 0
        for part in message.get("parts") or ():
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind == "tool_call":
                yield from _call(f"{start}.tool_calls.{calls}.tool_call", part)
                calls += 1
            elif kind == "tool_call_response":
                said.append(text(part.get("response", part.get("result"))))
                yield from _some({f"{start}.tool_call_id": part.get("id")})
            elif kind == "text":
                said.append(text(part.get("content")))
        if said:
            yield f"{start}.content", "\n".join(said)


def _call(start: str, part: Mapping[str, Json]) -> Named:
    yield from _some({f"{start}.id": part.get("id"), f"{start}.function.name": part.get("name")})
    if part.get("arguments") is not None:
        yield f"{start}.function.arguments", text(part["arguments"])


def _document(it: Document) -> dict[str, Json]:
    plain = {"id": it.id, "score": it.score, "title": it.title, "url": it.url, "content": it.text}
    found: dict[str, Json] = {name: value for name, value in plain.items() if value is not None}
    return {**found, "metadata": dict(it.metadata)} if it.metadata else found


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
