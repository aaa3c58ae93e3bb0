"""The owner's patterns: windows, costs and what is refused; they find what a search of the whole text finds."""

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import SettingsError
from convotrace.redaction import Mask, own
from convotrace.redaction.numbers import Costly

pieces = st.lists(st.sampled_from(["ORD-1", "ORD-23", "-", "x", " ", "\n", "y" * 300, "ORD", "é"]), max_size=12)


@pytest.mark.parametrize("pattern", [r"ORD-\d+", r"\bORD-\d", r"(?=ORD)", r"ORD|-", r"x*", r"y+", r"[^\nxy]+"])
@given(parts=pieces)
def test_what_is_found_window_by_window_is_what_a_search_finds_where_matches_are_short(pattern, parts):
    text = "".join(parts)
    compiled = re.compile(pattern)
    whole = [found.span() for found in compiled.finditer(text) if found.end() > found.start()]
    with patch.object(own, "thread_time_ns", return_value=0):  # a collection of garbage may take longer than it may
        assert list(own.find(compiled, text)) == whole or any(end - start > 256 for start, end in whole)


@pytest.mark.parametrize("length", [3, 200, 256])
def test_a_match_as_long_as_the_overlap_of_two_windows_is_found_wherever_it_lies(length):
    pattern = re.compile(r"<a*>")
    for before in (0, 1, 500, 767, 768, 769, 1_000, 1_024, 2_047):
        text = "x" * before + "<" + "a" * (length - 2) + ">" + "x" * 2_000
        with patch.object(own, "thread_time_ns", return_value=0):
            assert list(own.find(pattern, text)) == [(before, before + length)]


def test_empty_matches_and_an_empty_text_are_nothing_to_take_out():
    assert list(own.find(re.compile(""), "abc" * 1_000)) == [] == list(own.find(re.compile("a"), ""))


def test_a_pattern_that_takes_too_long_leaves_nothing_of_the_text(monkeypatch):
    clock = iter(range(0, 10**12, 30_000_000))
    monkeypatch.setattr(own, "thread_time_ns", lambda: next(clock))
    with pytest.raises(Costly):
        list(own.find(re.compile("a"), "abc"))
    mask = Mask([re.compile("a")])
    assert mask.text("a secret that stays inside") == "[redacted: own (failed)]" and mask.counts["own (failed)"] == 1


def test_patterns_are_checked_when_they_are_given_and_the_sentence_names_the_one():
    own.check(["email", len, re.compile("fine")])
    with pytest.raises(SettingsError, match=r"^redact has the pattern '\(a\+\)\+b', which has a repetition inside"):
        own.check([re.compile("fine"), re.compile("(a+)+b")])


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:(a+)){10,}",
        r"(?:x(?=a+))+",
        r"(?:x(?!a+))*b",
        r"((a)?(?(2)b+|c))+",
        r"(?:(a|b+))+c",
        r"(?:a+|b)+",
        r"(?:a*?)+",
        r"(?:)*",
        r"(?:a*){10,}",
        r"(?:(?>x)a+)+",
    ],
)
def test_a_repetition_inside_a_repetition_is_refused_in_whatever_it_stands(pattern):
    assert "repetition inside a repetition" in own.fault_of(re.compile(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:a++)+b",
        r"(?:(?>a+))+b",
        r"(?:a{1,9}b){1,9}",
        r"(a)?(?(1)b|c)",
        r"(?<=a)b(?=c)(?!d)",
        r"[^a-z0 ]x",
        r"[\d\s\w]+x",
        r"[\D]x",
        r"[\S]x",
        r"[\W]x",
        r"(?s:.)x",
        r"^a$",
        r"(a)\1",
        r"",
        r"[^0A _.@/,:;=x\n\"'éa-]",
        r"\x00+",
    ],
)
def test_a_pattern_that_cannot_run_away_is_taken(pattern):
    assert own.fault_of(re.compile(pattern)) is None


def test_a_pattern_that_python_parses_otherwise_than_we_know_is_taken(monkeypatch):
    pattern = re.compile("(a+)+b")
    with monkeypatch.context() as other:
        other.setattr(re._parser, "parse", lambda *_: 1 / 0)
        found = own.fault_of(pattern)
    assert found is None


def test_how_long_a_text_may_be_is_judged_by_what_a_pattern_is_shown_at_a_time(monkeypatch):
    shown = []
    monkeypatch.setattr(own, "_took_ns", lambda pattern, text: shown.append(len(text)) or 0)
    assert own.fault_of(re.compile("(?:foo|bar)+!")) is None
    assert max(shown) == own._WINDOW


def test_a_pattern_is_slow_only_where_each_try_was(monkeypatch):
    took = iter([90_000_000, 90_000_000, 0] * 10_000)
    monkeypatch.setattr(own, "_took_ns", lambda pattern, text: next(took))
    assert own.fault_of(re.compile("a+!")) is None
    monkeypatch.setattr(own, "_took_ns", lambda pattern, text: 90_000_000)
    assert own.fault_of(re.compile("a+!")).startswith("took too long for a text of 3 characters; make it simpler")
