"""Leases: of all processes on a store one has it, until it lets go or dies."""

import pytest

from convotrace.store import Store

LONG = 1000


@pytest.fixture
def two(store_url):
    stores = [Store.open(store_url), Store.open(store_url)]
    yield stores
    for store in stores:
        store.close()


def test_one_of_two_gets_a_lease_and_the_other_when_it_ends(two):
    mine, theirs = (store.leases for store in two)
    assert (mine.until("job"), mine.take("job", 10, 20, LONG), theirs.until("job")) == (None, True, 20)
    assert not theirs.take("job", 19, 30, LONG)
    assert not mine.take("job", 19, 30, LONG)
    assert theirs.take("job", 20, 30, LONG)


def test_a_lease_that_is_kept_stays_and_one_that_was_lost_cannot_be_kept(two):
    mine, theirs = (store.leases for store in two)
    assert mine.take("job", 10, 20, LONG) and mine.keep("job", 40)
    assert not theirs.take("job", 30, 50, LONG)
    assert theirs.take("job", 40, 50, LONG)
    assert not mine.keep("job", 60)
    assert theirs.until("job") == 50


def test_two_names_are_two_leases(two):
    mine, theirs = (store.leases for store in two)
    assert mine.take("a", 10, 20, LONG) and theirs.take("b", 10, 20, LONG)


def test_a_lease_from_a_clock_that_was_set_back_is_free(two):
    mine, theirs = (store.leases for store in two)
    assert mine.take("job", 10**9, 10**9 + 20, LONG)
    assert not theirs.take("job", 10**9 - LONG + 20, 10**9, LONG)
    assert theirs.take("job", 10, 20, LONG)
