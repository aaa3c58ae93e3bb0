"""A session is deleted by who has the right to, after a second click, with and without a browser."""

import json

import pytest

from convotrace.errors import StoreError

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
ALL = ("read", "delete")


@pytest.fixture
def address(conversation):
    return f"/s/{conversation.session.key}/delete"


def test_without_the_right_nothing_shows_that_sessions_can_be_deleted(ask, new_house, conversation, address):
    house = new_house([conversation])
    assert b"/delete" not in ask(house, f"/s/{conversation.session.key}").body
    assert ask(house, address, "POST", FORM).status == 404
    assert house.shelf.conversations == [conversation]


def test_the_form_says_what_goes_and_is_closed_until_asked_for(ask, new_house, conversation, address):
    text = ask(new_house([conversation], rights=ALL), f"/s/{conversation.session.key}").body.decode()
    form = text[text.index('<details class="add" id="delete">') :]
    assert f'action="{address.removeprefix("/s/")}"' in form
    assert "for good" in form and "requests" in form


def test_a_form_leads_back_to_the_list(ask, new_house, conversation, address):
    house = new_house([conversation], rights=ALL)
    response = ask(house, address, "POST", FORM)
    assert (response.status, dict(response.headers)["location"]) == (303, "../../")
    assert house.shelf.conversations == []
    assert house.drained


def test_a_program_is_told_how_much_was_deleted(ask, new_house, conversation, address):
    house = new_house([conversation], rights=ALL)
    response = ask(house, address, "POST")
    assert response.status == 200
    assert json.loads(response.body) == {"session_id": conversation.session.id, "deleted": {"sessions": 1}}
    assert ask(house, address, "POST").status == 404


@pytest.mark.parametrize("sent", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_another_site_cannot_delete(ask, new_house, conversation, address, sent):
    house = new_house([conversation], rights=ALL)
    assert ask(house, address, "POST", {"content-type": FORM["content-type"], **sent}).status == 404
    assert ask(house, address).status == 405
    assert house.shelf.conversations == [conversation]


def test_a_store_that_cannot_be_written_is_said(ask, new_house, conversation, address, monkeypatch):
    house = new_house([conversation], rights=ALL)

    def forget(session_id):
        raise StoreError("The store is locked by another process; end it.")

    house.forget = forget
    response = ask(house, address, "POST")
    assert (response.status, b"locked" in response.body) == (503, True)
