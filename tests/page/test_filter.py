"""The filter in the page and its JSON: one text everywhere, and a wrong one is told where it is wrong."""

import html
import json
from urllib.parse import urlencode

import pytest

from convotrace.store import Store

INJECTIONS = [
    "' OR 1=1 --",
    '"; DROP TABLE session; --', "tag:'", "NEAR(", "col:", "AND AND", '"', "*", "a" * 3000, "x " * 10_000,
    "\0", "<script>alert(1)</script>", "usr:<img src=x onerror=alert(1)>", "(" * 500, "-", "turns>9" + "9" * 50,
]  # fmt: skip


def test_a_wrong_filter_is_shown_under_the_box_that_keeps_it(ask, new_house, conversation):
    response = ask(new_house([conversation]), "/", query="q=tag%3Avip+usr%3Aann")
    page = response.body.decode()
    assert response.status == 400
    assert 'value="tag:vip usr:ann"' in page and 'aria-invalid="true"' in page
    assert "tag:vip <mark>u</mark>sr:ann" in page
    assert "Did you mean user?" in html.unescape(page)
    assert "score.helpfulness&lt;0.5" in page


def test_a_program_is_told_the_place_and_a_hint(ask, new_house, conversation):
    response = ask(new_house([conversation]), "/sessions.json", query="q=tag%3Avip+usr%3Aann")
    answer = json.loads(response.body)
    assert (response.status, sorted(answer)) == (400, ["error", "hint", "position"])
    assert answer["position"] == 8 and answer["hint"].startswith("Did you mean user?") and "“usr”" in answer["error"]


@pytest.fixture(scope="module")
def memory():
    store = Store.open("memory:")
    yield store
    store.close()


@pytest.mark.parametrize("path", ["/", "/sessions.json"])
@pytest.mark.parametrize("name", ["q", "order", "limit", "after"])
@pytest.mark.parametrize("value", INJECTIONS)
def test_no_injection_into_a_query_makes_the_page_fail(ask, new_house, conversation, memory, path, name, value):
    house = new_house([conversation])
    house.store = lambda: memory
    response = ask(house, path, query=urlencode({name: value}))
    assert response.status in (200, 400) and not house.failures
    if path == "/":
        assert b"<script>alert" not in response.body and b"<img src=x" not in response.body
