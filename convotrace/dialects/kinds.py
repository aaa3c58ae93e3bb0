"""What kind of work a span is, by the first sign that says so: a table of names, then what the span carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from convotrace.dialects.names import Rows, told
from convotrace.dialects.values import as_word
from convotrace.model import SPAN_KINDS, Json

_Told = TypeVar("_Told")

_OPERATIONS = {
    "chat": "generation", "generate_content": "generation", "text_completion": "generation", "completion": "generation",
    "embeddings": "embedding", "embedding": "embedding", "retrieval": "retrieval", "search_memory": "retrieval",
    "rerank": "reranker", "execute_tool": "tool", "invoke_agent": "agent", "create_agent": "agent", "plan": "agent",
    "invoke_workflow": "chain", "fetch_response": "internal",
}  # fmt: skip
_WORDS = {
    "llm": "generation", "chat_model": "generation", "generation": "generation", "completion": "generation",
    "embedding": "embedding", "retriever": "retrieval", "retrieval": "retrieval", "reranker": "reranker",
    "rerank": "reranker", "tool": "tool", "agent": "agent", "chain": "chain", "workflow": "chain", "task": "chain",
    "parser": "chain", "prompt": "chain", "decision": "chain", "guardrail": "guardrail", "evaluator": "evaluator",
    "memory": "internal", "chat": "generation", "model": "generation", "embedder": "embedding", "flow": "chain",
    "operation": "chain", "crew": "chain", "step": "chain",
}  # fmt: skip
# The Vercel AI SDK appends a function's id to its operations: longest first, matched as prefixes.
_AI_SDK = (
    ("ai.generateText.doGenerate", "generation"), ("ai.generateObject.doGenerate", "generation"),
    ("ai.streamObject.doStream", "generation"), ("ai.streamText.doStream", "generation"),
    ("ai.embedMany.doEmbed", "embedding"), ("ai.embed.doEmbed", "embedding"), ("ai.rerank.doRerank", "reranker"),
    ("ai.toolCall", "tool"), ("ai.", "chain"),
)  # fmt: skip

_HAYSTACK = (
    ("Generator", "generation"), ("Retriever", "retrieval"), ("Embedder", "embedding"), ("Ranker", "reranker"),
    ("ToolInvoker", "tool"), ("Agent", "agent"),
)  # fmt: skip

_KINDS = Rows[tuple[str, Mapping[str, str]]](
    (
        ("convotrace.kind", {kind: kind for kind in SPAN_KINDS}),
        ("openinference.span.kind", _WORDS),
        ("langsmith.span.kind", _WORDS),
        ("gen_ai.operation.name", _OPERATIONS),
        ("ai.operationId", {}),
        ("traceloop.span.kind", _WORDS),
        ("llm.request.type", _WORDS),
        ("mlflow.spanType", _WORDS),
        ("langfuse.observation.type", _WORDS),
        ("gen_ai.span.kind", _WORDS),
        ("agentops.span.kind", _WORDS),
        ("genkit:metadata:subtype", _WORDS),
        ("operation.name", {}),
        ("span.type", _WORDS),
        ("entity.type", _WORDS),
    )
)
_SIGNS = Rows[tuple[str, str]]((
    ("gen_ai.tool.name", "tool"), ("tool.name", "tool"), ("ai.toolCall.name", "tool"),
    ("lk.function_tool.name", "tool"), ("lk.function_tool.output", "tool"), ("spring.ai.tool.definition.name", "tool"),
    ("retrieval.documents.0.document.content", "retrieval"), ("gen_ai.retrieval.query.text", "retrieval"),
    ("reranker.query", "reranker"), ("embedding.model_name", "embedding"),
    ("gen_ai.agent.name", "agent"), ("agent_name", "agent"), ("agent.name", "agent"),
    ("gen_ai.request.model", "generation"), ("gen_ai.response.model", "generation"), ("llm.model_name", "generation"),
    ("llm.request.model_name", "generation"), ("mlflow.llm.model", "generation"),
    ("llm.input_messages.0.message.role", "generation"), ("llm.output_messages.0.message.role", "generation"),
    ("gen_ai.prompt.0.role", "generation"), ("gen_ai.completion.0.role", "generation"),
    ("http.request.method", "http"), ("http.method", "http"),
))  # fmt: skip

_TELLING = frozenset({
    *(key for key, _words in _KINDS), *(key for key, _kind in _SIGNS),
    "mcp.method.name", "db.vector.query.top_k", "haystack.component.type",
})  # fmt: skip


def tell_kind(names: tuple[str, ...]) -> bool:
    """Tell whether attributes of these names may say what kind of work a span is."""
    return not _TELLING.isdisjoint(names)


def kind_by_name(name: str) -> str:
    """Return the kind of a span whose attributes say nothing of it."""
    return "retrieval" if name.endswith(".query.vector") else "internal"


def kind_of(name: str, attributes: Mapping[str, Json]) -> str:
    """Return which of our kinds a span is of.

    Args:
        name: Its name; MCP clients and vector stores say their operation only there.
        attributes: What it carries; an operation says more than a tool's name, and that more than a model's.
    """
    if attributes.get("mcp.method.name") == "tools/call":
        return "tool"
    for key, words in told(attributes, _among, _KINDS):
        word = attributes[key]
        if isinstance(word, str) and (kind := _kind(key, word, words)) is not None:
            return kind
    for key, sign in told(attributes, _among, _SIGNS):
        if as_word(attributes[key]) is not None:
            # A model's or a tool's call over HTTP is that call, and an agent that names its model an agent.
            return sign
    if "db.vector.query.top_k" in attributes or name.endswith(".query.vector"):
        return "retrieval"
    component = as_word(attributes.get("haystack.component.type")) or ""
    return next((kind for suffix, kind in _HAYSTACK if component.endswith(suffix)), "internal")


def _among(names: tuple[str, ...], rows: Rows[tuple[str, _Told]]) -> tuple[tuple[str, _Told], ...]:
    return tuple(row for row in rows if row[0] in names)


def _kind(key: str, word: str, words: Mapping[str, str]) -> str | None:
    if key in ("ai.operationId", "operation.name"):
        return next((kind for prefix, kind in _AI_SDK if word.startswith(prefix)), None)
    return words.get(word.strip('"').lower())
