"""What a reply's wire format tells of the model call behind it, put into the finished record of its trace.

The app's own generation spans know more: where there is one, nothing is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson

from convotrace.dialects.messages import as_nano
from convotrace.dialects.vendor_usage import vendor_usage
from convotrace.exchange import Exchange, ToolCall
from convotrace.insight.echo import ECHO
from convotrace.insight.totals import totals
from convotrace.model import Failure, Json, Span, Trace
from convotrace.pricing import Prices
from convotrace.redaction import Redactor

_WORD = (1 << 64) - 1
_ENDS = {"ok": "ok", "running": "running"}
# Dialects that one vendor alone speaks; those of OpenAI are spoken by dozens.
_PROVIDERS = {
    "anthropic-messages": "anthropic", "anthropic-complete": "anthropic", "gemini": "gcp.gemini",
    "gemini-interactions": "gcp.gemini", "cohere-v1": "cohere", "cohere-v2": "cohere", "bedrock-agent": "aws.bedrock",
    "bedrock-converse": "aws.bedrock", "bedrock-invoke": "aws.bedrock", "openai-assistants": "openai",
    "ollama-chat": "ollama", "ollama-generate": "ollama", "aleph-alpha": "aleph_alpha", "watsonx": "ibm.watsonx.ai",
    "replicate": "replicate",
}  # fmt: skip


def tells_of_model(exchange: Exchange) -> bool:
    """Tell whether a reply in a known dialect says more of a model call than a text."""
    if exchange.dialect is None:
        return False
    told = (exchange.usage, exchange.tool_calls, exchange.reasoning, exchange.refusal, exchange.finish_reason)
    return any(told) or exchange.model is not None


def with_reply(trace: Trace, exchange: Exchange, content: bool, redactor: Redactor, prices: Prices) -> Trace:
    """Return a trace with the error that its reply tells of, and a generation span made from it where there is none.

    Args:
        trace: The record as everything else made it.
        exchange: Both bodies.
        content: Whether texts may be kept.
        redactor: Takes out what must not be stored.
        prices: What a call costs where its reply does not say so.
    """
    failure = _failure(exchange)
    if failure is not None and trace.status in ("ok", "error") and trace.error is None:
        trace = replace(trace, status="error", error=failure, errors=max(1, trace.errors))
    if not tells_of_model(exchange) or any(span.kind == "generation" for span in trace.spans):
        return trace
    made = _span(trace, exchange, failure, redactor.clean(_messages(exchange)) if content else None)
    if made.cost_nano is None:
        made = replace(made, cost_nano=prices.cost(made.provider, made.model, made.usage, made.started_ns))
    spans = (*trace.spans, made)
    return replace(trace, spans=spans, **totals(spans))


def _failure(exchange: Exchange) -> Failure | None:
    if exchange.error is None or exchange.error_type is None:
        return None
    return Failure(exchange.error_type, exchange.error)


def _span(trace: Trace, exchange: Exchange, failure: Failure | None, output: Json) -> Span:
    usage = exchange.usage or {}
    whole = int(trace.id, 16)
    return Span(
        # The same each time the trace is written.
        id=f"{(whole ^ whole >> 64) & _WORD or 1:016x}",
        trace_id=trace.id,
        name=exchange.dialect or "",
        kind="generation",
        service=trace.service,
        status="error" if failure is not None else _ENDS.get(trace.status, "cancelled"),
        error=failure,
        started_ns=trace.started_ns,
        duration_ns=trace.duration_ns,
        model=exchange.model,
        provider=_PROVIDERS.get(exchange.dialect or ""),
        output=output,
        usage=vendor_usage(usage),
        cost_nano=as_nano(usage.get("cost")),
        finish_reason=exchange.finish_reason,
        # Of one chunk nobody knows when its first token was there.
        first_token_ns=trace.first_byte_ns if (trace.chunks or 0) > 1 else None,
        attributes={ECHO: "reply"},
    )


def _messages(exchange: Exchange) -> list[Json]:
    return [{"role": "assistant", "parts": list(_parts(exchange))}]


def _parts(exchange: Exchange) -> Iterator[Json]:
    texts = {"reasoning": exchange.reasoning, "text": exchange.reply.text, "refusal": exchange.refusal}
    for kind, text in texts.items():
        if text:
            yield {"type": kind, "content": text}
    for call in exchange.tool_calls:
        yield _call(call)


def _call(call: ToolCall) -> Json:
    kind = "tool_call" if call.kind in (None, "function_call") else "server_tool_call"
    known = {"type": kind, "id": call.id, "name": call.name, "arguments": _value(call.arguments)}
    return {name: value for name, value in known.items() if value is not None}


def _value(arguments: str) -> Json:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
