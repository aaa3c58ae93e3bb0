"""Tickets for judging one turn: signed, of a week, readable by every process that knows the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convotrace as ct
from convotrace.capture.tickets import VALID_SECONDS, Mint

NOW = 1_800_000_000 * 10**9
TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736


def nobody(_name):
    return None


def test_a_ticket_names_its_trace_here_and_wherever_the_key_is_known():
    mint, other = Mint(), Mint()
    ticket = mint.issue(TRACE, NOW)
    assert mint.trace_of(ticket, nobody, NOW) == f"{TRACE:032x}"
    assert other.trace_of(ticket, {mint.id: mint.key}.get, NOW) == f"{TRACE:032x}"
    assert other.trace_of(ticket, nobody, NOW) is None


def test_a_ticket_is_good_for_a_week_and_not_before_it_was_given_out():
    mint = Mint()
    ticket = mint.issue(TRACE, NOW)
    assert mint.trace_of(ticket, nobody, NOW + (VALID_SECONDS - 61) * 10**9) is not None
    assert mint.trace_of(ticket, nobody, NOW + (VALID_SECONDS + 61) * 10**9) is None
    assert mint.trace_of(ticket, nobody, NOW - 3600 * 10**9) is None


@given(st.integers(0, 110), st.sampled_from("0123456789abcdef-x"))
def test_a_ticket_in_which_anything_was_changed_is_none(place, letter):
    mint = Mint()
    ticket = mint.issue(TRACE, NOW)
    place = min(place, len(ticket) - 1)
    changed = ticket[:place] + letter + ticket[place + 1 :]
    assert changed == ticket or mint.trace_of(changed, nobody, NOW) is None


@pytest.mark.parametrize("ticket", ["", "x", "é" * 90, "0" * 10_000, "\ud800"])
def test_what_is_no_ticket_is_none(ticket):
    assert Mint().trace_of(ticket, nobody, NOW) is None


def test_outside_a_request_there_is_no_ticket():
    assert ct.feedback_token() is None
