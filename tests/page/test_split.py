"""A session that was guessed shows that it was, and a person with the right may split it."""

import dataclasses
import json

import pytest

from convotrace.model import Signal

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}


@pytest.fixture
def guessed(conversation):
    first, second, *rest = conversation.traces
    signal = Signal("double_submit", "The same message came again.")
    second = dataclasses.replace(second, id_source="history", retries=2, signals=(signal,))
    return dataclasses.replace(conversation, traces=(first, second, *rest))


def address(conversation, trace_id):
    return f"/s/{conversation.session.key}/t/{trace_id}/split"


def test_a_guess_is_shown_with_a_form_to_split_it(ask, new_house, guessed, trace_ids):
    text = ask(new_house([guessed]), f"/s/{guessed.session.key}").body.decode()
    assert text.count("a guess: by its history") == 1
    assert f'action="{guessed.session.key}/t/{trace_ids[1]}/split"' in text
    assert "sent 3 times" in text and "double submit" in text


def test_without_the_right_there_is_no_form_and_nothing_is_split(ask, new_house, guessed, trace_ids):
    house = new_house([guessed], rights=("read",))
    text = ask(house, f"/s/{guessed.session.key}").body.decode()
    assert "a guess: by its history" in text and "/split" not in text
    assert ask(house, address(guessed, trace_ids[1]), "POST").status == 404


@pytest.mark.parametrize(("is_form", "status"), [(True, 303), (False, 201)])
def test_a_split_is_queued_and_leads_to_the_new_session(ask, new_house, guessed, trace_ids, is_form, status):
    new = dataclasses.replace(guessed, session=dataclasses.replace(guessed.session, key=trace_ids[1]))
    house = new_house([guessed, new])
    changes = []
    house.put = lambda change: not changes.append(change)
    answer = ask(house, address(guessed, trace_ids[1]), "POST", FORM if is_form else {})
    assert (answer.status, [change.session.id for change in changes]) == (status, [guessed.session.id])
    assert changes[0].decide is not None
    if is_form:
        assert dict(answer.headers)["location"] == f"../../../{trace_ids[1]}"
    else:
        assert json.loads(answer.body) == {"session_id": trace_ids[1], "key": trace_ids[1]}


def test_what_cannot_be_split_is_refused_in_a_sentence(ask, new_house, guessed, trace_ids):
    house = new_house([guessed])
    assert ask(house, address(guessed, "f" * 32), "POST").status == 404
    first = ask(house, address(guessed, trace_ids[0]), "POST")
    assert (first.status, b"begins its session" in first.body) == (400, True)
    house.accepts = False
    assert ask(house, address(guessed, trace_ids[1]), "POST").status == 503
