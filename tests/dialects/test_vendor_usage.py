"""Token counts as vendors write them: one record, whatever a vendor counts as input and as output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.dialects.vendor_usage import vendor_usage
from convotrace.model import Usage

VENDORS = {
    "openai chat": (
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
         "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
         "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 2}},
        Usage(9, 5, 4, None, 2, 3),
    ),
    "openai responses": (
        {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
         "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14},
        Usage(9, 5, 4, 3, 2),
    ),
    "anthropic": (
        {"input_tokens": 9, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5,
         "cache_creation": {"ephemeral_5m_input_tokens": 3}},
        Usage(16, 5, 4, 3),
    ),
    "a gateway with the names of both": (
        {"prompt_tokens": 16, "completion_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4},
        Usage(16, 5, 4, 3),
    ),
    "bedrock": (
        {"inputTokens": 9, "outputTokens": 5, "totalTokens": 21, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3},
        Usage(16, 5, 4, 3),
    ),
    "one whose total says that cached tokens are in it": (
        {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14, "cacheReadInputTokens": 4}, Usage(9, 5, 4)
    ),
    "bedrock invoke": ({"inputTokenCount": 9, "outputTokenCount": 5, "invocationLatency": 99}, Usage(9, 5)),
    "gemini": (
        {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "cachedContentTokenCount": 4,
         "toolUsePromptTokenCount": 10, "totalTokenCount": 26,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}, {"modality": "AUDIO", "tokenCount": 3}]},
        Usage(19, 7, 4, None, 2, 3),
    ),
    "gemini that only thought": ({"promptTokenCount": 9, "thoughtsTokenCount": 2}, Usage(9, 2, reasoning=2)),
    "gemini interactions": (
        {"total_input_tokens": 9, "total_output_tokens": 5, "total_thought_tokens": 2, "total_cached_tokens": 0,
         "total_tokens": 16},
        Usage(9, 7, 0, None, 2),
    ),
    "xai": (
        {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 30,
         "completion_tokens_details": {"reasoning_tokens": 20}},
        Usage(9, 21, reasoning=20),
    ),
    "cohere": (
        {"billed_units": {"input_tokens": 1, "output_tokens": 2}, "tokens": {"input_tokens": 9, "output_tokens": 5},
         "cached_tokens": 4},
        Usage(9, 5, 4),
    ),
    "cohere with what it bills alone": ({"billed_units": {"input_tokens": 1, "output_tokens": 2}}, Usage(1, 2)),
    "deepseek": (
        {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
        Usage(9, 5, 4),
    ),
    "mistral": ({"prompt_tokens": 9, "completion_tokens": 5, "num_cached_tokens": 4}, Usage(9, 5, 4)),
    "ollama": ({"prompt_eval_count": 9, "eval_count": 5}, Usage(9, 5)),
    "llama.cpp": ({"tokens_evaluated": 9, "tokens_predicted": 5}, Usage(9, 5)),
    "tgi": ({"input_length": 9, "generated_tokens": 5}, Usage(9, 5)),
    "watsonx": ({"input_token_count": 9, "generated_token_count": 5}, Usage(9, 5)),
    "langchain": (
        {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14,
         "input_token_details": {"cache_read": 4, "cache_creation": 3}, "output_token_details": {"reasoning": 2}},
        Usage(9, 5, 4, 3, 2),
    ),
    "ai sdk 5": (
        {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14, "cachedInputTokens": 4, "reasoningTokens": 2},
        Usage(9, 5, 4, None, 2),
    ),
    "ai sdk 6": (
        {"inputTokens": {"total": 9, "noCache": 5, "cacheRead": 4}, "outputTokens": {"total": 5, "reasoning": 2}},
        Usage(9, 5, 4, None, 2),
    ),
    "ag-ui": ({"inputTokens": 9, "outputTokens": 5, "model": "m"}, Usage(9, 5)),
}  # fmt: skip


@pytest.mark.parametrize(("usage", "counts"), VENDORS.values(), ids=VENDORS)
def test_a_vendors_counts_become_ours(usage, counts):
    assert vendor_usage(usage) == counts


@pytest.mark.parametrize("usage", [None, {}, {"cost": 0.1}, {"input_tokens": None}, {"input_tokens": "9"}])
def test_what_a_vendor_does_not_tell_is_unknown(usage):
    assert vendor_usage(usage) is None


names = st.sampled_from(
    ["prompt_tokens", "input_tokens", "inputTokens", "tokens", "details", "prompt_tokens_details", "total", "cacheRead",
     "promptTokensDetails", "audio_tokens", "thoughtsTokenCount", "modality", "tokenCount", "total_tokens",
     "cache_read_input_tokens", "reasoning_tokens", "billed_units"]
)  # fmt: skip
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
)


@given(st.dictionaries(names, shapes, max_size=6))
def test_no_shape_raises_and_no_count_is_negative(usage):
    found = vendor_usage(usage)
    counts = () if found is None else (found.input, found.output, found.cached_read, found.reasoning, found.audio)
    assert all(count is None or count >= 0 for count in counts)
