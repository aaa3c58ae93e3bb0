"""The ways to write a model's name, and that none of them leads into another family."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Usage
from convotrace.pricing import Prices
from convotrace.pricing.table import shipped

NOW = 1_795_600_000 * 10**9
ONCE = Usage(input=100_000, output=100_000)
SHIPPED = Prices.of()

SAME = {
    # A name somebody writes, with the provider where it is told, and the model whose price it has.
    ("openai", "gpt-4.1-mini-2025-04-14"): "gpt-4.1-mini",
    (None, "openai/gpt-4.1-mini"): "gpt-4.1-mini",
    ("openai.responses", "gpt-5"): "gpt-5",
    ("azure.ai.openai", "gpt-4o-2024-08-06"): "gpt-4o-2024-08-06",
    (None, "azure/gpt-35-turbo"): "gpt-3.5-turbo",
    ("azure-openai.chat", "gpt-4.1"): "gpt-4.1",
    (None, "GPT-4o-Mini"): "gpt-4o-mini",
    ("anthropic", "claude-sonnet-4-20250514"): "claude-sonnet-4",
    ("anthropic.messages", "claude-3-5-sonnet-latest"): "claude-3-5-sonnet",
    ("openrouter", "anthropic/claude-3.5-sonnet:beta"): "claude-3-5-sonnet",
    ("aws.bedrock", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"): "claude-3-7-sonnet",
    ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0"): "claude-3-haiku",
    (None, "bedrock/eu.anthropic.claude-3-5-sonnet-20241022-v2:0"): "claude-3-5-sonnet",
    (None, "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-opus-20240229-v1:0"): "claude-3-opus",
    (None, "global.anthropic.claude-haiku-4-5-20251001-v1:0"): "claude-haiku-4-5",
    ("gcp.vertex_ai", "claude-3-5-sonnet-v2@20241022"): "claude-3-5-sonnet",
    ("google-gla", "models/gemini-2.5-flash"): "gemini-2.5-flash",
    ("google.generative-ai", "gemini-2.0-flash-001"): "gemini-2.0-flash",
    (None, "projects/p/locations/l/publishers/google/models/gemini-2.5-pro"): "gemini-2.5-pro",
    (None, "gemini/gemini-2.5-flash-lite-preview-06-17"): "gemini-2.5-flash-lite",
    ("bedrock", "eu.amazon.nova-lite-v1:0"): "amazon.nova-lite",
    (None, "us.meta.llama3-1-70b-instruct-v1:0"): "meta.llama3-1-70b-instruct",
    ("mistral_ai", "mistral-large-latest"): "mistral-large",
    (None, "xai/grok-4-0709"): "grok-4",
    ("cohere", "command-r-08-2024"): "command-r",
    ("openai", "deepseek-chat"): "deepseek-chat",
    ("litellm", "groq/llama-3.3-70b-versatile"): "llama-3.3-70b-versatile",
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme:help:9x"): "ft:gpt-4o-mini",
}
UNKNOWN = [
    (None, "gpt-4o-realtime"), (None, "gpt-4.1-micro"), (None, "gpt-4o-mini-tts"), (None, "claude-sonnet-4-9"),
    (None, "claude-haiku"), (None, "gemini-2.5-flash-image"), (None, "gemini-2.5-flash-preview-tts"),
    (None, "text-embedding-3"), (None, "my-gpt-4o"), (None, "o3-micro"), (None, "deepseek/deepseek-chat:free"),
    # Several sell it, at different prices.
    (None, "openai/gpt-oss-20b"),
    # Nobody bills for it, or nobody of the list serves it.
    ("ollama", "mistral-small"), (None, "ollama/mistral-small:24b"), ("vllm", "deepseek-chat"),
    ("fireworks", "accounts/fireworks/models/deepseek-v4-pro"), ("groq", "gpt-4o"), ("anthropic", "gpt-4o"),
]  # fmt: skip


def cost(provider, model):
    """Return the price of the same tokens for a model."""
    return SHIPPED.cost(provider, model, ONCE, NOW)


@pytest.mark.parametrize(("written", "model"), SAME.items(), ids=[str(written[1]) for written in SAME])
def test_a_name_leads_to_its_model(written, model):
    assert cost(*written) == cost(None, model) is not None


@pytest.mark.parametrize(("provider", "model"), UNKNOWN)
def test_a_name_near_another_has_no_price(provider, model):
    assert cost(provider, model) is None


FAMILIES = [
    ("gpt-4o", "gpt-4o-mini"), ("gpt-4.1", "gpt-4.1-nano"), ("o1", "o1-mini"), ("gpt-4", "gpt-4-32k"),
    ("gpt-4", "gpt-4-turbo-2024-04-09"), ("gpt-4", "gpt-4-0125-preview"), ("gpt-5", "gpt-5-pro-2025-10-06"),
    ("claude-opus-4", "claude-opus-4-5-20251101"), ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("grok-3", "grok-3-mini"), ("command-r", "command-r-plus"), ("gpt-4o", "ft:gpt-4o-2024-08-06:acme::x"),
    ("claude-3-5-haiku", "claude-3-5-sonnet"), ("gpt-4o-2024-08-06", "gpt-4o-2024-05-13"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), FAMILIES)
def test_relatives_have_prices_of_their_own(one, other):
    assert None not in (cost(None, one), cost(None, other))
    assert cost(None, one) != cost(None, other)


def test_a_region_of_bedrock_costs_more_than_all_regions_together():
    anywhere = cost("bedrock", "global.anthropic.claude-opus-4-8-v1:0")
    assert cost("bedrock", "us.anthropic.claude-opus-4-8-v1:0") * 10 == anywhere * 11


def test_who_serves_an_open_model_decides_its_price():
    assert cost("groq", "openai/gpt-oss-20b") != cost("together_ai", "openai/gpt-oss-20b")


EVERY = sorted((place, name) for place, models in shipped().items() for name in models)
SUFFIXES = st.sampled_from(("-2027-01-31", "-20270131", "-v1:0", "@20270131", "-latest", "-preview", "-v2", ""))


@given(st.sampled_from(EVERY), SUFFIXES)
def test_a_newer_version_of_a_listed_model_has_its_price(listed, suffix):
    place, name = listed
    assert cost(place, name + suffix) == cost(place, name)


@given(st.sampled_from(EVERY), st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=6))
def test_a_word_behind_a_listed_name_makes_another_model(listed, word):
    place, name = listed
    longer = f"{name}-{word}"
    if word not in ("latest", "beta") and longer not in shipped()[place]:
        assert cost(place, longer) is None


@given(st.text(max_size=400), st.none() | st.text(max_size=40))
def test_no_name_breaks_anything(model, provider):
    assert cost(provider, model) is None or model
