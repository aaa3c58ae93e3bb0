"""Each dialect's names, a row each: what a span of that library says in our fields."""

import json

import pytest

from convotrace.dialects import read, session_of
from convotrace.dialects.events import refilled
from convotrace.model import Document, Event, ToolDefinition, Usage

NOTHING = object()


def text(role, content, **more):
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


def call(name, arguments, id="c1"):
    return {"type": "tool_call", "id": id, "name": name, "arguments": arguments}


CHAT = {"gen_ai.operation.name": "chat"}
LLM = {"openinference.span.kind": "LLM"}
ASKED = [{"role": "user", "content": "hi"}]
DIALECTS = {
    "OpenTelemetry": (
        {**CHAT, "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt", "gen_ai.response.model": "gpt-1",
         "gen_ai.request.temperature": 0.5, "gen_ai.request.stop_sequences": ["x"],
         "gen_ai.input.messages": [text("user", "hi")], "gen_ai.output.messages": [text("assistant", "yo")],
         "gen_ai.system_instructions": [{"type": "text", "content": "be kind"}],
         "gen_ai.tool.definitions": '[{"type": "function", "name": "find", "parameters": {"a": 1}}]',
         "gen_ai.response.finish_reasons": ["stop"], "gen_ai.response.time_to_first_chunk": 0.25,
         "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 4, "gen_ai.usage.cache_read.input_tokens": 3,
         "gen_ai.usage.cache_write.input_tokens": 2, "gen_ai.usage.reasoning.output_tokens": 1,
         "gen_ai.usage.audio.input_tokens": 5},
        {"provider": "openai", "model": "gpt-1", "parameters": {"temperature": 0.5, "stop_sequences": ["x"]},
         "input": [text("system", "be kind"), text("user", "hi")], "output": [text("assistant", "yo")],
         "tools": (ToolDefinition("find", None, {"a": 1}),), "finish_reason": "stop", "first_token_ns": 250_000_000,
         "usage": Usage(9, 4, 3, 2, 1, 5)},
    ),
    "OpenTelemetry, names of before": (
        {**CHAT, "gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": "9", "gen_ai.usage.completion_tokens": 4,
         "gen_ai.usage.cache_creation.input_tokens": 2},
        {"provider": "openai", "usage": Usage(9, 4, None, 2)},
    ),
    "a count that was not sent": ({**CHAT, "gen_ai.usage.input_tokens": None}, {"usage": NOTHING}),
    "OpenInference": (
        {**LLM, "llm.model_name": "gpt", "llm.provider": "azure", "llm.system": "openai",
         "llm.invocation_parameters": '{"temperature": 1, "model": "gpt"}', "llm.finish_reason": "stop",
         "llm.input_messages.0.message.role": "user",
         "llm.input_messages.0.message.contents.0.message_content.type": "text",
         "llm.input_messages.0.message.contents.0.message_content.text": "hi",
         "llm.input_messages.7.message.role": "tool", "llm.input_messages.7.message.content": "found",
         "llm.input_messages.7.message.tool_call_id": "c1",
         "llm.output_messages.0.message.role": "assistant",
         "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
         "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find",
         "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
         "llm.tools.0.tool.json_schema": '{"type": "function", "function": {"name": "find"}}',
         "llm.token_count.prompt": 9, "llm.token_count.completion": 4, "llm.token_count.prompt_details.cache_read": 3,
         "llm.token_count.completion_details.reasoning": 1, "llm.cost.total": 0.5, "tag.tags": ["a"],
         "metadata": '{"k": "v"}', "input.value": '{"messages": [], "seed": 1}', "output.value": "{}"},
        {"model": "gpt", "provider": "azure", "parameters": {"temperature": 1}, "finish_reason": "stop",
         "input": [text("user", "hi"),
                   {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "found"}]}],
         "output": [{"role": "assistant", "parts": [call("find", "{}")]}], "tools": (ToolDefinition("find"),),
         "usage": Usage(9, 4, 3, None, 1), "cost_nano": 500_000_000, "metadata": {"k": "v"}},
    ),
    "OpenInference, a retriever": (
        {"openinference.span.kind": "RETRIEVER", "input.value": "where", "retrieval.documents.0.document.id": "d",
         "retrieval.documents.0.document.content": "here", "retrieval.documents.0.document.score": 0.5,
         "retrieval.documents.0.document.metadata": '{"p": 1}', "output.value": "{}"},
        {"query": "where", "documents": (Document("d", "here", 0.5, metadata={"p": 1}),)},
    ),
    "OpenInference, a reranker": (
        {"openinference.span.kind": "RERANKER", "reranker.query": "q", "reranker.model_name": "r",
         "reranker.output_documents.0.document.content": "a"},
        {"query": "q", "model": "r", "documents": (Document(text="a"),)},
    ),
    "OpenInference, a tool": (
        {"openinference.span.kind": "TOOL", "tool.name": "find", "input.value": '{"q": 1}', "output.value": "none"},
        {"arguments": {"q": 1}, "result": "none", "usage": NOTHING},
    ),
    "OpenInference, an embedding": (
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e",
         "embedding.embeddings.0.embedding.text": "a",
         "embedding.embeddings.0.embedding.vector": [0.1] * 9, "llm.token_count.prompt": 2},
        {"model": "e", "input": "a", "output": NOTHING, "usage": Usage(2)},
    ),
    "OpenLLMetry": (
        {"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.response.model": "gpt",
         "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": '[{"type": "text", "text": "hi"}]',
         "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "yo",
         "gen_ai.completion.0.finish_reason": "stop", "llm.request.functions.0.name": "find",
         "llm.request.functions.0.parameters": '{"a": 1}', "gen_ai.usage.prompt_tokens": 9,
         "gen_ai.usage.cache_read_input_tokens": 3, "gen_ai.usage.reasoning_tokens": 1,
         "gen_ai.request.max_tokens": 7},
        {"model": "gpt", "input": [text("user", "hi")], "output": [text("assistant", "yo", finish_reason="stop")],
         "finish_reason": "stop", "tools": (ToolDefinition("find", None, {"a": 1}),),
         "usage": Usage(9, None, 3, None, 1), "parameters": {"max_tokens": 7}},
    ),
    "Traceloop, a tool": (
        {"traceloop.span.kind": "tool", "traceloop.entity.name": "find", "traceloop.entity.input": '{"q": 1}',
         "traceloop.entity.output": '{"a": 2}'},
        {"arguments": {"q": 1}, "result": {"a": 2}},
    ),
    "Traceloop, a workflow": (
        {"traceloop.span.kind": "workflow", "traceloop.entity.input": '{"inputs": {"q": 1}}'},
        {"input": {"inputs": {"q": 1}}},
    ),
    "Vercel AI SDK": (
        {"ai.operationId": "ai.streamText.doStream my-function", "ai.model.id": "gpt",
         "ai.model.provider": "openai.chat",
         "ai.prompt.messages": '[{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "tool", '
         '"content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "find", "output": {"type": "json", '
         '"value": [1]}}]}]', "ai.prompt.tools": ['{"name": "find", "inputSchema": {"a": 1}}'],
         "ai.response.text": "yo", "ai.response.toolCalls": '[{"toolCallId": "c1", "toolName": "find", "input": "{}"}]',
         "ai.response.finishReason": "stop", "ai.usage.inputTokens": 9, "ai.usage.outputTokens": 4,
         "ai.usage.cachedInputTokens": 3, "ai.usage.reasoningTokens": 1, "ai.settings.temperature": 0,
         "ai.response.msToFirstChunk": 12.5},
        {"model": "gpt", "provider": "openai.chat", "finish_reason": "stop", "usage": Usage(9, 4, 3, None, 1),
         "input": [text("user", "hi"),
                   {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": [1]}]}],
         "output": [{"role": "assistant", "parts": [{"type": "text", "content": "yo"}, call("find", "{}")]}],
         "tools": (ToolDefinition("find", None, {"a": 1}),), "parameters": {"temperature": 0},
         "first_token_ns": 12_500_000},
    ),
    "Vercel AI SDK 4": (
        {"ai.operationId": "ai.generateText.doGenerate", "ai.result.text": "yo", "ai.usage.promptTokens": 9,
         "ai.usage.completionTokens": 4, "ai.finishReason": "stop", "ai.prompt": '{"system": "be", "prompt": "hi"}'},
        {"output": [text("assistant", "yo")], "usage": Usage(9, 4), "finish_reason": "stop",
         "input": [text("system", "be"), text("user", "hi")]},
    ),
    "Vercel AI SDK, the span around": (
        {"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 9, "ai.prompt": '{"prompt": "hi"}'},
        {"usage": NOTHING, "input": {"prompt": "hi"}},
    ),
    "Vercel AI SDK, a tool": (
        {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "find", "ai.toolCall.id": "c1",
         "ai.toolCall.args": '{"q": 1}', "ai.toolCall.result": "[2]"},
        {"arguments": {"q": 1}, "result": [2], "call_id": "c1"},
    ),
    "Langfuse": (
        {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt",
         "langfuse.observation.input": '{"tools": [{"name": "find"}], "messages": [{"role": "user", "content": "hi"}]}',
         "langfuse.observation.output": "yo", "langfuse.observation.model.parameters": '{"temperature": 0}',
         "langfuse.observation.usage_details": '{"input": 6, "output": 3, "input_cache_read": 3, "output_reasoning": 1,'
         ' "total": 13}', "langfuse.observation.cost_details": '{"total": 0.25}',
         "langfuse.observation.completion_start_time": '"1970-01-01T00:00:01.500000Z"',
         "langfuse.observation.metadata.finish_reason": '"stop"', "langfuse.observation.metadata.k": '{"a": 1}'},
        {"model": "gpt", "input": [text("user", "hi")], "output": [text("assistant", "yo")],
         "tools": (ToolDefinition("find"),), "parameters": {"temperature": 0}, "usage": Usage(9, 4, 3, None, 1),
         "cost_nano": 250_000_000, "first_token_ns": 500_000_000, "finish_reason": "stop",
         "metadata": {"finish_reason": "stop", "k": {"a": 1}}},
    ),
    "Langfuse, a price of nothing": (
        {"langfuse.observation.type": "generation", "langfuse.observation.cost_details": '{"input": 0, "total": 0}'},
        {"cost_nano": NOTHING},
    ),
    "Logfire and pydantic-ai, an agent": (
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "model_name": "gpt",
         "gen_ai.aggregated_usage.input_tokens": 9, "gen_ai.usage.input_tokens": 9, "final_result": "yo",
         "pydantic_ai.all_messages": json.dumps([text("user", "hi"), text("assistant", "yo")]),
         "logfire.tags": ["a", "b"]},
        {"input": [text("user", "hi")], "output": [text("assistant", "yo")], "usage": NOTHING, "model": "gpt",
         "tags": ("a", "b")},
    ),
    "pydantic-ai of before": (
        {**CHAT, "events": json.dumps([
            {"event.name": "gen_ai.user.message", "role": "user", "content": "hi", "gen_ai.message.index": 0},
            {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "yo"}}]),
         "model_request_parameters": '{"function_tools": [{"name": "find", "parameters_json_schema": {"a": 1}}]}',
         "operation.cost": 0.5},
        {"input": [text("user", "hi")], "output": [text("assistant", "yo")], "cost_nano": 500_000_000,
         "tools": (ToolDefinition("find", None, {"a": 1}),)},
    ),
    "pydantic-ai, a tool": (
        {"gen_ai.tool.name": "find", "gen_ai.tool.call.id": "c1", "tool_arguments": '{"q": 1}', "tool_response": "x"},
        {"arguments": {"q": 1}, "result": "x", "call_id": "c1"},
    ),
    "LangSmith": (
        {"langsmith.span.kind": "llm", "langsmith.metadata.ls_model_name": "gpt",
         "langsmith.metadata.ls_provider": "openai", "gen_ai.prompt": json.dumps({"messages": ASKED}),
         "langsmith.span.tags": "a, b",
         "gen_ai.completion": '{"generations": [[{"text": "yo", "generation_info": {}, "message": {"lc": 1, "id": '
         '["langchain", "AIMessage"], "kwargs": {"content": "yo", "type": "ai"}}}]]}',
         "gen_ai.usage.input_tokens": 9, "langsmith.metadata.k": "v"},
        {"model": "gpt", "provider": "openai", "input": [text("user", "hi")], "output": [text("assistant", "yo")],
         "usage": Usage(9), "tags": ("a", "b"),
         "metadata": {"ls_model_name": "gpt", "ls_provider": "openai", "k": "v"}},
    ),
    "MLflow": (
        {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"gpt"', "mlflow.llm.provider": "openai",
         "mlflow.spanInputs": json.dumps({"messages": ASKED, "temperature": 0}),
         "mlflow.spanOutputs": '{"choices": [{"message": {"role": "assistant", "content": "yo"}, '
         '"finish_reason": "stop"}]}', "mlflow.chat.tools": '[{"type": "function", "function": {"name": "find"}}]',
         "mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 3}',
         "mlflow.llm.cost": '{"total_cost": 0.5}'},
        {"model": "gpt", "provider": "openai", "input": [text("user", "hi")], "finish_reason": "stop",
         "output": [text("assistant", "yo", finish_reason="stop")], "tools": (ToolDefinition("find"),),
         "usage": Usage(9, 4, 3), "cost_nano": 500_000_000},
    ),
    "MLflow, a retriever": (
        {"mlflow.spanType": "RETRIEVER", "mlflow.spanInputs": '"where"',
         "mlflow.spanOutputs": '[{"page_content": "here", "metadata": {"p": 1}, "id": "d"}]'},
        {"query": "where", "documents": (Document("d", "here", metadata={"p": 1}),)},
    ),
    "Anthropic's own parts": (
        {**CHAT, "gen_ai.input.messages": [
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"},
                                              {"type": "tool_use", "id": "c1", "name": "find", "input": {"q": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]}]},
        {"input": [
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, call("find", {"q": 1})]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "response": "x"}]}]},
    ),
    "Google's own parts": (
        {**CHAT, "gen_ai.prompt": json.dumps({"contents": [{"role": "model", "parts": [
            {"text": "hm"}, {"functionCall": {"name": "find", "args": {"q": 1}}}]}]}),
         "gen_ai.completion": '{"candidates": [{"content": {"role": "model", "parts": [{"text": "yo"}]}}]}'},
        {"input": [{"role": "assistant", "parts": [{"type": "text", "content": "hm"}, call("find", {"q": 1}, None)]}],
         "output": [text("assistant", "yo", finish_reason=None)]},
    ),
    "Google ADK": (
        {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini",
         "gcp.vertex.agent.llm_request": json.dumps({
             "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
             "config": {"system_instruction": "be kind",
                        "tools": [{"function_declarations": [{"name": "find", "parameters": {"a": 1}}]}]}}),
         "gcp.vertex.agent.llm_response": json.dumps({
             "content": {"role": "model", "parts": [{"text": "yo"}]},
             "usage_metadata": {"prompt_token_count": 9, "candidates_token_count": 3, "thoughts_token_count": 1}})},
        {"provider": "gcp.vertex.agent", "model": "gemini", "tools": (ToolDefinition("find", None, {"a": 1}),),
         "input": [text("system", "be kind"), text("user", "hi")], "output": [text("assistant", "yo")],
         "usage": Usage(9, 4, None, None, 1)},
    ),
    "Google ADK, a tool": (
        {"gen_ai.operation.name": "execute_tool", "gcp.vertex.agent.llm_request": "{}",
         "gcp.vertex.agent.tool_call_args": '{"a": 1}', "gcp.vertex.agent.tool_response": '{"b": 2}'},
        {"arguments": {"a": 1}, "result": {"b": 2}},
    ),
    "Genkit": (
        {"genkit:metadata:subtype": "model", "genkit:input": '{"messages": [{"role": "user", "content": [{"text": '
         '"hi"}]}]}', "genkit:output": '{"message": {"role": "model", "content": [{"text": "yo"}]}, "usage": '
         '{"inputTokens": 9, "outputTokens": 4}}'},
        {"input": [text("user", "hi")], "output": [text("assistant", "yo")], "usage": Usage(9, 4)},
    ),
    "LiveKit": (
        {"lk.input_text": "hi", "lk.response.text": "yo"}, {"input": "hi", "output": "yo"},
    ),
    "LiveKit, a tool": (
        {"lk.function_tool.name": "find", "lk.function_tool.arguments": '{"a": 1}', "lk.function_tool.output": "2"},
        {"arguments": {"a": 1}, "result": "2"},
    ),
    "VoltAgent": (
        {"span.type": "llm", "llm.messages": json.dumps(ASKED), "output": "yo", "usage.prompt_tokens": 9,
         "usage.completion_tokens": 4},
        {"input": [text("user", "hi")], "output": [text("assistant", "yo")], "usage": Usage(9, 4)},
    ),
    "AgentOps": (
        {"agentops.span.kind": "workflow", "agentops.entity.input": '"hi"', "agentops.entity.output": "yo"},
        {"input": "hi", "output": "yo"},
    ),
    "Haystack": (
        {"haystack.component.type": "OpenAIChatGenerator", "haystack.component.input": json.dumps({"messages": ASKED})},
        {"input": [text("user", "hi")]},
    ),
    "any-agent": (
        {"gen_ai.request.model": "m", "gen_ai.output": '[{"tool.name": "find", "tool.args": "{}"}]'},
        {"output": [{"role": "assistant", "parts": [call("find", "{}", None)]}]},
    ),
    "OpenLIT, a prompt in one text": (
        {**CHAT, "gen_ai.prompt": "developer: be kind\nuser: hi\nthere\nassistant: None\ntool: 3"},
        {"input": [text("system", "be kind"), text("user", "hi\nthere"), text("tool", "3")]},
    ),
    "Azure's agents": (
        {**CHAT, "gen_ai.input.messages": [{"role": "user", "content": {"text": {"value": "hi"}}}]},
        {"input": [text("user", "hi")]},
    ),
    "a span that is nothing in particular": (
        {"input": "3", "output": "4"}, {"input": NOTHING, "output": NOTHING},
    ),
    "LangChain's messages": (
        {**LLM, "input.value": json.dumps({"messages": [[
            {"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "hi", "type": "human"}},
            {"type": "ai", "data": {"content": "yo"}}, {"type": "system", "content": "be"}]]})},
        {"input": [text("user", "hi"), text("assistant", "yo"), text("system", "be")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_is_read(dialect):
    attributes, wanted = DIALECTS[dialect]
    found = read("span", attributes, started_ns=10**9).fields
    assert {name: found.get(name, NOTHING) for name in wanted} == wanted


KINDS = [
    ("gen_ai.operation.name", {"chat": "generation", "embeddings": "embedding", "retrieval": "retrieval",
        "execute_tool": "tool", "invoke_agent": "agent", "invoke_workflow": "chain", "text_completion": "generation"}),
    ("openinference.span.kind", {"LLM": "generation", "EMBEDDING": "embedding", "RETRIEVER": "retrieval",
        "RERANKER": "reranker", "TOOL": "tool", "AGENT": "agent", "CHAIN": "chain", "GUARDRAIL": "guardrail",
        "EVALUATOR": "evaluator", "UNKNOWN": "internal", "PROMPT": "chain"}),
    ("traceloop.span.kind", {"tool": "tool", "agent": "agent", "workflow": "chain", "task": "chain"}),
    ("llm.request.type", {"chat": "generation", "completion": "generation", "embedding": "embedding",
        "rerank": "reranker"}),
    ("langfuse.observation.type", {"generation": "generation", "span": "internal", "retriever": "retrieval",
        "tool": "tool", "agent": "agent", "chain": "chain", "guardrail": "guardrail", "evaluator": "evaluator",
        "embedding": "embedding", "event": "internal"}),
    ("mlflow.spanType", {"LLM": "generation", "CHAT_MODEL": "generation", "WORKFLOW": "chain", "PARSER": "chain",
        "RERANKER": "reranker", "UNKNOWN": "internal"}),
    ("langsmith.span.kind", {"llm": "generation", "retriever": "retrieval", "parser": "chain", "prompt": "chain"}),
    ("gen_ai.span.kind", {"LLM": "generation", "TASK": "chain", "RETRIEVER": "retrieval"}),
    ("genkit:metadata:subtype", {"model": "generation", "flow": "chain", "embedder": "embedding", "tool": "tool"}),
    ("operation.name", {"ai.embed.doEmbed my-function": "embedding", "GET /": "internal"}),
    ("haystack.component.type", {"InMemoryBM25Retriever": "retrieval", "PromptBuilder": "internal"}),
    ("llm.input_messages.0.message.role", {"user": "generation"}), ("entity.type", {"agent": "agent", "x": "internal"}),
    ("ai.operationId", {"ai.generateText": "chain", "ai.embed my-function": "chain", "ai.embed.doEmbed x": "embedding",
        "ai.streamObject.doStream": "generation", "ai.toolCall": "tool"}),
    ("mcp.method.name", {"tools/call": "tool", "tools/list": "internal"}),
    ("http.request.method", {"POST": "http"}), ("http.method", {"GET": "http"}),
    ("gen_ai.tool.name", {"find": "tool"}), ("gen_ai.request.model", {"gpt": "generation"}), ("x", {"y": "internal"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "word", "kind"), [(n, w, k) for n, kinds in KINDS for w, k in kinds.items()])
def test_the_kind_is_told_by_a_name(name, word, kind):
    assert read("span", {name: word}).kind == kind


def test_an_operation_says_more_than_what_carries_it():
    assert read("POST", {**CHAT, "http.request.method": "POST"}).kind == "generation"
    assert read("x", {"langfuse.observation.type": "span", "openinference.span.kind": "AGENT"}).kind == "agent"
    assert read("x", {"langfuse.observation.type": "generation", "ai.operationId": "ai.generateText"}).kind == "chain"


SESSIONS = [
    ({"session.id": "a", "langfuse.session.id": "b", "gen_ai.conversation.id": "c"}, "a", "session.id"),
    ({"langfuse.session.id": "b", "mlflow.trace.session": "m"}, "b", "langfuse.session.id"),
    ({"traceloop.association.properties.session_id": "t"}, "t", "traceloop.association.properties.session_id"),
    ({"mlflow.trace.session": '"m"'}, "m", "mlflow.trace.session"),
    ({"langsmith.metadata.thread_id": "l", "langsmith.trace.session_id": "p"}, "l", "langsmith.metadata.thread_id"),
    ({"ai.telemetry.metadata.sessionId": "v", "gen_ai.conversation.id": "c"}, "v", "ai.telemetry.metadata.sessionId"),
    ({"metadata": '{"thread_id": "o"}', "gen_ai.conversation.id": "c"}, "o", "metadata.thread_id"),
    ({"metadata": {"session_id": 7}}, "7", "metadata.session_id"),
    ({"maxim.session_id": "x"}, "x", "maxim.session_id"),
    ({"gcp.vertex.agent.session_id": "g", "gen_ai.conversation.id": "c"}, "g", "gcp.vertex.agent.session_id"),
    ({"spring.ai.chat.client.conversation.id": "s"}, "s", "spring.ai.chat.client.conversation.id"),
    ({"thread_id": 140, "thread.id": 7}, None, None),
    ({"session.id": "[Scrubbed due to 'session']", "gen_ai.conversation.id": "c"}, "c", "gen_ai.conversation.id"),
    ({"session.id": "***", "langfuse.session.id": ""}, None, None),
    ({"langsmith.trace.session_name": "project", "session.id": True}, None, None),
    ({"session.id": "[redacted] is part of my title"}, "[redacted] is part of my title", "session.id"),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "id", "name"), SESSIONS)
def test_the_session_is_what_the_application_named(attributes, id, name):
    said = read("span", attributes).session
    assert (said.id, said.name) == (id, name) if id else said is None


def test_a_more_certain_word_has_a_lower_rank_and_the_resource_says_least():
    names = ["session.id", "langfuse.session.id", "maxim.session_id", "gen_ai.conversation.id"]
    ranks = [session_of({name: "x"}).rank for name in names]
    ranks.append(session_of({}, {"session.id": "x"}).rank)
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    "name", ["user.id", "langfuse.user.id", "enduser.id", "traceloop.association.properties.user_id", "llm.user",
             "mlflow.trace.user", "ai.telemetry.metadata.userId"],
)  # fmt: skip
def test_the_user_is_read(name):
    assert read("span", {name: "ann"}).user_id == "ann"
    assert read("span", {name: "[Scrubbed due to 'user']"}).user_id is None


def test_tags_metadata_and_names_of_all_the_trace_are_read():
    found = read("span", {
        "langfuse.trace.tags": '["a"]', "tag.tags": ["b", "a"], "langfuse.trace.name": "ask", "session.name": "help",
        "langfuse.trace.metadata.k": '{"x": 1}', "traceloop.association.properties.plan": "pro",
        "traceloop.association.properties.user_id": "ann", "ai.telemetry.metadata.shop": 3,
    })  # fmt: skip
    assert (found.tags, found.trace_name, found.session_name) == (("a", "b"), "ask", "help")
    assert found.metadata == {"k": {"x": 1}, "plan": "pro", "shop": 3}


HTTP = [
    ({"http.request.method": "POST", "http.route": "/a/{b}", "url.path": "/a/1", "http.response.status_code": 201},
     {"method": "POST", "route": "/a/{b}", "path": "/a/1", "status_code": 201}),
    ({"http.method": "GET", "http.target": "/a?b", "http.status_code": "404"},
     {"method": "GET", "path": "/a?b", "status_code": 404}),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "facts"), HTTP)
def test_http_facts_are_read_under_old_and_new_names(attributes, facts):
    assert read("span", attributes).http == facts


def test_raw_attributes_stay_but_for_messages_and_vectors():
    attributes = {**CHAT, "gen_ai.input.messages": json.dumps(ASKED), "gen_ai.request.model": "gpt", "own": [1, 2],
                  "input.value": json.dumps({"messages": ASKED, "seed": 1}), "numbers": [0.5] * 300,
                  "embedding.embeddings.0.embedding.vector": "[1, 2, 3]"}  # fmt: skip
    assert read("span", attributes).attributes == {
        **CHAT, "gen_ai.request.model": "gpt", "own": [1, 2], "numbers": "[300 numbers left out]",
        "embedding.embeddings.0.embedding.vector": "[3 left out]",
    }  # fmt: skip


def event(name, at=0, **attributes):
    return Event(name, at, None, {key.replace("__", "."): value for key, value in attributes.items()})


def test_old_span_events_give_a_call_its_messages_once():
    events = [
        event("gen_ai.system.message", 1, content="be kind"), event("gen_ai.user.message", 2, content="hi"),
        event("gen_ai.assistant.message", 3, tool_calls='[{"id": "c1", "function": {"name": "find"}}]'),
        event("gen_ai.tool.message", 4, content="x", id="c1"),
        event("gen_ai.choice", 5, index=0, finish_reason="stop", message='{"role": "assistant", "content": "yo"}'),
    ]  # fmt: skip
    found = read("chat", {}, events)
    assert found.kind == "generation"
    assert [message["role"] for message in found.fields["input"]] == ["system", "user", "assistant", "tool"]
    assert found.fields["output"] == [text("assistant", "yo", finish_reason="stop")]
    assert found.fields["finish_reason"] == "stop"
    assert [one.name for one in found.events] == [one.name for one in events]
    assert "be kind" not in repr(found.events)


def test_what_a_library_calls_its_run_says_more_than_an_operation():
    prompt = {"gen_ai.operation.name": "chat", "langsmith.span.kind": "prompt"}
    assert (read("x", prompt).kind, read("x", CHAT).kind) == ("chain", "generation")


def test_the_details_of_an_inference_alone_make_a_model_call():
    said = {"gen_ai.output.messages": '[{"role": "assistant"}]'}
    details = event("gen_ai.client.inference.operation.details", **said)
    assert read("x", {}, [details]).kind == "generation"


@pytest.mark.parametrize(("attributes", "cost"), [
    ({"gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": "0.5"}, 750_000_000),
    ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5, "llm.cost.total": 1}, 1_000_000_000),
    ({"gen_ai.cost.input_cost": 0, "gen_ai.cost.output_cost": 0}, None),
])  # fmt: skip
def test_a_cost_of_which_only_parts_were_sent_is_their_sum(attributes, cost):
    assert read("x", {**CHAT, **attributes}).fields.get("cost_nano") == cost


def test_counts_in_a_reply_are_read_only_where_nothing_else_counts():
    reply = {"output.value": '{"usage": {"prompt_tokens": 9, "completion_tokens": 4}, "choices": []}'}
    assert read("x", {**LLM, **reply}).fields["usage"] == Usage(9, 4)
    assert read("x", {**LLM, **reply, "llm.token_count.prompt": 3}).fields["usage"] == Usage(3)
    assert "usage" not in read("x", {"openinference.span.kind": "CHAIN", **reply}).fields


def test_older_content_events_are_read():
    events = [
        event("gen_ai.content.prompt", gen_ai__prompt=json.dumps(ASKED)),
        event("gen_ai.content.completion", gen_ai__completion='[{"role": "assistant", "content": "yo"}]'),
    ]
    found = read("chat", CHAT, events).fields
    assert (found["input"], found["output"]) == ([text("user", "hi")], [text("assistant", "yo")])


def test_the_first_token_is_marked_by_an_event():
    assert read("x", LLM, [event("First Token Stream Event", 700)], started_ns=500).fields["first_token_ns"] == 200
    assert "first_token_ns" not in read("x", LLM, [event("First Token Stream Event", 700)]).fields


def test_documents_of_a_vector_store_come_as_events():
    found = read("query", {"db.system": "chroma"}, [
        event("db.query.result", db__query__result__id="d", db__query__result__document="a",
              db__query__result__distance=0.5),
    ])  # fmt: skip
    assert (found.kind, found.fields["documents"]) == ("retrieval", (Document("d", "a", 0.5),))


@pytest.mark.parametrize(("name", "attributes", "hidden"), [
    ("x", {"logfire.span_type": "pending_span"}, True), ("POST /a http send", {"asgi.event.type": "http.x"}, True),
    ("GET /a websocket receive", {}, True), ("POST /a", {"http.request.method": "POST"}, False),
])  # fmt: skip
def test_doubles_and_spans_of_single_messages_are_hidden(name, attributes, hidden):
    assert read(name, attributes, scope="lib").hidden is hidden


PLACES = [[[], False, []], [{}, 0, 1], ["input", -9, None], ["input", 0, "1"], ["input", "0", 1]]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_a_sender_made_up_is_left_as_it_is(place):
    event = Event("gen_ai.choice", 1, None, {"gen_ai.message.place": place})
    assert refilled((event,), [{"role": "user"}], []) == (event,)
