"""The list of sessions as CSV: all rows of the filter, streamed where it can be, harmless in a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import io
from dataclasses import replace

import pytest

from convotrace.page import PageRequest, answer, table

TOKEN = "open-sesame-0123456789"


def rows(body):
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


@pytest.fixture
def many(new_house, conversation):
    def make(number):
        talks = [
            replace(
                conversation,
                session=replace(conversation.session, id=f"s{n}", key=f"s{n}", first_input=f"=cmd|{n}\n地铁"),
            )
            for n in range(number)
        ]
        return new_house(talks)

    return make


def asked(house, query="", streams=False):
    headers = {"authorization": f"Bearer {TOKEN}", "host": "app.example"}
    return answer(PageRequest(path="/sessions.csv", query=query, headers=headers, streams=streams), house)


async def drained(response):
    return response.body + b"".join([part async for part in response.parts])


def test_every_session_is_a_row_and_no_cell_is_a_formula(many):
    response = asked(many(450))
    found = rows(response.body)
    assert [row["session_id"] for row in found] == [f"s{n}" for n in range(450)]
    assert found[0]["first_input"] == "'=cmd|0\n地铁"
    assert dict(response.headers)["content-type"] == "text/csv; charset=utf-8"


def test_a_door_that_streams_gets_it_page_by_page(many):
    response = asked(many(450), streams=True)
    assert response.body.startswith(b"session_id,") and b"\n" in response.body and b"s0" not in response.body
    assert len(rows(asyncio.run(drained(response)))) == 450


def test_a_door_that_does_not_gets_so_many_and_a_link_to_the_next(many, monkeypatch):
    monkeypatch.setattr(table, "_PAGES", 1)
    house = many(250)
    first = asked(house, "order=turns")
    link = dict(first.headers)["link"]
    assert len(rows(first.body)) == 200 and link == '<sessions.csv?q=&order=turns&after=200>; rel="next"'
    rest = asked(house, link.partition("?")[2].partition(">")[0])
    assert len(rows(rest.body)) == 50 and "link" not in dict(rest.headers)


def test_a_wrong_filter_or_order_is_one_sentence(many):
    assert asked(many(1), "q=outcome:x", streams=True).status == 400
    assert asked(many(1), "order=nope").status == 400


def test_who_may_not_export_gets_nothing(new_house, conversation):
    house = new_house([conversation], rights=("read",))
    assert asked(house).status == 404
