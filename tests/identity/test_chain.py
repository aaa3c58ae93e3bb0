"""The chain of rules: which of the places in a request names the session."""

import itertools
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.identity import Identity, Incoming, identify, keyed_hash, read_cookies
from convotrace.settings import Settings

SECRET = b"k" * 32
SETTINGS = Settings.of({}, environ={})
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def incoming(headers=(), query="", body=None, path_params=None):
    """Return a request as a door makes it."""
    request = Incoming("POST", "/chat", query, tuple(headers), lambda pairs: pairs, {})
    request.body = body
    request.path_params = path_params or {}
    return request


def found(settings=SETTINGS, secret=SECRET, own=None, **request):
    return identify(incoming(**request), settings, secret, own)


# In the order of the chain: what each rule is given, and the source and name it reports.
RULES = [
    ({"own": "by callable"}, "callable", None, "by callable"),
    ({"headers": [("x-session-id", "h1")]}, "header", "X-Session-ID", "h1"),
    ({"headers": [("x-conversation-id", "h2")]}, "header", "X-Conversation-ID", "h2"),
    ({"headers": [("x-thread-id", "h3")]}, "header", "X-Thread-ID", "h3"),
    ({"path_params": {"conversation_id": "p1"}}, "path", "conversation_id", "p1"),
    ({"query": "session_id=q1"}, "query", "session_id", "q1"),
    ({"query": "thread_id=q2"}, "query", "thread_id", "q2"),
    ({"query": "chat_id=q3"}, "query", "chat_id", "q3"),
    ({"body": {"session_id": "b1"}}, "body", "session_id", "b1"),
    ({"body": {"conversation_id": "b2"}}, "body", "conversation_id", "b2"),
    ({"body": {"thread_id": "b3"}}, "body", "thread_id", "b3"),
    ({"body": {"chat_id": 7}}, "body", "chat_id", "7"),
    ({"headers": [("baggage", "a=b,session.id=g%2F1;prop=1")]}, "baggage", "session.id", "g/1"),
    ({"headers": [("cookie", "convotrace_session=c1")]}, "own_cookie", "convotrace_session", None),
    ({"headers": [("cookie", "session_id=c2")]}, "cookie", "session_id", None),
    ({"headers": [("cookie", "conversation_id=c3")]}, "cookie", "conversation_id", None),
    ({"headers": [("cookie", "thread_id=c4")]}, "cookie", "thread_id", None),
    ({"headers": [("cookie", "sessionid=c5")]}, "cookie", "sessionid", None),
]


def together(*requests):
    """Return one request with everything that several carry; both cookies in one header, as browsers send them."""
    merged = {"headers": [], "query": [], "body": {}, "path_params": {}}
    for request in requests:
        merged["headers"] += request.get("headers", [])
        merged["query"] += [request["query"]] if "query" in request else []
        merged["body"] |= request.get("body", {})
        merged["path_params"] |= request.get("path_params", {})
        merged["own"] = merged.get("own") or request.get("own")
    cookies = [value for name, value in merged["headers"] if name == "cookie"]
    plain = [(name, value) for name, value in merged["headers"] if name != "cookie"]
    merged["headers"] = [*plain, *([("cookie", "; ".join(reversed(cookies)))] if cookies else [])]
    return {**merged, "query": "&".join(reversed(merged["query"])), "body": merged["body"] or None}


@pytest.mark.parametrize(("request_", "source", "name", "id_"), RULES)
def test_each_rule_finds_its_id_and_says_where(request_, source, name, id_):
    identity = found(**request_)
    assert (identity.source, identity.name) == (source, name)
    assert identity.id == id_ if id_ is not None else identity.id.startswith("cookie-")


@pytest.mark.parametrize(
    ("earlier", "later"), [pytest.param(a, b, id=f"{a[1]}-{b[1]}") for a, b in itertools.combinations(RULES, 2)]
)
def test_of_two_rules_in_conflict_the_earlier_one_wins(earlier, later):
    identity = found(**together(later[0], earlier[0]))
    assert (identity.source, identity.name) == (earlier[1], earlier[2])


def test_without_any_rule_there_is_no_identity():
    assert found() is None
    assert found(body={"message": "hi"}, query="q=1", headers=[("x-request-id", "1")]) is None


@pytest.mark.parametrize("blank", ["", " ", "\t", None])
def test_a_blank_falls_through_to_the_next_rule(blank):
    headers = [("x-session-id", blank)] if blank is not None else []
    identity = found(headers=headers, query=f"session_id={blank or ''}", body={"session_id": blank, "chat_id": "b"})
    assert identity == Identity("b", "body", "chat_id")


@pytest.mark.parametrize("value", [True, False, 1.5, [], ["a"], {"id": "a"}, b"a", object(), (), {1}])
def test_what_is_no_text_or_whole_number_is_no_id(value):
    assert found(body={"session_id": value}) is None


class Raises:
    def __str__(self):
        raise RuntimeError


class Unbound:
    """A proxy outside its context, as of Flask's `current_user`."""

    @property
    def __class__(self):
        raise RuntimeError


@pytest.mark.parametrize("make", [Raises, Unbound, lambda: 10**5000], ids=["raises", "unbound", "huge"])
def test_a_value_that_cannot_be_a_text_is_no_id_and_raises_nothing(make):
    assert found(path_params={"session_id": make()}) is None


@pytest.mark.parametrize("value", [0, -3, uuid.UUID(int=5)])
def test_numbers_and_uuids_of_a_route_are_ids(value):
    assert found(path_params={"session_id": value}).id == str(value)


@pytest.mark.parametrize("body", [None, [], "text", 3, [{"session_id": "x"}]])
def test_a_body_that_is_no_object_has_no_id(body):
    assert found(body=body) is None


def test_of_two_headers_of_one_name_the_first_counts():
    assert found(headers=[("x-session-id", "a"), ("x-session-id", "b")]).id == "a"
    assert found(query="session_id=a&session_id=b").id == "a"
    assert found(headers=[("cookie", "sessionid=a; sessionid=b")]) == found(headers=[("cookie", "sessionid=a")])


def test_the_names_are_the_apps_to_choose():
    options = {"session_headers": ["X-Talk"], "session_query": ["t"], "session_fields": ["talk"], "session_cookies": []}
    settings = Settings.of(options, environ={})
    assert found(settings, headers=[("x-talk", "1")]) == Identity("1", "header", "X-Talk")
    assert found(settings, query="t=2") == Identity("2", "query", "t")
    assert found(settings, body={"talk": "3"}) == Identity("3", "body", "talk")
    request = {"query": "session_id=a", "body": {"session_id": "b"}}
    assert found(settings, headers=[("x-session-id", "c"), ("cookie", "sessionid=d")], **request) is None


@pytest.mark.parametrize("header", ["", ",", "session.id", "session.id=", "session.id=%20", "x=session.id=1", ";=,"])
def test_baggage_without_the_entry_is_none(header):
    assert found(headers=[("baggage", header)]) is None


@pytest.mark.parametrize(
    "value",
    [
        JWT,
        "eyJfcGVybWFuZW50Ijp0cnVlfQ.Zk1x2A.c2lnbmF0dXJl",  # Flask
        "s%3Aabc.c2lnbmF0dXJl",  # Express
        "abc:1tKq:c2lnbmF0dXJl",  # Django, signed
        '"quoted words"',
        "",
        "a" * 257,
        "naïve",
    ],
)
def test_a_cookie_that_is_signed_or_not_opaque_is_no_id(value):
    assert found(headers=[("cookie", f"sessionid={value}")]) is None


def test_a_cookie_value_is_nowhere_in_the_id_and_another_store_hashes_it_otherwise():
    value = "9f8e7d6c5b4a"
    request = {"headers": [("cookie", f"theme=dark; sessionid={value}")]}
    first, second = found(**request), found(secret=b"other", **request)
    assert value not in first.id and first.id != second.id
    assert first == found(**request)


def test_the_same_value_in_two_cookies_is_two_sessions():
    assert found(headers=[("cookie", "sessionid=a")]).id != found(headers=[("cookie", "thread_id=a")]).id


def test_without_a_secret_cookies_name_nothing():
    assert found(secret=None, headers=[("cookie", "sessionid=a")]) is None


def test_two_chats_of_one_login_cookie_are_two_sessions():
    login = [("cookie", "sessionid=abc")]
    ids = {found(headers=login, body={"chat_id": chat}).id for chat in ("1", "2")}
    assert ids == {"1", "2"}


def test_a_query_of_thousands_of_parameters_is_read_as_far_as_it_goes():
    assert found(query="session_id=x" + "&a=1" * 5000).id == "x"
    assert found(query="&" * 100_000) is None


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;;; ;b", {"a": "1"}),
        ('a="x y"; b=2', {"a": "x y", "b": "2"}),
        ("bad name=1; b=2", {"b": "2"}),
        ("[]=1; b=2", {"b": "2"}),
    ],
)
def test_malformed_cookies_are_passed_over(header, cookies):
    assert read_cookies(header) == cookies


@given(st.text(max_size=200))
def test_no_cookie_header_raises(header):
    read_cookies(header)


texts = st.text(st.characters(), max_size=40)
values = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(texts, max_size=2))


@given(
    st.dictionaries(st.sampled_from(["x-session-id", "baggage", "cookie", "x-thread-id"]), texts),
    texts,
    st.dictionaries(st.sampled_from(["session_id", "chat_id"]), values),
)
def test_whatever_a_request_carries_identify_returns_a_storable_id_or_none(headers, query, body):
    identity = found(headers=headers.items(), query=query, body=body)
    if identity is not None:
        identity.id.encode()
        assert 0 < len(identity.id) <= 512 and "\0" not in identity.id and identity.id.strip()


def test_empty_parameters_count_and_after_a_thousand_nobody_reads_on():
    assert incoming(query="a=&b=1&b=2").query == {"a": "", "b": "1"}
    assert incoming(query="").query == {}
    assert len(incoming(query="&".join(f"p{n}={n}" for n in range(1_001))).query) == 1_000


def test_the_user_of_the_baggage_is_named_and_bounded():
    assert incoming(headers=[("baggage", "user.id=ann,session.id=s")]).named_user == "ann"
    assert len(incoming(headers=[("baggage", "user.id=" + "a" * 600)]).named_user) <= 512
    assert incoming(headers=[("baggage", "session.id=s")]).named_user is None
    assert incoming(headers=[("x-other", "user.id=ann")]).named_user is None


def raw(pairs, decode=lambda pairs: pairs):
    return Incoming("POST", "/", "", pairs, decode, {})


def lowered(pairs):
    return [(name.removeprefix("HTTP_").lower(), value) for name, value in pairs]


def test_baggage_is_known_by_the_spelling_of_each_door():
    assert raw([("HTTP_BAGGAGE", "user.id=ann")], lowered).named_user == "ann"
    decoded = raw([(b"baggage", b"user.id=ann")], lambda pairs: [(n.decode(), v.decode()) for n, v in pairs])
    assert decoded.named_user == "ann"
    assert raw([("baggage", "user.id=ann"), ("baggage", "user.id=ben")]).named_user == "ann"


def test_nothing_is_decoded_for_a_header_that_did_not_come():
    def fail(pairs):
        raise AssertionError("decoded")

    for pairs in ([("x", "y")], (("x", "y"),), [], ()):
        assert raw(pairs, fail).named_user is None


def test_headers_that_can_be_read_only_once_are_still_there_afterwards():
    request = raw(iter([("x-session-id", "s"), ("baggage", "user.id=ann")]))
    assert (request.named_user, request.headers["x-session-id"]) == ("ann", "s")


def test_a_message_of_a_connection_goes_by_what_an_earlier_one_named():
    request = incoming()
    request.earlier = {"chat_id": "c"}
    assert identify(request, SETTINGS, SECRET) == Identity("c", "body", "chat_id")
    request.body = {"chat_id": "d"}
    assert identify(request, SETTINGS, SECRET).id == "d"


def test_a_cookie_names_a_session_by_the_hash_of_its_name_and_value():
    found_ = found(headers=[("cookie", "sessionid=abc")])
    assert found_ == Identity("cookie-" + keyed_hash(SECRET, "sessionid=abc"), "cookie", "sessionid")


def test_the_cookies_of_a_request_without_any_are_none():
    assert incoming().cookies == {} and incoming(headers=[("cookie", "a=1; a=2")]).cookies == {"a": "1"}


def test_a_body_is_read_when_it_is_first_asked_for_and_once():
    asked = []
    request = incoming()
    request.offer_body(lambda: asked.append(1) or {"chat_id": "c"})
    assert asked == [] and request.body == request.body == {"chat_id": "c"} and asked == [1]
    request.offer_body(lambda: {"chat_id": "d"})
    request.body = None
    assert request.body is None
