"""The audit of what people did: lines are added and kept for a while, and name nobody who was forgotten."""

from convotrace.model import Act

DAY = 86_400 * 10**9
NOW = 1_800_000_000 * 10**9


def acts(store, **asked):
    return [(act.actor, act.action, act.target, act.detail) for act in store.acts(**asked)]


def test_the_newest_line_comes_first_and_names_the_session_by_its_address(store, make):
    store.write([make.change("a b")])
    key = store.session("a b").session.key
    store.note_acts([Act(NOW, "ann", "view", key), Act(NOW + 1, "ben", "search", None, detail={"q": "refund"})])
    assert acts(store) == [("ben", "search", None, {"q": "refund"}), ("ann", "view", key, {})]
    assert acts(store, limit=1) == [("ben", "search", None, {"q": "refund"})]
    assert acts(store, before_ns=NOW + 1) == [("ann", "view", key, {})]


def test_what_is_forgotten_is_not_named_any_more_and_the_lines_stay(store, make):
    store.write([make.change("s1"), make.change("s2")])
    store.note_acts([Act(NOW, "ann", "view", "s1"), Act(NOW + 1, "ann", "search", detail={"q": "user:ann-7 hello"})])
    (before,) = (act for act in store.acts() if act.action == "view")
    store.forget(session="s1")
    store.forget(user="ann-7")
    store.note_acts([Act(NOW + 2, "ben", "erase", "s1")])
    erased, searched, viewed = (act for act in store.acts() if act.action in ("view", "search", "erase"))
    assert (viewed.target, searched.detail) == (None, {"q": "[forgotten]"})
    # That it was the same session can still be told.
    assert viewed.subject == before.subject == erased.subject


def test_lines_are_kept_as_long_as_they_should_be_and_deletions_by_jobs_have_their_own_time(store, make):
    store.write([make.change("s1")])
    store.forget(session="s1", actor="job")
    store.note_acts([Act(NOW, "ann", "view", "s1")])
    store.note_acts([Act(NOW + 366 * DAY, "ben", "view", "s2")], keep_ns=365 * DAY)
    assert [act.actor for act in store.acts()] == ["ben", "job"]
    assert [line.actor for line in store.deletions()] == ["job"]


def test_a_search_is_found_by_no_statement_of_its_own(store):
    store.note_acts([Act(NOW, "x'; DROP TABLE audit; --", "search", detail={"q": "' OR 1=1; --"})])
    assert acts(store) == [("x'; DROP TABLE audit; --", "search", None, {"q": "' OR 1=1; --"})]
