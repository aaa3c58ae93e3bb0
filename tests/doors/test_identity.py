"""The identity chain through every door: a row per rule, and a row per pair of rules in conflict."""

from itertools import combinations

import pytest

# In the order of the chain; each puts its id into a request.
RULES = ["callable", "header", "path", "query", "body", "baggage", "own_cookie", "cookie"]


def request_with(rules):
    """Return path, body and headers of a request in which each of some rules finds an id of its own."""
    path = "/threads/of-path" if "path" in rules else "/chat"
    path += "?conversation_id=of-query" if "query" in rules else ""
    body = {"message": "hi"} | ({"chat_id": "of-body"} if "body" in rules else {})
    headers = [("X-Conversation-ID", "of-header")] if "header" in rules else []
    headers += [("X-Room", "of-callable")] if "callable" in rules else []
    headers += [("baggage", "user.id=u,session.id=of-baggage;p=1")] if "baggage" in rules else []
    cookies = ["theme=dark"] + (["convotrace_session=0123456789abcdef"] if "own_cookie" in rules else [])
    cookies += ["sessionid=fedcba9876543210"] if "cookie" in rules else []
    return path, body, [*headers, ("cookie", "; ".join(cookies))]


def found_by(door, rules):
    """Send the request; return the source and id of the session it made."""
    client = door(session_id=lambda request: request.headers.get("x-room"))
    path, body, headers = request_with(rules)
    assert client.post(path, body, headers).status == 200
    (session,) = client.sessions()
    return session.id_source, session.id


def expected(rule):
    return rule, f"of-{rule}"


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_alone_names_the_session(door, rule):
    if rule == "path" and door.name == "wsgi":
        pytest.skip("bare WSGI knows no path parameters")
    source, id = found_by(door, [rule])
    assert source == rule
    assert id == f"of-{rule}" if "cookie" not in rule else id.startswith("cookie-") and len(id) == 39


@pytest.mark.parametrize(("first", "second"), list(combinations(RULES, 2)))
def test_of_two_rules_in_conflict_the_earlier_wins(door, first, second):
    if first == "path" and door.name == "wsgi":
        first = second  # not known there, so the other one names the session
    source, id = found_by(door, {first, second} | ({"path"} if "path" in (first, second) else set()))
    assert source == first
    assert id == f"of-{first}" if "cookie" not in first else id.startswith("cookie-")


def test_the_header_names_have_an_order_and_a_repeated_header_its_first_value(door):
    client = door()
    client.post("/chat", {"message": "hi"}, [("X-Thread-ID", "t"), ("X-Session-ID", "s"), ("X-Conversation-ID", "c")])
    assert [s.id for s in client.sessions()] == ["s"]


@pytest.mark.parametrize("value", ["", "   ", None, True, {}, [], 1.5])
def test_what_is_no_id_is_passed_over(door, value):
    client = door()
    client.post("/chat", {"message": "hi", "session_id": value, "thread_id": "t"})
    assert [s.id for s in client.sessions()] == ["t"]


def test_a_signed_cookie_names_nothing(door):
    client = door()
    for value in ("eyJhbGciOi.J9.abc", "InNpZCI.Zx8.sig-nature", 'a"b'):
        client.post("/chat", {"message": "hi"}, [("cookie", f"sessionid={value}")])
    assert {s.id_source for s in client.sessions()} == {"none"}


def test_a_header_in_utf8_keeps_its_characters(door):
    client = door()
    client.post("/chat", {"message": "hi"}, [("X-Session-ID", "séance-😀".encode())])
    assert [s.id for s in client.sessions()] == ["séance-😀"]


def test_one_id_of_many_clients_is_pointed_out(door):
    client = door()
    for n in range(4):
        client.post("/chat", {"message": "hi", "session_id": "shared"}, [("user-agent", f"agent {n}")])
    (session,) = client.sessions()
    assert "one_id_many_clients" in {warning.code for warning in session.warnings}
