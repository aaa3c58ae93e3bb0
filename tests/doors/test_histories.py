"""Conversations whose clients send the whole history, through every door."""

import pytest


class Chat:
    """A client that sends all messages with each request, as the page of a stateless app does."""

    def __init__(self, client, **more):
        self.client = client
        self.more = more
        self.messages = []

    def say(self, text, answered=True, **more):
        messages = [*self.messages, {"role": "user", "content": text}]
        answer = self.client.post("/say", {"messages": messages, **self.more, **more})
        if answer.status == 200:
            self.messages = [*messages, {"role": "assistant", "content": answer.json["reply"]}]

    def back_to(self, turns):
        self.messages = self.messages[: 2 * turns]


def shown(conversation):
    return [(trace.turn, trace.input.text, trace.replaces) for trace in conversation.traces]


def test_a_conversation_without_an_id_is_one_session(client):
    one, two = Chat(client), Chat(client)
    for number in range(4):
        one.say(f"one {number}")
        two.say(f"two {number}")
    found = client.sessions()
    assert [session.turns for session in found] == [4, 4]
    assert {session.id_source for session in found} == {"history"}
    for session in found:
        texts = [trace.input.text for trace in client.session(session.id).traces]
        assert texts in ([f"one {n}" for n in range(4)], [f"two {n}" for n in range(4)])


def test_a_guess_is_split_by_who_may(client):
    chat = Chat(client)
    for number in range(4):
        chat.say(f"{number}")
    (session,) = client.sessions()
    at = client.session(session.id).traces[2].id
    path = f"/_sessions/s/{session.key}/t/{at}/split"
    assert client.request("POST", path).status == 404
    token = client.observer.store.token()
    answer = client.request("POST", path, headers=[("authorization", f"Bearer {token}")])
    assert (answer.status, answer.json) == (201, {"session_id": at, "key": at})
    assert [client.session(id).session.turns for id in (session.id, at)] == [2, 2]
    chat.say("4")
    assert [trace.input.text for trace in client.session(at).traces] == ["2", "3", "4"]


def test_without_the_rule_each_such_turn_stands_alone(door):
    client = door(history=False)
    chat = Chat(client)
    for number in range(4):
        chat.say(f"{number}")
    assert [session.turns for session in client.sessions()] == [1] * 4


def test_without_content_nothing_is_guessed(door):
    client = door(content=False)
    chat = Chat(client)
    for number in range(4):
        chat.say(f"{number}")
    assert [session.turns for session in client.sessions()] == [1] * 4


@pytest.mark.parametrize("text", ["two", "two, please"])
def test_an_edited_or_regenerated_message_replaces_its_turn(client, text):
    chat = Chat(client, session_id="s")
    for message in ("one", "two", "three"):
        chat.say(message)
    chat.back_to(1)
    chat.say(text)
    chat.say("and on")
    traces = client.session("s").traces
    assert shown(client.session("s")) == [
        (1, "one", None), (2, "two", None), (3, "three", None), (4, text, traces[1].id), (5, "and on", None),
    ]  # fmt: skip


def test_a_mark_to_regenerate_replaces_the_last_turn_and_equal_texts_do_not(client):
    for more in ({}, {}, {"regenerate": True}):
        client.post("/chat", {"message": "ok", "session_id": "s", "user": "ann", **more})
    _, second, third = client.session("s").traces
    assert (second.replaces, third.replaces) == (None, second.id)


def test_a_message_sent_again_after_a_failure_is_a_retry(client):
    for fails in (True, True, False):
        client.post("/say", {"message": "hello", "session_id": "s", "fails": fails})
    first, second, third = client.session("s").traces
    assert [(t.retries, t.replaces) for t in (first, second, third)] == [(None, None), (1, first.id), (2, second.id)]
    assert third.signals[0].name == "retry"


def test_a_message_sent_twice_at_once_is_a_double_submit(client, monkeypatch):
    monkeypatch.setattr("convotrace.insight.versions.QUICK_NS", 10**15)
    for _ in range(2):
        client.post("/say", {"message": "hello", "session_id": "s"})
    first, second = client.session("s").traces
    assert (first.signals, second.retries, second.replaces) == ((), None, None)
    assert second.signals[0].name == "double_submit"
    assert "turn 1" in second.signals[0].why
