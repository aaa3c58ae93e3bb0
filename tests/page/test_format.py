"""Numbers and times as people read them, by table."""

from __future__ import annotations

import pytest

from convotrace.page import format

MS, S = 1_000_000, 1_000_000_000
NOON = 1_795_348_800 * S  # Sunday, 22 November 2026, 12:00 UTC
DAY = 86_400 * S


def _table(function, rows):
    return [pytest.param(function, given, said, id=f"{function.__name__}-{said}") for given, said in rows]


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        *_table(format.duration, [
            (None, "–"), (0, "0.0 ms"), (40_000, "<0.1 ms"), (400_000, "0.4 ms"), (949_000, "0.9 ms"),
            (960_000, "1 ms"),            (559 * MS, "559 ms"),
            (999_400_000, "999 ms"), (999_600_000, "1.00 s"), (3_980 * MS, "3.98 s"), (9_994 * MS, "9.99 s"),
            (9_996 * MS, "10.0 s"), (21_500 * MS, "21.5 s"), (59_940 * MS, "59.9 s"), (59_960 * MS, "1 m 00 s"),
            (124 * S, "2 m 04 s"), (3599 * S, "59 m 59 s"), (3_600 * S, "1 h 00 m"), (7_260 * S, "2 h 01 m"),
        ]),
        *_table(format.so_far, [
            (-S, "0 s"), (999 * MS, "0 s"), (3 * S, "3 s"), (64 * S, "1 m 04 s"), (7_500 * S, "2 h 05 m"),
        ]),
        *_table(format.seconds, [
            (None, "–"), (140 * MS, "0.14 s"), (6_190 * MS, "6.19 s"), (4 * MS, "<0.01 s"), (5 * MS, "0.01 s"),
            (1_234_567 * MS, "1,234.57 s"),
        ]),
        *_table(format.tokens, [
            (None, "–"), (0, "0"), (83, "83"), (5951, "5,951"), (9999, "9,999"), (10_000, "10.0k"), (98_234, "98.2k"),
            (999_949, "999.9k"), (999_950, "1.00M"), (1_240_000, "1.24M"),
        ]),
        *_table(format.cost, [
            (None, "–"), (0, "$0"), (1, "<$0.0001"), (90_200_000, "$0.0902"), (99_960_000, "$0.10"),
            (175_000_000, "$0.17"), (1_284_500_000_000, "$1,284.50"),
        ]),
        *_table(format.cost_column, [
            (None, "–"), (0, "$0"), (499_999, "<$0.001"), (500_000, "$0.001"), (175_000_000, "$0.175"),
        ]),
        *_table(format.share, [
            (None, "–"), (0.573, "57%"), (0.038, "3.8%"), (0.09996, "10%"), (1, "100%"), (0.0, "0.0%"),
        ]),
        *_table(format.score, [
            (0.92, "0.92"), (1.0, "1.00"), (0.0, "0.00"), (2, "2"), (4.0, "4"), (3.25, "3.25"), (True, "pass"),
            (False, "fail"), ("good", "good"), (1234.0, "1,234"), (1e30, "1e+30"),
        ]),
        *_table(format.count, [(None, "–"), (0, "0"), (1284, "1,284")]),
        *_table(format.gap, [(12 * 60 * S, "12 min"), (330 * S, "6 min"), (3 * 3600 * S, "3 h"), (3590 * S, "1 h")]),
        *_table(format.size, [
            (None, "–"), (0, "0 B"), (999, "999 B"), (96_000, "96 kB"), (999_600, "1 MB"), (214_000_000, "214 MB"),
            (1_000_000_000, "1 GB"), (1_240_000_000, "1.2 GB"),
        ]),
        *_table(format.clock, [(NOON + 10 * S, "12:00:10")]),
        *_table(format.log_clock, [(NOON + 61 * S + 21 * MS, "01:01.021")]),
        *_table(format.day_and_clock, [(NOON, "22 Nov 2026, 12:00:00")]),
    ],
)  # fmt: skip
def test_a_number_is_written_by_its_rule(function, given, said):
    assert function(given) == said


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (NOON, "12:00"), (NOON - 11 * 3600 * S, "01:00"), (NOON - DAY, "Sat 12:00"), (NOON - 6 * DAY, "Mon 12:00"),
        (NOON - 7 * DAY, "15 Nov"), (NOON - 400 * DAY, "18 Oct 2025"), (NOON + 2 * DAY, "24 Nov"),
    ],
)  # fmt: skip
def test_a_time_in_a_list_is_as_near_as_it_needs_to_be(ns, said):
    assert format.moment(ns, NOON) == said


def test_a_noun_follows_its_number():
    assert [format.plural(n, "turn") for n in (0, 1, 1284)] == ["0 turns", "1 turn", "1,284 turns"]


def test_a_long_name_keeps_both_ends_and_a_text_its_beginning():
    assert format.both_ends("a" * 20 + "z" * 20) == "a" * 14 + "…" + "z" * 13
    assert format.both_ends("x" * 28) == "x" * 28
    assert format.cut_end("one\n  two", 20) == "one two"
    assert format.cut_end("word " * 100, 12) == "word word w…"
    assert format.cut_end("x" + " " * 500 + "y", 5) == "x…"
