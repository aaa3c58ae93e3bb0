"""A range of time has whole points, of a width that fits and is still kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.insight.ranges import DAY_NS, HOUR_NS, MINUTE_NS, MOST_POINTS, range_of

NOW = 1_800_000_123 * 10**9


@given(st.integers(0, NOW - 1), st.booleans(), st.booleans())
def test_every_range_gets_points_that_are_not_too_many_and_still_kept(since, has_groups, is_kept):
    found = range_of(since, None, None, NOW, has_groups=has_groups, is_kept=is_kept)
    assert found.since_ns <= since and found.until_ns >= NOW
    assert 1 <= len(found.starts) <= MOST_POINTS
    assert found.since_ns % found.width_ns == found.until_ns % found.width_ns == 0
    assert since - found.since_ns < found.width_ns > found.until_ns - NOW
    if not is_kept and since < NOW - 48 * HOUR_NS:
        assert found.width_ns % HOUR_NS == 0
    if not is_kept and since < NOW - 90 * DAY_NS:
        assert found.width_ns % DAY_NS == 0


@pytest.mark.parametrize(
    ("ago", "has_groups", "width"),
    [
        ("1h", False, MINUTE_NS), ("24h", False, 15 * MINUTE_NS), ("30d", False, 6 * HOUR_NS), ("90d", False, DAY_NS),
        ("24h", True, HOUR_NS), ("7d", True, DAY_NS), ("30d", True, DAY_NS),
    ],
)  # fmt: skip
def test_usual_ranges_have_usual_widths(ago, has_groups, width):
    assert range_of(ago, None, "auto", NOW, has_groups=has_groups).width_ns == width


@pytest.mark.parametrize("moment", [-1, 1 << 63, "yesterday", "2026-13-01", "999999w"])
def test_a_moment_that_is_none_is_refused(moment):
    with pytest.raises(BadRequest, match="since came as"):
        range_of(moment, None, None, NOW)


def test_a_range_that_ends_before_it_begins_is_refused():
    for since in (NOW, NOW + 1):
        with pytest.raises(BadRequest, match=r"^since is 2027-\S+Z, which is not before until, 2027-\S+Z; give an ear"):
            range_of(since, None, None, NOW)


def test_points_narrower_than_what_is_kept_are_refused_unless_everything_is_still_there():
    with pytest.raises(
        BadRequest, match=r"^width came as 1m, but of \S+ only points of 1h and wider are kept; use wid"
    ):
        range_of("3d", "60h", "1m", NOW)
    with pytest.raises(
        BadRequest, match=r"^width came as 1h, but of \S+ only points of 1d and wider are kept; use wid"
    ):
        range_of("100d", "95d", "1h", NOW)
    assert range_of("3d", "60h", "1m", NOW, is_kept=True).width_ns == MINUTE_NS


def test_more_points_than_anybody_sees_are_refused_with_a_way_out():
    with pytest.raises(BadRequest, match=r"^That would be 1,5\d\d points; at most 1,500 are given\. Use a wider width"):
        range_of("26h", None, "1m", NOW)


@pytest.mark.parametrize("width", ["0m", 0, -MINUTE_NS, "90s", MINUTE_NS + 1, "wide", "-5m"])
def test_a_width_that_is_no_whole_minutes_is_refused(width):
    with pytest.raises(BadRequest, match=r"^width came as .*; use auto, or whole minutes, as 5m, 1h or 1d\.$"):
        range_of("1h", None, width, NOW)


def test_moments_come_as_numbers_texts_or_dates_with_a_zone():
    at = datetime(2027, 1, 15, 4, tzinfo=UTC)
    told = range_of(at, at.replace(hour=5), "1m", NOW)
    assert told == range_of("2027-01-15T04:00Z", "2027-01-15T05:00Z", "1m", NOW)
    assert told == range_of(int(at.timestamp()) * 10**9, told.until_ns, MINUTE_NS, NOW)
    assert range_of("", "", "", NOW) == range_of(None, None, None, NOW)
    with pytest.raises(BadRequest, match="since came as '2027-01-15 04:00:00'; write how long ago"):
        range_of(at.replace(tzinfo=None), None, None, NOW)


def test_a_moment_at_the_end_of_time_is_shown_as_far_as_a_calendar_goes():
    with pytest.raises(BadRequest, match="which is not before until"):
        range_of((1 << 62) - 1, None, None, NOW)
