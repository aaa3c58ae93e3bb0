"""What is asked for becomes terms that cannot be anything else, and snippets come back as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.store.sqlite.fulltext import SqliteSpeech
from convotrace.store.wording import CLOSE, MOST_CHARACTERS, OPEN, Term, marked, spoken, terms

CHINESE = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", [Term("refund")]),
        ("  two words ", [Term("two"), Term("words")]),
        ('"a phrase" more', [Term("a phrase"), Term("more")]),
        ('"never closed', [Term("never closed")]),
        ("flig* -cancel*", [Term("flig", prefix=True), Term("cancel", prefix=True, is_absent=True)]),
        ('a -"not this"', [Term("a"), Term("not this", is_absent=True)]),
        ("NEAR(a b, 2) AND", [Term("NEAR(a"), Term("b,"), Term("2)"), Term("AND")]),
        ("input:x ?! * - …", [Term("input:x")]),
        ("well-known x--y", [Term("well-known"), Term("x--y")]),
    ],
)
def test_words_phrases_prefixes_and_exclusions(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize("text", ["", "   ", "?!", "-only -these", '""', "*", "-", "👍"])
def test_a_text_that_names_nothing_is_refused_in_one_sentence(text):
    with pytest.raises(BadRequest, match="names nothing"):
        terms(text)


def test_a_text_that_is_too_long_is_refused_with_the_limit():
    with pytest.raises(BadRequest, match="at most 500"):
        terms("x" * (MOST_CHARACTERS + 1))
    with pytest.raises(BadRequest, match="at most 20"):
        terms("x " * 21)


@pytest.mark.parametrize("text", ["a*", "word -b*", 'word "c"*'])
def test_all_words_of_one_letter_are_not_asked_for(text):
    with pytest.raises(BadRequest, match="two letters"):
        terms(text)


def test_operators_come_from_the_parser_alone():
    assert (
        SqliteSpeech().expression(terms('OR "x NEAR y" col:z -a -bc*'))
        == '("OR" AND "x NEAR y" AND "col:z") NOT ("a" OR "bc"*)'
    )


def test_scripts_without_spaces_are_set_apart():
    assert spoken("坐地铁") == " 坐  地  铁 "
    assert spoken("plain text") == "plain text"
    assert spoken("información") == "información"
    assert spoken(None) is None
    assert spoken("สวัสดี").count(" ") == 12


@given(st.text(st.one_of(CHINESE, st.characters(codec="utf-8", exclude_characters=[OPEN, CLOSE, "\0", "\ufdd0"]))))
def test_a_snippet_of_a_whole_text_is_the_text(text):
    assert marked(spoken(text)) == (text, ())


@given(st.text(CHINESE, min_size=1), st.text("ab 地铁.\n"), st.text("ab 地铁.\n"))
def test_marks_stand_around_what_was_found(word, before, after):
    found = spoken(word).strip()
    snippet = f"{spoken(before)} {OPEN}{found}{CLOSE} {spoken(after)}"
    text, marks = marked(snippet)
    assert text == before + word + after
    assert [text[start:end] for start, end in marks] == [word]
