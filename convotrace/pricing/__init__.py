"""Tokens → cost: what a model call cost by the shipped price table and the app's own prices.

The table is `prices.json` beside this file, read once, when the first call is to be priced.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from convotrace.pricing.names import canonical, is_local, names_of, places_of
from convotrace.pricing.rates import Row, nano, rate_at, rows_of
from convotrace.pricing.table import shipped

if TYPE_CHECKING:
    from convotrace.model import Usage

__all__ = ["PRICED", "Prices"]

PRICED = frozenset({"generation", "embedding", "reranker"})
"""Kinds of spans that have a price of their own: what stands around them repeats their tokens."""

_REMEMBERED = 1_000


class Prices:
    """The prices in force: the app's own, then the shipped table. Make it with `Prices.of`."""

    def __init__(self, own: Mapping[str, tuple[Row, ...]]) -> None:
        self._own = own
        self._found: dict[tuple[str | None, str], tuple[Row, ...]] = {}

    @classmethod
    def of(cls, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Prices:
        """Return the shipped prices with some replaced or added.

        Args:
            overrides: Model pattern → US dollars for a million tokens by token type, as `Settings.prices` holds
                them. A pattern is a model's name without its date, or has `*`; the longest that matches counts,
                and any of them beats the shipped table.
        """
        return cls({canonical(pattern): rows_of([rates]) for pattern, rates in (overrides or {}).items()})

    def cost(self, provider: str | None, model: str | None, usage: Usage | None, at_ns: int) -> int | None:
        """Return what a call cost in nano-dollars, None where its price or its tokens are not known.

        Args:
            provider: Who served the model, under any of the names that libraries use; None where unknown.
            model: The model's name, as the provider or a library writes it.
            usage: Its tokens; `input` includes cached reads and writes, `output` includes reasoning.
            at_ns: When it was called, in nanoseconds since 1970; a call before the first known price has that one.
        """
        if not model or usage is None:
            return None
        rates = rate_at(self._rows(provider, model), at_ns)
        return None if rates is None else nano(rates, usage)

    def _rows(self, provider: str | None, model: str) -> tuple[Row, ...]:
        key = (provider, model)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:  # names come from outside: they must not fill the memory
                self._found.clear()
            found = self._found[key] = self._own_rows(provider, model) or _shipped_rows(provider, model)
        return found

    def _own_rows(self, provider: str | None, model: str) -> tuple[Row, ...]:
        if not self._own:
            return ()
        names = [*names_of(f"{provider}/{model}" if provider else model), canonical(model)]
        matching = [pattern for pattern in self._own if any(_matches(name, pattern) for name in names)]
        return self._own[max(matching, key=_literal)] if matching else ()


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or ("*" in pattern and fnmatchcase(name, pattern))


def _literal(pattern: str) -> int:
    return len(pattern.replace("*", ""))


def _shipped_rows(provider: str | None, model: str) -> tuple[Row, ...]:
    """Return the rows of a model by who serves it; none where several serve it at different prices."""
    if is_local(provider, model):
        return ()
    names, table = names_of(model), shipped()
    for places in places_of(provider, model):
        for name in names:
            offers = {table[place][name] for place in places if name in table[place]}
            if offers:
                return offers.pop() if len(offers) == 1 else ()
    return ()
