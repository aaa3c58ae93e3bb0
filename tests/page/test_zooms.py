"""A session on several pages and from several distances: no turn is left out, and the chosen one is kept."""

from __future__ import annotations

import re

import pytest

from convotrace.model import Conversation, Payload, Session, Span, Trace
from convotrace.page.falls import falls
from convotrace.page.transcript import WINDOW
from convotrace.page.turn_view import turn

S = 10**9


def _trace(number: int, **fields) -> Trace:
    texts = {"input": Payload(f"ask {number}"), "output": Payload(f"told {number}")}
    at = {"started_ns": number * 10 * S, "duration_ns": S}
    return Trace(f"{number:032x}", "s", is_turn=True, turn=number, **{**texts, **at, **fields})


@pytest.fixture
def see(ask, new_house):
    """Return a way to see a session of a hundred turns, the ninetieth failing."""
    traces = tuple(_trace(n, errors=1 if n == 90 else 0) for n in range(1, 101))
    house = new_house([Conversation(Session("s", "s", turns=100, errors=1), traces)])
    return lambda query="": ask(house, "/s/s", query=query).body.decode()


def _numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-turn="(\d+)"', page)]


@pytest.mark.parametrize("view", ["", "cards", "waterfall"])
def test_every_turn_is_reached_by_going_on_in_every_zoom(see, view):
    query, found = f"zoom={view}", []
    for _ in range(5):
        page = see(query)
        found += _numbers(page)
        following = re.search(r'rel="next" href="\?([^"]+)"', page)
        if not following:
            break
        query = following[1].replace("&amp;", "&")
        assert view in query
    assert found == list(range(1, 101))


def test_a_link_to_a_turn_opens_where_it_is_whatever_its_number(see):
    page = see(f"at={70:032x}")
    assert _numbers(page) == list(range(70, 70 + WINDOW))
    assert f'id="t{70:032x}"' in page


def test_the_next_error_beyond_the_page_is_a_link(see):
    page = see("")
    assert f'href="?at={90:032x}#t{90:032x}"' in page and "data-beyond" in page
    assert f'class="pill err" href="#t{90:032x}"' in see("turn=81")


def test_the_errors_in_the_head_lead_to_where_they_are(see):
    assert f'class="pill err" href="?at={90:032x}#t{90:032x}" data-beyond' in see()
    assert "data-beyond" not in see("turn=81")


def test_who_asks_for_the_first_error_is_led_to_it_however_far_it_is(see):
    page = see("at=error")
    assert _numbers(page)[0] == 90
    assert re.search(r'<section [^>]*data-turn="90"[^>]* data-current>\s*<i id="error">', page)
    assert page.count('id="error"') == 1 and 'id="error"' not in see("turn=81")


def test_where_nothing_failed_the_first_error_is_the_beginning(ask, new_house):
    house = new_house([Conversation(Session("s", "s", turns=2), (_trace(1), _trace(2)))])
    page = ask(house, "/s/s", query="at=error").body.decode()
    assert _numbers(page) == [1, 2] and 'id="error"' not in page


def test_a_link_to_a_turn_that_has_gone_opens_the_session(see):
    assert _numbers(see("at=" + "f" * 32))[0] == 1
    assert _numbers(see("at=nonsense&turn=5"))[0] == 5


def test_a_window_says_what_it_shows(see):
    assert f"Turns 1 to {WINDOW} of 100" in see()
    assert "Turns 41 to 64 of 100" in see("turn=41")
    assert len(_numbers(see("turn=99999"))) == 1


def test_zooms_keep_their_place(see):
    page = see("turn=41&zoom=cards")
    assert 'data-zoom="t" href="?turn=41"' in page
    assert 'data-zoom="w" href="?zoom=waterfall&amp;turn=41"' in page
    assert re.search(r'data-zoom="u"[^>]*aria-current="true"', page)


def test_every_message_has_an_anchor_of_its_own(see):
    page = see(f"at={70:032x}")
    for letter in "ua":
        assert f'id="{letter}{70:032x}"' in page
        assert f'href="?at={70:032x}#{letter}{70:032x}"' in page


def test_steps_of_all_turns_stand_on_one_axis():
    spans = (Span("1" * 16, "t", "agent", "agent", started_ns=10 * S, duration_ns=S),
             Span("2" * 16, "t", "book", "tool", "1" * 16, started_ns=10 * S + S // 2, duration_ns=S // 2))  # fmt: skip
    found = falls(
        [turn(_trace(1, spans=spans, first_byte_ns=S // 4), (), None), turn(_trace(2, duration_ns=2 * S), (), None)]
    )
    first, second = found.rows
    assert (found.longest_ns, first.whole.width, second.whole.width) == (2 * S, 50, 100)
    assert [(step.family, step.x, step.width) for step in first.steps] == [("tool", 25, 25)]
    assert (first.first_byte, second.first_byte) == (12.5, None)


def test_a_session_without_turns_is_drawn_in_every_zoom(ask, new_house):
    house = new_house([Conversation(Session("s", "s"))])
    for view in ("", "cards", "waterfall", "nonsense"):
        assert ask(house, "/s/s", query=f"zoom={view}").status == 200
