"""The names of OpenTelemetry's GenAI conventions that we write ourselves, by the kinds and fields of our spans.

Source: https://github.com/open-telemetry/semantic-conventions-genai. The names that others write stand in `table`.
"""

OPERATIONS = {
    "generation": "chat", "embedding": "embeddings", "retrieval": "retrieval", "tool": "execute_tool",
    "agent": "invoke_agent", "chain": "invoke_workflow",
}  # fmt: skip
"""`gen_ai.operation.name` of a kind of span."""
CALLED = {"tool": "gen_ai.tool.name", "agent": "gen_ai.agent.name", "chain": "gen_ai.workflow.name"}
"""Under which name the name of a span stands once more."""
USAGE = {
    "input": "gen_ai.usage.input_tokens", "output": "gen_ai.usage.output_tokens",
    "cached_read": "gen_ai.usage.cache_read.input_tokens", "cached_write": "gen_ai.usage.cache_write.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens", "audio": "gen_ai.usage.audio.input_tokens",
}  # fmt: skip
"""Counts of `model.Usage`."""
