"""Values of the filter language: durations, costs, counts and times, read and written without loss."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86400 * 10**9, "w": 7 * 86400 * 10**9,
}  # fmt: skip
"""Nanoseconds in each unit of a duration."""

LARGEST = (1 << 63) - 1
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_NUMBER = r"[0-9]{1,19}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}"
_COUNT = re.compile(rf"({_NUMBER})([kKMG]?)", re.ASCII)
_COST = re.compile(rf"\$?({_NUMBER})([kKMG]?)", re.ASCII)
_SCORE = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_PIECE = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h|d|w)")
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_count(text: str) -> int | None:
    """Return a whole number, `10k` and `1.5M` too; None for anything else."""
    return _scaled(_COUNT.fullmatch(text), 1)


def read_cost(text: str) -> int | None:
    """Return US dollars as nano-dollars, None where it is no amount or finer than those."""
    return _scaled(_COST.fullmatch(text), 10**9)


def write_cost(nano: int | float) -> str:
    """Return nano-dollars as US dollars."""
    text = f"{Decimal(int(nano)).scaleb(-9):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_duration(text: str) -> int | None:
    """Return nanoseconds of `2s`, `150ms`, `1h30m`; None for anything else."""
    total, at = Decimal(0), 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            return None
        total, at = total + Decimal(piece[1]) * UNITS[piece[2]], piece.end()
    return int(total) if text and total == int(total) and total <= LARGEST else None


def write_duration(ns: int | float) -> str:
    """Return nanoseconds in the largest unit that holds them exactly."""
    ns = int(ns)
    units = ("w", "d", "h", "m", "s", "ms", "us", "ns") if ns else ("s",)
    unit = next(name for name in units if ns % UNITS[name] == 0)
    return f"{ns // UNITS[unit]}{unit}"


def read_score(text: str) -> float | None:
    """Return a number, true and false as 1 and 0; None for anything else."""
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    number = float(text) if _SCORE.fullmatch(text) else None
    return None if number is None or abs(number) == float("inf") else number


def read_moment(text: str) -> int | None:
    """Return an ISO-8601 date, or date and time, in nanoseconds since 1970; UTC where no zone is named."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    fraction = (match[7] or "").ljust(9, "0")
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _offset(match[8])
    except (ValueError, OverflowError):
        return None
    since = moment - _EPOCH
    ns = (since.days * 86400 + since.seconds) * 10**9 + int(fraction)
    return ns if abs(ns) <= LARGEST else None


def write_moment(ns: int) -> str:
    """Return nanoseconds since 1970 as ISO-8601 in UTC, as short as it can be."""
    seconds, rest = divmod(ns, 10**9)
    moment = _EPOCH + timedelta(seconds=seconds)
    if not rest and (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.date().isoformat()
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{moment.replace(tzinfo=None).isoformat()}{fraction}Z"


def _scaled(match: re.Match[str] | None, factor: int) -> int | None:
    if match is None:
        return None
    number = Decimal(match[1]) * _FACTORS[match[2]] * factor
    return int(number) if number == int(number) and number <= LARGEST else None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise ValueError(zone)
    return timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
