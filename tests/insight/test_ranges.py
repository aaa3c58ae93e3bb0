"""A range of time has whole points, of a width that fits and is still kept."""

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
