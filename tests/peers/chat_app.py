"""A small app of a real model client, asked once; prints what convotrace and the SDK's exporter have of it.

Run in a process of its own: `chat_app.py CLIENT FORM UPSTREAM`, with FORM `two-line` or `one-argument`.
"""

import json
import os
import sys

CLIENT, FORM, UPSTREAM = sys.argv[1:4]
KEY = "not-a-key"
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
         for name in ("get_country", "get_product_name")]  # fmt: skip


def sdk():
    """Configure the SDK where it is installed; return its exporter."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    except ImportError:
        return None
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


exporter = None if os.environ.get("BARE") else sdk()

from fastapi import FastAPI  # noqa: E402

from convotrace_fastapi import ConvoTrace  # noqa: E402

app = FastAPI()
ct = ConvoTrace(app, instrument="installed") if FORM == "one-argument" else ConvoTrace(app)


async def ask_openai(message):
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=f"{UPSTREAM}/v1", max_retries=0)
    asked, text = [{"role": "user", "content": message}], ""
    for _ in range(2):
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=asked, tools=TOOLS, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    return text


async def ask_anthropic(message):
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(api_key=KEY, base_url=UPSTREAM, max_retries=0)
    asked = [{"role": "user", "content": message}]
    async with client.messages.stream(model="claude-sonnet-4-5", max_tokens=50, messages=asked) as stream:
        return "".join([text async for text in stream.text_stream])


async def ask_langchain(message):
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4o", api_key=KEY, base_url=f"{UPSTREAM}/v1", max_retries=0, stream_usage=True)
    text = ""
    for _ in range(2):
        async for chunk in model.bind_tools(TOOLS).astream(message):
            text += chunk.content if isinstance(chunk.content, str) else ""
    return text


async def ask_pydantic_ai(message):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel("gpt-4o", provider=OpenAIProvider(base_url=f"{UPSTREAM}/v1", api_key=KEY)))

    @agent.tool_plain
    def get_country() -> str:
        return "Mexico"

    @agent.tool_plain
    def get_product_name() -> str:
        return "Pydantic AI"

    async with agent.run_stream(message) as result:
        return await result.get_output()


@app.post("/chat")
async def chat(body: dict) -> dict:
    return {"reply": await globals()["ask_" + CLIENT.replace("-", "_")](body["message"])}


from starlette.testclient import TestClient  # noqa: E402

answer = TestClient(app).post("/chat", json={"message": "hello"}, headers={"X-Session-ID": "s"})
spans = [] if exporter is None else exporter.get_finished_spans()
(turn,) = ct.store.session("s").traces
print(json.dumps({
    "answer": [answer.status_code, answer.json()],
    "turn": [turn.id, turn.span_id, turn.parent_id, turn.input.text, turn.output.text],
    "totals": [turn.input_tokens, turn.output_tokens, turn.cost_nano],
    "spans": [{
        "id": span.id, "parent": span.parent_id, "kind": span.kind, "name": span.name, "model": span.model,
        "input": span.input, "output": span.output, "result": span.result, "origin": span.origin,
        "usage": None if span.usage is None else [span.usage.input, span.usage.output], "cost": span.cost_nano,
        "tools": [tool.name for tool in span.tools], "finish": span.finish_reason, "status": span.status,
    } for span in turn.spans],
    "exported": [{
        "id": f"{span.context.span_id:016x}", "trace": f"{span.context.trace_id:032x}", "kind": span.kind.name,
        "name": span.name, "parent": None if span.parent is None else f"{span.parent.span_id:016x}",
    } for span in spans],
    "mode": ct.health()["opentelemetry"],
}))  # fmt: skip
