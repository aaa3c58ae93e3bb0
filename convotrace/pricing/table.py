"""The shipped price table, by provider and model name; read from the package once, late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from convotrace.pricing.names import canonical
from convotrace.pricing.rates import Row, rows_of

Table = Mapping[str, Mapping[str, tuple[Row, ...]]]


@cache
def shipped() -> Table:
    """Return provider → model name → its rows by date."""
    from importlib.resources import files  # it brings more than all the rest of this room

    content = orjson.loads(files("convotrace.pricing").joinpath("prices.json").read_bytes())
    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in content["rows"]:
        for model in row["models"]:
            found[row["provider"]][canonical(model)].append(row)
    return {place: {name: rows_of(rows) for name, rows in models.items()} for place, models in found.items()}
