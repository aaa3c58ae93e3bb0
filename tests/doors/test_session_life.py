"""The life of a session through every door: its users, its end, what resumes it, what it is linked to."""

from convotrace.model import Link


def say(client, message, **more):
    client.post("/say", {"message": message, "session_id": "s", **more})


def test_two_users_of_one_id_are_two_sessions(client):
    for user in ("ann", "bob", "ann", "bob"):
        say(client, "hello", user=user)
    second, first = sorted(client.sessions(), key=lambda session: session.id == "s")
    assert (first.id, first.user_id, first.turns) == ("s", "ann", 2)
    assert second.id.startswith("s~") and len(second.id) == 10
    assert (second.user_id, second.turns, second.links) == ("bob", 2, (Link("s", "same_id"),))
    assert first.links == (Link(second.id, "same_id"),)


def test_users_share_a_session_where_that_is_asked_for(door):
    client = door(split_users=False)
    for user in ("ann", "bob"):
        say(client, "hello", user=user)
    assert [trace.user_id for trace in client.session("s").traces] == ["ann", "bob"]


def test_an_ended_session_goes_on_with_a_turn_and_not_with_a_poll(client):
    say(client, "bye", ends="completed")
    client.get("/history?session_id=s")
    assert client.session("s").session.outcome == "completed"
    say(client, "one more thing")
    found = client.session("s")
    assert (found.session.outcome, found.session.ended_ns, found.session.turns) == ("open", None, 2)
    assert [(event.name, event.attributes) for event in found.events] == [
        ("session.end", {"outcome": "completed", "resolved": None}),
        ("session.resume", {"outcome": "completed"}),
    ]
    say(client, "bye again", ends="escalated")
    assert client.session("s").session.outcome == "escalated"


def test_a_link_is_shown_by_both_sessions(client):
    client.post("/say", {"message": "hello", "session_id": "earlier"})
    say(client, "me again", link="earlier")
    assert client.session("s").session.links == (Link("earlier", "continues"),)
    assert client.session("earlier").session.links == (Link("s", "continued_by"),)
