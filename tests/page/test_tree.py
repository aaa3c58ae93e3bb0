"""A JSON value as a tree: all of it is there, and what is no tree is text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from convotrace.page.tree import shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(JSON)
def test_any_value_is_safe_markup_that_closes_what_it_opens(value):
    html = shown(value)
    assert isinstance(html, Markup)
    assert html.count("<details") == html.count("</details>")
    assert set(re.findall(r"<(\w+)", html)) <= {"div", "details", "summary", "ul", "li", "b", "i", "span", "pre"}


def test_objects_and_lists_are_folds_with_their_size():
    html = shown({"a": [1, 2], "b": {"c": "<d>"}})
    assert "<summary>{ } <i>2 keys</i></summary>" in html
    assert "<summary>[ ] <i>2 items</i></summary>" in html
    assert '<b class="jk">c</b> <span class="jt" dir="auto">&lt;d&gt;</span>' in html


@pytest.mark.parametrize("text", ["plain", '{"broken": ', "[1, 2", "", "{not json}"])
def test_a_text_is_a_text_broken_json_too(text):
    assert shown(text).startswith("<pre>")


def test_json_inside_a_text_is_a_tree():
    assert 'class="tree"' in shown('{"a": {"b": 1}}')


def test_deep_and_wide_values_are_text_with_all_of_it():
    deep: object = "bottom"
    for _ in range(60):
        deep = [deep]
    for value, word in ((deep, "bottom"), (list(range(3000)), "2999")):
        assert shown(value).startswith("<pre>")
        assert word in shown(value)


def test_what_is_cut_says_so_and_links_to_all_of_it():
    html = shown("x" * 100_000, "t/part?name=answer")
    assert "cut at 65,536 of 100,000 characters" in html
    assert '<a href="t/part?name=answer">Show all 100,000 characters</a>' in html


def test_unseen_characters_are_escapes_in_names_and_values():
    html = shown({"a\u202e": "b\u200b"})
    assert r"a\u202e" in html and r"b\u200b" in html
