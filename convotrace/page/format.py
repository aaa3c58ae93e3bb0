"""Numbers and times as people read them. Pure text to text: no clock, no locale, no markup."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from convotrace.model import as_datetime

UNKNOWN = "–"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE = 60


def duration(ns: int | None) -> str:
    """Return one duration: <0.1 ms, 0.4 ms, 559 ms, 3.98 s, 21.5 s, 2 m 04 s."""
    if ns is None:
        return UNKNOWN
    ms = ns / 1e6
    if 0 < ms < 0.05:
        return "<0.1 ms"
    if round(ms, 1) < 1:
        return f"{ms:.1f} ms"
    if round(ms) < 1000:
        return f"{ms:.0f} ms"
    return _seconds_and_more(ms / 1000)


def _seconds_and_more(seconds: float) -> str:
    if round(seconds, 2) < 10:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    return _minutes_and_more(round(seconds))


def _minutes_and_more(seconds: int) -> str:
    minutes, rest = divmod(seconds, _MINUTE)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def so_far(ns: int) -> str:
    """Return how long something has been going on, in whole seconds: 3 s, 1 m 04 s, 2 h 05 m."""
    elapsed = max(ns, 0) // 10**9
    return f"{elapsed} s" if elapsed < _MINUTE else _minutes_and_more(elapsed)


def seconds(ns: int | None) -> str:
    """Return a duration in a column: always seconds with two decimals."""
    if ns is None:
        return UNKNOWN
    return "<0.01 s" if ns < 5_000_000 else f"{ns / 1e9:,.2f} s"


def tokens(number: int | None) -> str:
    """Return a token count: exact under 10,000, then k, then M."""
    if number is None:
        return UNKNOWN
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1e3:.1f}k" if number < 999_950 else f"{number / 1e6:.2f}M"


def cost(nano: int | None) -> str:
    """Return one cost: four decimals under ten cents, else two."""
    if nano is None:
        return UNKNOWN
    if nano == 0:
        return "$0"
    usd = nano / 1e9
    if usd < 0.00005:
        return "<$0.0001"
    return f"${usd:.4f}" if round(usd, 4) < 0.1 else f"${usd:,.2f}"


def cost_column(nano: int | None) -> str:
    """Return a cost in a column: three decimals."""
    if nano is None:
        return UNKNOWN
    if nano == 0:
        return "$0"
    return "<$0.001" if nano < 500_000 else f"${nano / 1e9:,.3f}"


def share(part: float | None) -> str:
    """Return a part of one as percent: whole from 10, one decimal below."""
    if part is None:
        return UNKNOWN
    percent = part * 100
    return f"{percent:.0f}%" if round(percent, 1) >= 10 else f"{percent:.1f}%"


def score(value: Any) -> str:
    """Return the value of a score: two decimals, pass or fail, or the text itself."""
    if isinstance(value, bool):
        return "pass" if value else "fail"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and not 0 <= value <= 1):
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def count(number: int | None) -> str:
    """Return a count with its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"


def plural(number: int, word: str) -> str:
    """Return a count with its noun: 1 turn, 6 turns."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def moment(ns: int, now_ns: int) -> str:
    """Return a time in a list: today 14:09, this week Fri 09:12, else 22 Nov, with the year where it differs."""
    then, now = _utc(ns), _utc(now_ns)
    days = (now.date() - then.date()).days
    if days == 0:
        return f"{then:%H:%M}"
    if 0 < days < 7:
        return f"{_DAYS[then.weekday()]} {then:%H:%M}"
    day = f"{then.day} {_MONTHS[then.month - 1]}"
    return day if then.year == now.year else f"{day} {then.year}"


def day_and_clock(ns: int) -> str:
    """Return a full time for people: 22 Nov 2026, 13:49:02."""
    then = _utc(ns)
    return f"{then.day} {_MONTHS[then.month - 1]} {then.year}, {then:%H:%M:%S}"


def clock(ns: int) -> str:
    """Return a time inside a turn: 14:08:10."""
    return f"{_utc(ns):%H:%M:%S}"


def log_clock(ns: int) -> str:
    """Return the time of a log line: minutes, seconds, milliseconds."""
    then = _utc(ns)
    return f"{then:%M:%S}.{then.microsecond // 1000:03d}"


def gap(ns: int) -> str:
    """Return an idle time: 12 min, 3 h."""
    minutes = round(ns / 60e9)
    return f"{minutes} min" if minutes < 60 else f"{round(ns / 3600e9)} h"


def size(number: int | None) -> str:
    """Return bytes in units of 1000: 96 kB, 214 MB, 1.2 GB."""
    if number is None:
        return UNKNOWN
    if number < 1000:
        return f"{number} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if round(number / factor) < 1000:
            return f"{number / factor:.0f} {unit}"
    return f"{number / 1e9:.1f}".removesuffix(".0") + " GB"


def both_ends(text: str, limit: int = 28) -> str:
    """Return an id or name with its middle cut out where it is over the limit."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def cut_end(text: str, limit: int) -> str:
    """Return a text on one line, cut at its end where it is over the limit."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit and len(text) <= limit * 4 else f"{line[: limit - 1].rstrip()}…"


def _utc(ns: int) -> datetime:
    moment = as_datetime(ns)
    assert moment is not None
    return moment
