"""What the sessions of some time come to: ends by point, users, cost and thumbs, scaled up where they are a share."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.cohort import Cohort, Member, summary


def member(id, started=0, outcome="open", user=None, cost=None, up=0, down=0):
    return Member(id, started, started + 5, 1, 0, outcome, None, user, None, cost, up, down, {}, None)


MEMBERS = [
    member("a", 3, "completed", "ann", 10, up=1),
    member("b", 9, "failed", "ann", None, down=2),
    member("c", 10, "completed", None, 20, up=1),
]


def test_sessions_are_counted_in_the_point_in_which_they_began():
    found = summary(Cohort(0, 20, MEMBERS), 10)
    assert found.ends == {0: {"completed": 1, "failed": 1}, 10: {"completed": 1}}
    assert (found.users, found.cost_nano, found.feedback) == (1, 30, {"up": 2, "down": 2})
    assert (found.cost_per_session, found.cost_per_user, found.thumbs_up) == (10.0, 30.0, 0.5)


def test_what_nobody_told_is_unknown_and_no_zero():
    found = summary(Cohort(0, 20, [member("a", user="ann"), member("b")]), 10)
    assert (found.cost_nano, found.cost_per_session, found.cost_per_user, found.thumbs_up) == (None,) * 4
    nothing = summary(Cohort(0, 20, []), 10)
    assert (nothing.users, nothing.cost_nano, nothing.ends, nothing.sessions.count) == (0, None, {}, 0)
    assert replace(nothing, cost_nano=5).cost_per_session is replace(nothing, cost_nano=5).cost_per_user is None


def test_a_share_is_scaled_up_and_says_so():
    found = summary(Cohort(0, 20, MEMBERS, 0.5), 10)
    assert (found.sessions.count, found.users, found.cost_nano, found.feedback) == (6, 2, 60, {"up": 4, "down": 4})
    assert found.ends[0] == {"completed": 2, "failed": 2} and found.share == 0.5
    assert Cohort(0, 1, [], 0.5).sampled and not Cohort(0, 1, []).sampled


outcomes = st.sampled_from(["open", "completed", "escalated", "abandoned", "failed"])


@given(st.lists(st.tuples(st.integers(0, 99), outcomes), max_size=20), st.integers(1, 40))
def test_every_session_stands_in_one_point_whatever_their_width(told, width):
    found = summary(Cohort(0, 100, [member(str(n), *one) for n, one in enumerate(told)]), width)
    assert sum(sum(counts.values()) for counts in found.ends.values()) == len(told) == found.sessions.count
    assert all(at % width == 0 for at in found.ends)
