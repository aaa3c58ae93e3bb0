"""What a call costs: the arithmetic, the dates, and the app's own prices over the shipped ones."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.dialects.messages import as_usage
from convotrace.model import Usage
from convotrace.pricing import Prices
from convotrace.settings import Settings

MILLION = 1_000_000
SHIPPED = Prices.of()


def at(day):
    """Return midnight of a day in nanoseconds."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 10**9


NOW = at("2026-11-26")


def own(**prices):
    """Return the shipped prices with some of the app's own, as the option gives them."""
    return Prices.of(Settings.of({"prices": prices}, environ={}).prices)


def dollars(prices, model, usage, provider=None, when=NOW):
    """Return a cost in dollars."""
    nano = prices.cost(provider, model, usage, when)
    return None if nano is None else nano / 1e9


def calls(data):
    """Yield every model call of the shared conversations whose source names costs."""
    with (data / "conversations" / "tau2_en.jsonl").open() as lines:
        for line in lines:
            for turn in json.loads(line)["turns"]:
                yield from (step for step in turn["steps"] if step["kind"] == "generation")


def test_96_recorded_calls_cost_what_their_source_says_and_two_stay_unknown(data):
    costs = []
    for call in calls(data):
        usage = as_usage(call.get("raw", {}).get("usage"))
        costs.append((dollars(SHIPPED, call["model"], usage, when=at(call["ts"][:10])), call.get("cost")))
    priced = [(found, told) for found, told in costs if told is not None]
    assert len(priced) == 96
    assert all(abs(found - told) < 1e-9 for found, told in priced)
    assert [found for found, told in costs if told is None] == [None, None]


def test_cached_tokens_are_part_of_the_input_and_cost_their_own_rate():
    usage = Usage(input=MILLION, output=0, cached_read=400_000)
    assert dollars(SHIPPED, "gpt-4.1-mini", usage) == pytest.approx(0.6 * 0.40 + 0.4 * 0.10)


def test_cached_writes_cost_more_than_input_where_the_list_says_so():
    usage = Usage(input=100_000, output=0, cached_read=50_000, cached_write=40_000)
    assert SHIPPED.cost(None, "claude-haiku-4-5", usage, NOW) == 10_000 * 1000 + 50_000 * 100 + 40_000 * 1250


def test_without_a_cached_rate_a_cached_token_costs_what_any_input_costs():
    usage = Usage(input=MILLION, output=0, cached_read=MILLION // 2, cached_write=MILLION // 4)
    assert dollars(own(house={"input": 2, "output": 0}), "house", usage) == 2.0


def test_cached_tokens_counted_beside_the_input_come_on_top_of_it():
    usage = Usage(input=1_000, output=0, cached_read=50_000)
    assert dollars(SHIPPED, "gpt-4.1", usage) == pytest.approx((1_000 * 2 + 50_000 * 0.5) / 1e6)


def test_reasoning_is_part_of_the_output_and_is_charged_once():
    assert dollars(SHIPPED, "o3", Usage(input=0, output=MILLION, reasoning=900_000)) == 8.0


def test_reasoning_billed_apart_has_its_own_rate():
    prices = own(thinker={"input": 1, "output": 2, "reasoning": 10})
    assert dollars(prices, "thinker", Usage(input=0, output=MILLION, reasoning=MILLION // 2)) == 1 + 5


def test_audio_that_can_only_have_gone_in_has_its_own_rate():
    usage = Usage(input=MILLION, output=0, audio=MILLION // 2)
    assert dollars(SHIPPED, "gemini-3-flash-preview", usage) == 0.25 + 0.5


def test_audio_of_unknown_direction_makes_the_cost_unknown_where_directions_differ():
    assert dollars(SHIPPED, "gpt-audio", Usage(input=10, output=10, audio=5)) is None
    assert dollars(SHIPPED, "gpt-audio", Usage(input=MILLION, output=0, audio=0)) == 2.5


def test_a_call_with_a_long_input_costs_the_long_rates_throughout():
    assert dollars(SHIPPED, "gemini-2.5-pro", Usage(input=200_000, output=MILLION)) == 0.25 + 10
    assert dollars(SHIPPED, "gemini-2.5-pro", Usage(input=200_001, output=MILLION)) == pytest.approx(0.5000025 + 15)


@pytest.mark.parametrize(
    ("day", "price"), [("2025-04-20", 10.0), ("2025-06-09", 10.0), ("2025-06-10", 2.0), ("2026-01-01", 2.0)]
)
def test_the_price_is_that_of_the_day(day, price):
    assert dollars(SHIPPED, "o3", Usage(input=MILLION, output=0), when=at(day)) == price


def test_before_the_first_known_price_that_one_holds():
    assert dollars(SHIPPED, "o3", Usage(input=MILLION, output=0), when=0) == 10.0


@pytest.mark.parametrize("usage", [None, Usage(), Usage(input=5), Usage(output=5), Usage(cached_read=5)])
def test_tokens_that_are_not_known_make_the_cost_unknown_and_never_zero(usage):
    assert SHIPPED.cost("openai", "gpt-4o", usage, NOW) is None


def test_no_tokens_cost_nothing():
    assert SHIPPED.cost("openai", "gpt-4o", Usage(input=0, output=0), NOW) == 0


def test_an_embedding_needs_no_output():
    assert dollars(SHIPPED, "text-embedding-3-small", Usage(input=MILLION)) == 0.02


@pytest.mark.parametrize("model", [None, "", "unheard-of-9", "gpt", "mini", "*", "claude-", "\ud800", "/" * 5_000])
def test_an_unknown_model_costs_nobody_knows_what(model):
    assert SHIPPED.cost(None, model, Usage(input=5, output=5), NOW) is None


def test_own_prices_replace_and_add():
    prices = own(**{"gpt-4o": {"input": 1, "output": 1}, "my-deployment": {"input": "0.50", "output": 3.5}})
    once = Usage(input=MILLION, output=MILLION)
    assert dollars(prices, "openai/gpt-4o-2024-08-06", once) == 2.0
    assert dollars(prices, "my-deployment", once) == 4.0
    assert dollars(prices, "gpt-4o-mini", once) == dollars(SHIPPED, "gpt-4o-mini", once)


def test_of_own_patterns_the_longest_counts():
    prices = own(**{"*": {"input": 1}, "gpt-*": {"input": 2}, "gpt-4o": {"input": 3}, "gpt-4o-m*": {"input": 4}})
    models = ("llama", "gpt-9", "gpt-4o-2024-08-06", "gpt-4o-mini")
    assert [dollars(prices, model, Usage(input=MILLION)) for model in models] == [1.0, 2.0, 3.0, 4.0]


def test_an_own_price_may_be_that_of_one_provider():
    prices = own(**{"groq/llama-9": {"input": 1}})
    assert dollars(prices, "llama-9", Usage(input=MILLION), "groq") == 1.0
    assert dollars(prices, "llama-9", Usage(input=MILLION), "cerebras") is None


def test_an_own_price_of_zero_is_known():
    assert own(local={"input": 0, "output": 0}).cost("ollama", "local", Usage(input=5, output=5), NOW) == 0


def test_a_cost_that_no_column_holds_is_unknown():
    assert own(gold={"input": 999_999_999}).cost(None, "gold", Usage(input=1 << 52), NOW) is None


RATE = st.decimals(0, 1_000, places=6)
COUNT = st.integers(0, 10_000_000)


@given(base=RATE, read=RATE, write=RATE, out=RATE, parts=st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_the_arithmetic_is_exact(base, read, write, out, parts):
    prices = own(m={"input": base, "cached_read": read, "cached_write": write, "output": out})
    plain, from_cache, to_cache, answer = parts
    usage = Usage(plain + from_cache + to_cache, answer, from_cache, to_cache)
    exact = sum(
        count * Fraction(rate) for count, rate in zip(parts, (base, read, write, out), strict=True)
    ) * 1_000  # fmt: skip
    assert prices.cost(None, "m", usage, NOW) == round(exact)


@given(st.floats(0, 1_000))
def test_a_price_given_as_a_float_is_what_was_typed(rate):
    found = own(m={"input": rate, "output": 0}).cost(None, "m", Usage(input=MILLION, output=0), NOW)
    assert found == round(Decimal(str(rate)) * 10**9)


def test_names_from_outside_do_not_fill_the_memory():
    prices = Prices.of()
    for number in range(5_000):
        prices.cost(None, f"model-{number}x", Usage(1, 1), NOW)
    assert len(prices._found) <= 1_000
