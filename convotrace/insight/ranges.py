"""A question about a range of time: how wide its points are, where they begin, and what may be asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from convotrace.errors import BadRequest
from convotrace.model import as_datetime
from convotrace.query.values import read_duration, read_moment, write_duration

MINUTE_NS, HOUR_NS, DAY_NS = 60 * 10**9, 3600 * 10**9, 86400 * 10**9
MINUTES_KEPT_NS, HOURS_KEPT_NS = 48 * HOUR_NS, 90 * DAY_NS
"""How far back buckets of a minute and of an hour reach."""

MOST_POINTS = 1500
_USUAL_NS = DAY_NS
_WIDTHS = tuple(number * MINUTE_NS for number in (1, 5, 15, 60, 360, 1440, 10080))
_WIDTHS_OF_MANY = tuple(number * MINUTE_NS for number in (1, 60, 1440, 10080))
_POINTS, _POINTS_OF_MANY = 130, 50
"""Of many groups there are fewer points, each of one bucket a group: that is what reading costs."""

When = int | str | datetime | None
"""A moment: nanoseconds since 1970, a datetime, ISO-8601, or how long ago (`24h`); None is the usual one."""


@dataclass(frozen=True, slots=True)
class Range:
    """Whole points from one moment to another."""

    since_ns: int
    until_ns: int
    width_ns: int

    @property
    def starts(self) -> range:
        """Where each point begins."""
        return range(self.since_ns, self.until_ns, self.width_ns)


def range_of(
    since: When, until: When, width: int | str | None, now_ns: int, *, has_groups: bool = False, is_kept: bool = False
) -> Range:
    """Return a range, widened to whole points.

    Args:
        since: Its beginning; a day before its end when None.
        until: Its end; now when None.
        width: Of its points, in ns or as `5m`; one that fits when None or `auto`.
        now_ns: The time.
        has_groups: Whether there is a series for each of many groups: then it has fewer points.
        is_kept: Whether all that is to be read is still there, however long ago and narrow.

    Raises:
        BadRequest: A moment or the width cannot be read, or there is no such range.
    """
    end = _moment("until", until, now_ns, now_ns)
    start = _moment("since", since, now_ns, end - _USUAL_NS)
    if start >= end:
        raise BadRequest(f"since is {_shown(start)}, which is not before until, {_shown(end)}; give an earlier since.")
    least = MINUTE_NS if is_kept else _least(start, now_ns)
    wide = _automatic(end - start, least, has_groups) if width in (None, "auto", "") else _width(width)
    if wide < least:
        raise BadRequest(
            f"width came as {write_duration(wide)}, but of {_shown(start)} only points of {write_duration(least)} and "
            f"wider are kept; use width={write_duration(least)}, or a later since."
        )
    first, last = start - start % wide, -(-end // wide) * wide
    if (last - first) // wide > MOST_POINTS:
        raise BadRequest(
            f"That would be {(last - first) // wide:,} points; at most {MOST_POINTS:,} are given. Use a wider width "
            "than " + write_duration(wide) + ", or a shorter range."
        )
    return Range(first, last, wide)


def _moment(name: str, value: When, now_ns: int, usual: int) -> int:
    if value is None or value == "":
        return usual
    found: int | None
    if isinstance(value, datetime):
        found = None if value.tzinfo is None else int(value.timestamp() * 10**6) * 1000
    elif isinstance(value, int):
        found = value
    else:
        ago = read_duration(str(value))
        found = read_moment(str(value)) if ago is None else now_ns - ago
    if found is None or not 0 <= found < 1 << 62:
        shown = str(value)[:40]
        raise BadRequest(f"{name} came as {shown!r}; write how long ago, as 24h or 30d, or when, as 2026-11-26T12:00Z.")
    return found


def _width(value: int | str | None) -> int:
    found = value if isinstance(value, int) else read_duration(str(value))
    if found is None or found <= 0 or found % MINUTE_NS:
        raise BadRequest(f"width came as {str(value)[:40]!r}; use auto, or whole minutes, as 5m, 1h or 1d.")
    return found


def _least(start: int, now_ns: int) -> int:
    if start >= now_ns - MINUTES_KEPT_NS:
        return MINUTE_NS
    return HOUR_NS if start >= now_ns - HOURS_KEPT_NS else DAY_NS


def _automatic(length: int, least: int, has_groups: bool) -> int:
    widths, points = (_WIDTHS_OF_MANY, _POINTS_OF_MANY) if has_groups else (_WIDTHS, _POINTS)
    fitting = (width for width in widths if width >= least and length // width < points)
    # A hundred years of weeks is still more than anybody sees.
    return next(fitting, max(_WIDTHS[-1], -(-length // (MOST_POINTS - 2) // DAY_NS) * DAY_NS))


def _shown(ns: int) -> str:
    try:
        moment = as_datetime(ns)
    except OverflowError:
        moment = None
    return f"{ns} ns" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
