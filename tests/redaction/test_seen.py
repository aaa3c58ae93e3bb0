"""Long texts are looked through once: what was clean stays known, and what was not is found each time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.redaction import Mask
from convotrace.redaction.seen import _REMEMBERED, FROM, Seen

LONG = "Returns are free within 30 days, dear reader. " * 20
SECRET = f"{LONG} password='c4n4ry' {LONG}"


@pytest.fixture
def looked(monkeypatch):
    """Every text that a finder looked at."""
    texts = []

    def watch(mask):
        def noted(finder):
            return replace(finder, may_find=lambda text: texts.append(text) or finder.may_find(text))

        monkeypatch.setattr(mask, "_finders", tuple(map(noted, mask._finders)))
        return mask, texts

    return watch


def test_a_clean_long_text_is_looked_at_once_however_often_it_comes(looked):
    mask, texts = looked(Mask(["secrets"]))
    assert mask.is_clean([LONG, "short"]) and texts
    texts.clear()
    assert mask.is_clean([LONG, "short"]) and mask.text(LONG) == LONG
    assert not any(LONG in text for text in texts)


def test_a_text_that_holds_something_is_cleaned_each_time_and_its_clean_neighbours_are_known(looked):
    mask, texts = looked(Mask(["secrets"]))
    for number in range(1, 4):
        assert not mask.is_clean([LONG, SECRET])
        assert mask.text(LONG) == LONG
        assert "c4n4ry" not in mask.text(SECRET) and mask.counts["secrets"] == number
    texts.clear()
    assert mask.text(LONG) == LONG and texts == []


@pytest.mark.parametrize("own", [lambda text: text.replace("free", "dear"), None])
def test_functions_of_the_owner_see_every_text_each_time(own):
    mask = Mask(["secrets", *([own] if own else [])])
    assert [mask.text(LONG) == LONG for _ in range(3)] == [own is None] * 3


def test_only_so_many_texts_are_remembered():
    seen = Seen(b"key")
    for number in range(3 * _REMEMBERED):
        _, names = seen.apart([f"{number:0{FROM}}"])
        seen.add(names)
    assert len(seen._new) + len(seen._old) <= 2 * _REMEMBERED + 2
    assert seen.apart([f"{3 * _REMEMBERED - 1:0{FROM}}"]) == ([], [])


@given(st.lists(st.text(max_size=FROM + 20)))
def test_what_was_not_added_is_not_known_and_what_was_is(texts):
    seen = Seen(b"key")
    unknown, names = seen.apart(texts)
    assert unknown == texts and len(names) == sum(len(text) >= FROM for text in texts)
    seen.add(names)
    assert seen.apart(texts)[0] == [text for text in texts if len(text) < FROM]
