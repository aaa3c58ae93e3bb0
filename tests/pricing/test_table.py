"""The shipped table: every row is whole, dated, from a vendor's page, and none contradicts another."""

import re
from datetime import date
from decimal import Decimal
from importlib.resources import files

import orjson

from convotrace.options import TOKEN_TYPES
from convotrace.pricing.names import canonical
from convotrace.pricing.table import shipped

CONTENT = orjson.loads(files("convotrace.pricing").joinpath("prices.json").read_bytes())
ROWS = CONTENT["rows"]


def rates(row):
    """Return the rates of a row or of its long form."""
    return {name: row[name] for name in TOKEN_TYPES if name in row}


def test_the_table_says_how_fresh_it_is():
    assert date.fromisoformat(CONTENT["checked"]) >= date(2026, 11, 26)
    assert CONTENT["checked"] in " ".join(CONTENT["about"])


def test_each_row_is_whole():
    for row in ROWS:
        assert row.keys() <= {"provider", "models", "from", "source", "long", *TOKEN_TYPES}, row
        assert date.fromisoformat(row["from"]).isoformat() == row["from"], row
        assert re.match(r"https://[a-z.-]+/", row["source"]), row
        assert row["models"] and all(name == name.lower().strip() and "*" not in name for name in row["models"]), row
        for found in (row, row.get("long", row)):
            assert "input" in found, row
            assert all(isinstance(rate, str) and Decimal(rate) >= 0 for rate in rates(found).values()), row


def test_a_cached_read_is_a_discount_and_a_long_call_is_not():
    for row in ROWS:
        assert Decimal(row.get("cached_read", "0")) <= Decimal(row["input"]), row
        longer = row.get("long")
        if longer:
            assert longer["over"] >= 100_000 and rates(longer).keys() == rates(row).keys(), row
            assert all(Decimal(longer[name]) > Decimal(row[name]) for name in rates(longer)), row


def test_no_model_has_two_prices_on_one_day():
    days = [(row["provider"], canonical(name), row["from"]) for row in ROWS for name in row["models"]]
    assert len(days) == len(set(days))


def test_the_well_known_providers_are_there():
    assert shipped().keys() == {
        "openai", "anthropic", "google", "mistral", "cohere", "deepseek", "xai", "groq", "together", "bedrock",
        "voyage", "moonshot",
    }  # fmt: skip


def test_the_table_is_read_once():
    assert shipped() is shipped()
