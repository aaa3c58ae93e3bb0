"""The five steps as `opentelemetry.trace` is told them, by the names of the GenAI conventions."""

from __future__ import annotations

import json
from typing import Any

from tests.benchmarks.subjects import work


def by_tracer(tracer: Any, number: int, session: str, message: str) -> None:
    """Take the five steps, each told to a tracer."""
    span = tracer.start_as_current_span
    with span("plan", attributes={"gen_ai.operation.name": "invoke_agent", **work.PLAN}):
        with span(
            "articles", attributes={"openinference.span.kind": "RETRIEVER", "input.value": message, **work.SEARCH}
        ) as found:
            found.set_attribute("retrieval.documents.0.document.content", work.DOCUMENT)
        with span(
            "chat", attributes={**_ASKED, "gen_ai.input.messages": _messages("user", work.prompt(number))}
        ) as call:
            call.set_attribute("gen_ai.output.messages", _messages("assistant", work.completion(number)))
            call.set_attribute("gen_ai.usage.input_tokens", 512)
            call.set_attribute("gen_ai.usage.output_tokens", 256)
        with span("lookup", attributes={**_TOOL, "gen_ai.tool.call.arguments": f'{{"order": {number}}}'}) as tool:
            tool.set_attribute("gen_ai.tool.call.result", '{"state": "sent"}')
        with span("format", attributes=work.FORMAT):
            pass


_ASKED = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 512,
}  # fmt: skip
_TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup", **work.TOOL}


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
