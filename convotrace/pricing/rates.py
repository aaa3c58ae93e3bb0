"""One price with its date and its long-context rates, and the exact arithmetic from tokens to nano-dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from convotrace.options import TOKEN_TYPES
from convotrace.quick import record

if TYPE_CHECKING:
    from convotrace.model import Usage

_NANO_PER_TOKEN = 1_000
"""A dollar for a million tokens is a thousand nano-dollars for one."""

_FREE = Decimal(0)

_MOST = 1 << 62
"""What a column of the store can hold; no call costs so much."""


@record(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens of each type; None where the price list names none."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_read: Decimal | None = None
    cached_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None


@record(frozen=True, slots=True)
class Row:
    """The rates from a moment on; `long` for a whole call with more input tokens than `over`."""

    since_ns: int
    rates: Rates
    over: int | None = None
    long: Rates | None = None


def rows_of(found: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Return the rows of one model in the order of their dates, from mappings as the table holds them."""
    return tuple(sorted((_row(item) for item in found), key=lambda row: row.since_ns))


def _row(item: Mapping[str, Any]) -> Row:
    since, longer = item.get("from"), item.get("long")
    start = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    return Row(
        int(start.timestamp()) * 10**9 if start else 0,
        _rates(item),
        longer["over"] if longer else None,
        _rates(longer) if longer else None,
    )


def _rates(item: Mapping[str, Any]) -> Rates:
    return Rates(**{name: Decimal(item[name]) for name in TOKEN_TYPES if item.get(name) is not None})


def rate_at(rows: tuple[Row, ...], at_ns: int) -> Row | None:
    """Return the row in force at a time; the first one before its date, None where there is none."""
    return next((row for row in reversed(rows) if row.since_ns <= at_ns), rows[0] if rows else None)


def nano(row: Row, usage: Usage) -> int | None:
    """Return the cost of a call in nano-dollars, rounded once at the end; None where it cannot be known."""
    is_long = row.over is not None and (usage.input or 0) > row.over
    rates = row.long if is_long and row.long else row.rates
    if not (usage.cached_read or usage.cached_write or usage.reasoning or usage.audio):
        return _plain(rates, usage)
    parts = (_input(rates, usage), _output(rates, usage))
    if None in parts or (usage.audio and _is_split(rates)):
        return None
    cost = round(sum(part for part in parts if part is not None) * _NANO_PER_TOKEN)
    return cost if cost < _MOST else None


def _plain(rates: Rates, usage: Usage) -> int | None:
    """Return what a call cost whose tokens are of two types only, as those of most calls are."""
    if (usage.input is None and rates.input is not None) or (usage.output is None and rates.output is not None):
        return None
    went_in = (usage.input or 0) * (rates.input or _FREE)
    cost = round((went_in + (usage.output or 0) * (rates.output or _FREE)) * _NANO_PER_TOKEN)
    return cost if cost < _MOST else None


def _is_split(rates: Rates) -> bool:
    # Usage counts audio tokens without saying which way they went: two prices for them make the cost unknown.
    return rates.input_audio is not None and rates.output_audio is not None


def _input(rates: Rates, usage: Usage) -> Decimal | None:
    """Return the price of what went in; tokens without a rate of their own are charged like any other input."""
    if rates.input is None:
        return Decimal(0)
    if usage.input is None:
        return None
    apart = [(usage.cached_read, rates.cached_read), (usage.cached_write, rates.cached_write)]
    if rates.input_audio is not None:
        apart.append((usage.audio, rates.input_audio))
    return _mixed(usage.input, rates.input, apart)


def _output(rates: Rates, usage: Usage) -> Decimal | None:
    if rates.output is None:  # an embedding has none
        return Decimal(0)
    if usage.output is None:
        return None
    apart = [(usage.reasoning, rates.reasoning)]
    if rates.output_audio is not None:
        apart.append((usage.audio, rates.output_audio))
    return _mixed(usage.output, rates.output, apart)


def _mixed(total: int, base: Decimal, apart: Iterable[tuple[int | None, Decimal | None]]) -> Decimal:
    """Price the tokens that have a rate of their own at it, the rest at the base rate.

    Where the parts are more than the whole, the client counted them beside it: then they come on top of it.
    """
    parts = [(count, rate) for count, rate in apart if count and rate is not None]
    rest = total - sum(count for count, _ in parts)
    return sum((count * rate for count, rate in parts), (rest if rest >= 0 else total) * base)
