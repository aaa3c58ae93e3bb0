"""The dashboard: its numbers are those of a recount, what each leads to is exactly its sessions, and it is small."""

import gzip
import json
import re
from collections import Counter, defaultdict
from html import unescape
from random import Random
from time import time_ns
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convotrace as ct
from convotrace.insight.ranges import DAY_NS, HOUR_NS
from convotrace.model import Change, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.page import PageRequest
from convotrace.page.assets import assets
from convotrace.page.board import Place
from convotrace.query.values import read_moment

SECOND = 10**9
TOKEN = "t" * 20
NOW = time_ns()
BEGIN = NOW - NOW % HOUR_NS - 20 * HOUR_NS


class House:
    """The page over a store in memory with conversations of chance."""

    def __init__(self, seed, sessions=12):
        self.observer = ct.ConvoTrace(store="memory:", enabled=True, token=TOKEN)
        self.store = self.observer.store
        self.changes = list(_history(Random(seed), sessions))
        self.store.write(self.changes)
        self.all = [self.store.session(one.id) for one in self.store.sessions(limit=1000)]

    def page(self, path, **fields):
        request = PageRequest("GET", path, urlencode(fields), {"host": "x", "authorization": f"Bearer {TOKEN}"})
        return self.observer.page(request)

    def numbers(self, **fields):
        response = self.page("/dashboard.json", **fields)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def ids(self, q):
        return sorted(one.id for one in self.store.sessions(q, limit=1000))


def _history(dice, sessions):
    number = 0
    for session in range(sessions):
        id, began = f"s{session}", BEGIN + dice.randrange(19 * 60) * 60 * SECOND
        for turn in range(dice.randint(1, 6)):
            number += 1
            last = turn == 5 or dice.random() < 0.2
            yield _turn(dice, number, id, began + turn * 61 * SECOND, session, last)


def _turn(dice, number, id, at, session, last):
    trace_id, failed = f"{number:032x}", dice.random() < 0.3
    call = Span(f"{number:016x}", trace_id, dice.choice(["search", "pay"]), "tool", started_ns=at, duration_ns=SECOND,
                status="error" if failed else "ok")  # fmt: skip
    target = Target(id, trace_id)
    scores = [Score(f"{id}-{number}", "feedback", "boolean", dice.random() < 0.5, at, target, "end_user")]
    scores += [Score(f"{id}-{number}h", "helpful", "numeric", dice.random(), at, target, "evaluator",
                     passed=dice.random() < 0.7)]  # fmt: skip
    trace = Trace(
        trace_id, id, is_turn=True, started_ns=at, duration_ns=dice.randint(1, 9000) * 10**6,
        first_byte_ns=dice.choice([None, 10**8]), input=Payload("q"), output=Payload("a"), spans=(call,),
        errors=int(failed), input_tokens=dice.choice([None, 100]), output_tokens=7, scores=tuple(scores[: number % 3]),
        cost_nano=dice.choice([None, 10**6, 3 * 10**6]), route="/chat",
    )  # fmt: skip
    outcome = dice.choice(["completed", "escalated", "abandoned", None]) if last else None
    facts = SessionFacts(
        id, "header", user_id=f"u{session % 3}", environment=dice.choice(["prod", "stage"]), outcome=outcome,
        tags=(f"t{session % 4}",), metadata={"experiment": f"e{session % 2}"},
    )  # fmt: skip
    return Change(facts, trace)


seeds = st.integers(0, 2**32)


@settings(max_examples=15)
@given(seeds)
def test_every_number_is_that_of_a_recount(seed):
    house = House(seed)
    found = house.numbers(since="24h")
    sessions = [one.session for one in house.all]
    traces = [trace for one in house.all for trace in one.traces]
    turns, told = found["turns"]["total"], found["sessions"]
    assert (turns["turns"], turns["failed"]) == (len(traces), sum(bool(trace.errors) for trace in traces))
    assert turns["output_tokens"] == 7 * len(traces)
    known = [trace.cost_nano for trace in traces if trace.cost_nano is not None]
    assert round((told["cost"] or 0) * 1e9) == sum(known) == round((turns["cost"] or 0) * 1e9)
    assert told["count"] == len(sessions) and told["users"] == len({one.user_id for one in sessions})
    assert {name: told[name] for name in ("open", "completed", "escalated", "abandoned")} == {
        name: sum(one.outcome == name for one in sessions) for name in ("open", "completed", "escalated", "abandoned")
    }
    assert told["turns_per_session"] == pytest.approx(len(traces) / len(sessions))
    assert told["feedback"] == {thumb: sum(one.feedback[thumb] for one in sessions) for thumb in ("up", "down")}
    given = [score for trace in traces for score in trace.scores if score.name == "helpful"]
    helpful = [one for one in told["scores"] if one["name"] == "helpful"]
    assert len(helpful) == bool(given)
    for one in helpful:
        assert one["count"] == len(given)
        assert one["mean"] == pytest.approx(sum(score.value for score in given) / len(given))
        assert one["passed"] == pytest.approx(sum(score.passed for score in given) / len(given))
    for step in told["survival"]:
        assert step["sessions"] == sum(one.turns >= step["turn"] for one in sessions)
    calls = Counter(span.name for trace in traces for span in trace.spans)
    assert {one["key"]: one["turns"] for one in found["tools"]["series"]} == calls
    house.observer.close()


@pytest.mark.parametrize("by", ["tag", "environment", "user", "experiment", "meta.experiment"])
def test_the_sums_of_groups_agree_with_the_whole(by):
    house = House(5, sessions=40)
    found = house.numbers(since="24h", by=by)
    for name in ("turns", "failed", "output_tokens"):
        assert sum(one[name] for one in found["groups"]["series"]) == found["turns"]["total"][name]
    assert sum(one["sessions"]["sessions"] for one in found["groups"]["series"]) == found["sessions"]["count"]
    house.observer.close()


def test_every_number_and_every_bar_leads_to_exactly_its_sessions():
    house = House(8, sessions=30)
    text = house.page("/dashboard", since="24h", by="tag").body.decode()
    links = {unescape(one) for one in re.findall(r'href="(\./\?q=[^"]+)"', text)}
    asked = [parse_qs(link.partition("?")[2])["q"][0] for link in links]
    assert len(asked) > 60 and not [q for q in asked if house.page("/sessions.json", q=q).status != 200]
    whole = json.loads(house.page("/dashboard.json", since="24h").body)["turns"]
    points = defaultdict(set)
    for one in house.all:
        for trace in one.traces:
            points["active", trace.started_ns // HOUR_NS].add(one.session.id)
            if trace.errors:
                points["failing", trace.started_ns // HOUR_NS].add(one.session.id)
        points["began", one.session.started_ns // HOUR_NS].add(one.session.id)
    stretch = re.compile(r"(active|began):(\S+)\.\.(\S+)")
    seen = 0
    for q in asked:
        match = stretch.fullmatch(q)
        since, until = (None, None) if match is None else (read_moment(match[2]), read_moment(match[3]))
        if match is not None and until - since == HOUR_NS:
            assert house.ids(q) == sorted(points[match[1], since // HOUR_NS])
            seen += bool(house.ids(q))
    assert seen > 10 and len(whole["series"][0]["points"]) == 25
    failing = next(q for q in asked if q.startswith("failing:"))
    assert house.ids(failing) == sorted({id for (term, _), ids in points.items() if term == "failing" for id in ids})
    tagged = next(q for q in asked if q.startswith("tag:t1 active"))
    assert house.ids(tagged) == sorted(f"s{n}" for n in range(1, 30, 4))
    completed = next(q for q in asked if q.startswith("outcome:completed"))
    assert house.ids(completed) == sorted(one.session.id for one in house.all if one.session.outcome == "completed")
    house.observer.close()


def test_a_filter_with_alternatives_stays_one_condition_in_every_link():
    house = House(3)
    text = house.page("/dashboard", since="24h", q="tag:t1 OR tag:t2").body.decode()
    for link in re.findall(r'href="(\./\?q=[^"]+)"', text):
        assert parse_qs(unescape(link).partition("?")[2])["q"][0].startswith("(tag:t1 OR tag:t2) ")
    assert house.numbers(since="24h", q="tag:t1 OR tag:t2")["sessions"]["count"] == len(house.ids("tag:t1 OR tag:t2"))
    house.observer.close()


def test_a_wrong_filter_is_said_on_the_page_and_other_wrong_questions_in_one_sentence(ask, new_house):
    house = new_house([])
    response = ask(house, "/dashboard", query="q=usr%3Aann")
    assert response.status == 400 and b"Did you mean user?" in response.body and b'role="alert"' in response.body
    assert ask(house, "/dashboard.json", query="q=usr%3Aann").status == 400
    assert b"use one of environment" in ask(house, "/dashboard", query="by=colour").body
    real = House(1, sessions=1)
    assert real.page("/dashboard", since="yesterday").status == 400
    real.observer.close()


def test_the_range_the_filter_and_the_group_stand_in_every_address_of_the_page(ask, new_house):
    body = ask(new_house([]), "/dashboard", query="since=7d&by=tag&q=tag%3Avip").body.decode()
    assert 'href="dashboard?q=tag%3Avip&amp;since=7d&amp;by=release"' in body
    assert 'href="dashboard?q=tag%3Avip&amp;since=30d&amp;by=tag"' in body
    assert '<input type="hidden" name="since" value="7d">' in body


def test_an_empty_store_has_a_dashboard_that_says_so():
    house = House(1, sessions=0)
    body = house.page("/dashboard").body.decode()
    assert body.count("Nothing in this time") == 5 and "No tool was called." in body
    house.observer.close()


def test_numbers_of_a_share_of_the_sessions_are_marked():
    house = House(4, sessions=150)
    summary = house.store.summary(BEGIN - DAY_NS, NOW, most=60)
    assert 0.2 < summary.share < 0.6 and summary.sessions.count == 150
    assert house.store.summary(BEGIN - DAY_NS, NOW).share == 1
    house.observer.close()


def test_the_whole_dashboard_weighs_less_than_60_kilobytes():
    house = House(2, sessions=60)
    body = gzip.compress(house.page("/dashboard", since="30d", by="tag").body)
    names = ("app.css", "dashboard.css", "dashboard.js", "page.js", "keys.js", "live.js", "copy.js", "part.js",
             "store.js", "time.js", "theme.js")  # fmt: skip
    assert len(body) + sum(len(assets()[name].packed) for name in names) < 60_000
    house.observer.close()


@pytest.mark.parametrize("q", ["", "tag:vip", "a OR b", '"地铁 %" env:x'])
def test_the_addresses_along_a_chart_are_those_of_its_stretches(q):
    place, starts = Place(q, BEGIN, NOW), range(BEGIN, BEGIN + 30 * HOUR_NS, 6 * HOUR_NS)
    assert place.along("active", starts) == [place.within("active", at, at + 6 * HOUR_NS) for at in starts]
    assert place.along("began", starts)[0] == place.within("began", BEGIN, BEGIN + 6 * HOUR_NS)
