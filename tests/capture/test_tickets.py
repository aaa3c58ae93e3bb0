"""Tickets for judging one turn: signed, of a week, readable by every process that knows the key."""

import os
import subprocess
import sys

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


SECOND = 10**9


def test_the_moments_between_which_a_ticket_is_good_are_exact():
    mint = Mint()
    ticket = mint.issue(TRACE, NOW)

    def is_good(seconds):
        return mint.trace_of(ticket, nobody, NOW + seconds * SECOND) is not None

    assert [is_good(seconds) for seconds in (-61, -60, 0, VALID_SECONDS - 60, VALID_SECONDS - 59)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert VALID_SECONDS == 7 * 24 * 3600


def test_a_ticket_has_the_form_that_clients_may_rely_on_and_no_two_keys_are_alike():
    mint, other = Mint(), Mint()
    assert (mint.id, mint.key) == (None, b"")
    ticket = mint.issue(5, NOW)
    id, at, trace, signature = ticket.split("-")
    assert (len(id), int(at, 16), int(trace, 16), len(trace), len(signature)) == (8, NOW // SECOND, 5, 32, 32)
    assert (mint.id, len(mint.key)) == (id, 32) and mint.issue(5, NOW) == ticket
    assert other.issue(5, NOW) != ticket and other.key != mint.key


def test_a_forked_child_begins_with_a_key_of_its_own():
    mint = Mint()
    before = mint.issue(TRACE, NOW)
    mint.forget()
    assert (mint.id, mint.key, mint.trace_of(before, nobody, NOW)) == (None, b"", None)
    assert mint.issue(TRACE, NOW) != before


FORK = """
import os
from convotrace.capture.tickets import MINT
MINT.issue(5, 1)
child = os.fork()
if not child:
    os._exit(0 if MINT.id is None else 1)
print(os.waitpid(child, 0)[1], MINT.id is None)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_the_process_s_own_mint_forgets_its_key_in_a_forked_child_and_there_alone():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "False"]


@pytest.mark.parametrize("key", [None, b""])
def test_a_ticket_signed_with_no_key_is_none(key):
    forged = Mint()
    forged.id, forged.key = "0" * 8, b""
    assert Mint().trace_of(forged.issue(TRACE, NOW), lambda name: key, NOW) is None


def test_the_key_that_is_asked_for_is_the_one_the_ticket_names():
    mint, asked = Mint(), []
    assert Mint().trace_of(mint.issue(TRACE, NOW), lambda name: asked.append(name) or b"other", NOW) is None
    assert asked == [mint.id]
