"""Live views: what changed is told once, from the store, at one question a tick however many tabs are open."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
import time

import pytest

from convotrace.page import PageRequest, answer
from convotrace.page import live as live_module
from convotrace.page.watch import MOST_STREAMS, TICK, Watch

NOW = time.time_ns()


@pytest.fixture
def recent(seed):
    """A conversation that was active a moment ago."""
    found = seed("ok")
    return dataclasses.replace(found, session=dataclasses.replace(found.session, last_ns=NOW))


def _tail(ask, house, query="", **headers):
    return ask(house, "/tail.json", query=query, headers=headers)


def test_a_change_is_told_once_and_then_the_answer_is_not_modified(ask, new_house, recent):
    house = new_house([recent])
    first = _tail(ask, house)
    told = json.loads(first.body)
    assert [one["key"] for one in told["sessions"]] == [recent.session.key]
    assert told["next"] == str(NOW)
    again = _tail(ask, house, f"after={told['next']}", **{"if-none-match": dict(first.headers)["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_what_is_older_than_was_asked_for_is_not_told(ask, new_house, conversation):
    house = new_house([conversation])
    assert json.loads(_tail(ask, house, f"after={NOW}").body) == {"next": str(NOW), "sessions": []}
    assert len(json.loads(_tail(ask, house).body)["sessions"]) == 1


def test_one_session_is_told_whenever_it_changes(ask, new_house, recent):
    house = new_house([recent])
    told = json.loads(_tail(ask, house, f"session={recent.session.key}").body)
    assert told["sessions"][0]["version"] == 3
    assert json.loads(_tail(ask, house, "session=nobody").body)["sessions"] == []


def test_a_wrong_filter_is_refused_like_in_a_list(ask, new_house):
    for path in ("/tail.json", "/live"):
        house = new_house([])
        house.settings = dataclasses.replace(house.settings)
        response = answer(
            PageRequest(
                path=path, query="q=usr:ann", headers={"authorization": f"Bearer {house.secret}"}, streams=True
            ),
            house,
        )
        assert response.status == 400 and json.loads(response.body)["hint"]


@pytest.fixture
def clock():
    """The clock of a watch: it stands until a test moves it."""
    return [0.0]


@pytest.fixture
def timed(new_house, recent, clock):
    """A house whose watch goes by that clock."""
    house = new_house([recent])
    house.watching = Watch(lambda: clock[0])
    return house


def test_fifty_tabs_that_ask_cost_one_question_a_tick(ask, timed, clock):
    for tick in range(3):
        for _ in range(50):
            assert _tail(ask, timed, f"q=ok&after={time.time_ns()}").status == 200
        assert timed.shelf.asked == tick + 1
        clock[0] += TICK


def test_fifty_streams_cost_one_question_a_tick(timed, clock, monkeypatch):
    monkeypatch.setattr(live_module, "TICK", 0.0)
    house = timed

    async def listen():
        streams = [_stream(house) for _ in range(50)]
        at_opening = house.shelf.asked
        for _ in range(3):
            clock[0] += TICK
            await asyncio.gather(*(anext(stream.parts) for stream in streams))
        for stream in streams:
            await stream.parts.aclose()
        return house.shelf.asked - at_opening

    assert asyncio.run(listen()) <= 3


def _stream(house, query=f"after={NOW - 1}", headers=None):
    sent = {"authorization": f"Bearer {house.secret}", **(headers or {})}
    return answer(PageRequest(path="/live", query=query, headers=sent, streams=True), house)


def test_a_stream_tells_what_is_new_and_where_to_go_on(new_house, recent):
    house = new_house([recent])

    async def listen():
        stream = _stream(house)
        first, second = await anext(stream.parts), await anext(stream.parts)
        await stream.parts.aclose()
        return stream, first, second

    stream, first, second = asyncio.run(listen())
    assert dict(stream.headers)["content-type"] == "text/event-stream"
    assert first.startswith(b"id: %d\nevent: change\ndata: {" % NOW) and first.endswith(b"}\n\n")
    assert second == b""


def test_a_stream_goes_on_where_the_last_one_ended(new_house, seed):
    found = [
        dataclasses.replace(c, session=dataclasses.replace(c.session, last_ns=NOW - minutes * 60 * 10**9))
        for minutes, c in enumerate(map(seed, "abc"))
    ]
    house = new_house(found)

    async def first(headers):
        stream = _stream(house, headers=headers)
        part = await anext(stream.parts)
        await stream.parts.aclose()
        return part

    part = asyncio.run(first({"last-event-id": str(NOW - 90 * 10**9)}))
    told = json.loads(part.partition(b"data: ")[2])
    assert [one["key"] for one in told["sessions"]] == [c.session.key for c in found[:2]]


def test_a_quiet_stream_has_a_heartbeat_and_ends_some_day(new_house, monkeypatch):
    monkeypatch.setattr(live_module, "TICK", 0.0)
    monkeypatch.setattr(live_module, "HEARTBEAT", -1.0)
    house = new_house([])

    async def listen():
        stream = _stream(house)
        part = await anext(stream.parts)
        monkeypatch.setattr(live_module, "LONGEST", -1.0)
        rest = [part async for part in stream.parts]
        await stream.parts.aclose()
        return part, rest

    assert asyncio.run(listen()) == (b": still here\n\n", [])


@pytest.mark.parametrize("may", [False, {"annotate"}])
def test_a_stream_ends_when_who_listens_may_no_longer(new_house, recent, monkeypatch, may):
    monkeypatch.setattr(live_module, "TICK", 0.0)
    monkeypatch.setattr(live_module, "RECHECK", -1.0)
    house, answers = new_house([recent]), [True, True, True, may]
    house.settings = dataclasses.replace(house.settings, auth=lambda request: answers.pop(0))

    async def listen():
        stream = _stream(house)
        parts = [part async for part in stream.parts]
        await stream.parts.aclose()
        return parts

    told, *rest = asyncio.run(listen())
    assert b"event: change" in told and rest == [b""] and answers == []


def test_a_store_that_is_away_for_a_moment_ends_no_stream_and_is_counted(new_house, monkeypatch):
    monkeypatch.setattr(live_module, "TICK", 0.0)
    house = new_house([])

    async def listen():
        stream = _stream(house)
        await anext(stream.parts)
        house.broken = OSError("gone")
        part = await anext(stream.parts)
        await stream.parts.aclose()
        return part

    assert asyncio.run(listen()) == b""
    assert house.failures == [("live", house.broken)]


def test_one_stream_too_many_is_sent_to_asking_and_a_closed_one_makes_room(new_house):
    house = new_house([])
    streams = [_stream(house) for _ in range(MOST_STREAMS)]
    assert _stream(house).status == 503
    asyncio.run(_close_twice(streams[0]))
    assert _stream(house).status == 200


async def _close_twice(stream):
    await stream.parts.aclose()
    await stream.parts.aclose()


def test_where_no_stream_can_be_held_the_page_says_poll_and_a_stream_is_refused(ask, new_house):
    house = new_house([])
    assert ask(house, "/live").status == 503
    assert b'data-live="poll"' in ask(house, "/").body


def test_who_asks_while_another_is_asking_waits_for_no_second_question():
    clock = [0.0]
    watch = Watch(lambda: clock[0])
    entered, leave = threading.Event(), threading.Event()

    def slow():
        entered.set()
        leave.wait(60)
        return ("new",)

    asker = threading.Thread(target=watch.look, args=("t", slow))
    asker.start()
    assert entered.wait(60)
    assert watch.fresh("t") == ()
    leave.set()
    asker.join()
    assert watch.fresh("t") == ("new",)
    clock[0] += TICK
    assert watch.fresh("t") is None
