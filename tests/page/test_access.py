"""The guard: what opens the page, what never does, and that the refused learn nothing."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping

import pytest

from convotrace.errors import StoreError
from convotrace.page.access import COOKIE, Admission, cookie_value

LOCAL = {"host": "localhost:8000"}
SITE = {"sec-fetch-site": "cross-site"}
NAVIGATION = {**SITE, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
PATHS = [
    "", "/", "/sessions.json", "/s/{key}", "/s/{key}.json", "/s/{key}/t/" + "a" * 32, "/s/{key}/scores", "/health",
    "/dashboard",
    "/health.json", "/healthz", "/static/0123456789abcdef/app.css", "/unknown", "//", "/s/", "/s/../", "/s/unknown",
    "/%2e%2e/", "/S/x", "/health/", "/\x00", "/feedback", "/review", "/review/q", "/scores", "/datasets/d",
    "/datasets/d/export", "/collect",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_the_refused_get_the_bytes_and_headers_of_an_unknown_address(ask, new_house, conversation, path, method):
    house = new_house([conversation])
    path = path.replace("{key}", conversation.session.key)
    unknown = ask(house, "/nothing-here", method)
    assert unknown.status == 404
    for headers in ({}, {"cookie": f"{COOKIE}=wrong"}, {"authorization": "Bearer wrong"}):
        assert ask(house, path, method, headers, query="token=wrong", bearer=False, body=b"{}") == unknown


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer open-sesame-0123456789"}, 200),
        ({"authorization": "bearer open-sesame-0123456789"}, 200),
        ({"authorization": "Bearer  open-sesame-0123456789 "}, 200),
        ({"authorization": "Basic open-sesame-0123456789"}, 404),
        ({"authorization": "Bearer open-sesame"}, 404),
        ({"authorization": "Bearer "}, 404),
        ({"authorization": "Bearer \ud800é"}, 404),
        ({"cookie": f"a=b; {COOKIE}={cookie_value('open-sesame-0123456789')}"}, 200),
        ({"cookie": f"{COOKIE}=other; {COOKIE}={cookie_value('open-sesame-0123456789')}"}, 200),
        ({"cookie": f"{COOKIE}=open-sesame-0123456789"}, 404),
        ({"cookie": f"x{COOKIE}={cookie_value('open-sesame-0123456789')}"}, 404),
        ({"cookie": COOKIE}, 404),
        ({}, 404),
    ],
)
def test_only_the_token_or_its_cookie_opens(ask, new_house, headers: Mapping[str, str], status: int):
    assert ask(new_house([]), "/sessions.json", headers=headers, bearer=False).status == status


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_token_nobody_has_one(ask, new_house, secret):
    house = new_house([])
    house.secret = secret
    for headers in ({"authorization": "Bearer "}, {"authorization": "Bearer None"}, {"cookie": f"{COOKIE}="}):
        assert ask(house, "/healthz", headers=headers, bearer=False).status == 404
    assert ask(house, "/", query="token=", bearer=False).status == 404


def test_a_store_that_cannot_be_opened_refuses_and_is_counted(ask, new_house):
    house = new_house([])
    house.broken = StoreError("gone")
    assert ask(house, "/healthz").status == 404
    assert house.failures[0][0] == "token"


def test_a_stranger_without_credentials_costs_no_look_at_the_store(ask, new_house):
    house = new_house([])
    house.broken = StoreError("gone")
    assert ask(house, "/", bearer=False).status == 404
    assert house.failures == []


@pytest.mark.parametrize(
    ("headers", "peer", "dev", "status"),
    [
        (LOCAL, "127.0.0.1", True, 200),
        (LOCAL, "::1", True, 200),
        (LOCAL, "::ffff:127.0.0.1", True, 200),
        (LOCAL, "127.8.9.10", True, 200),
        ({"host": "LOCALHOST"}, "127.0.0.1", True, 200),
        ({"host": "127.0.0.1:5000"}, "127.0.0.1", True, 200),
        ({"host": "[::1]:5000"}, "::1", True, 200),
        (LOCAL, "127.0.0.1", False, 404),
        (LOCAL, "203.0.113.9", True, 404),
        (LOCAL, "::ffff:203.0.113.9", True, 404),
        (LOCAL, None, True, 404),
        (LOCAL, "", True, 404),
        (LOCAL, "testclient", True, 404),
        ({"host": "app.example"}, "127.0.0.1", True, 404),
        ({"host": "localhost.evil.example"}, "127.0.0.1", True, 404),
        ({"host": "localhost:1@evil.example"}, "127.0.0.1", True, 404),
        ({"host": ""}, "127.0.0.1", True, 404),
        ({"host": "localhost, evil.example"}, "127.0.0.1", True, 404),
        ({**LOCAL, "x-forwarded-for": "127.0.0.1"}, "127.0.0.1", True, 404),
        ({**LOCAL, "x-forwarded-proto": ""}, "127.0.0.1", True, 404),
        ({**LOCAL, "x-forwarded-anything": "x"}, "127.0.0.1", True, 404),
        ({**LOCAL, "forwarded": "for=127.0.0.1"}, "127.0.0.1", True, 404),
        ({**LOCAL, "via": "1.1 proxy"}, "127.0.0.1", True, 404),
        ({**LOCAL, "x-real-ip": "127.0.0.1"}, "127.0.0.1", True, 404),
    ],
)
def test_only_declared_development_on_this_machine_opens_without_a_token(ask, new_house, headers, peer, dev, status):
    assert ask(new_house([]), "/healthz", headers=headers, peer=peer, dev=dev, bearer=False).status == status


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/sessions.json", "GET", {"sec-fetch-site": "same-origin"}, 200),
        ("/sessions.json", "GET", {"sec-fetch-site": "none"}, 200),
        ("/sessions.json", "GET", {"sec-fetch-site": "same-site"}, 404),
        ("/sessions.json", "GET", SITE, 404),
        ("/sessions.json", "GET", {"sec-fetch-site": "same-origin, cross-site"}, 404),
        ("/sessions.json", "GET", {"sec-fetch-site": ""}, 404),
        ("/sessions.json", "GET", NAVIGATION, 404),
        ("/healthz", "GET", NAVIGATION, 404),
        ("/", "GET", SITE, 404),
        ("/", "GET", NAVIGATION, 200),
        ("/health", "GET", NAVIGATION, 200),
        ("/", "HEAD", NAVIGATION, 404),
        ("/", "POST", NAVIGATION, 404),
        ("/", "GET", {**NAVIGATION, "sec-fetch-dest": "iframe"}, 404),
        ("/", "GET", {**NAVIGATION, "sec-fetch-mode": "no-cors"}, 404),
        ("/", "GET", {"origin": "https://evil.example"}, 404),
        ("/", "GET", {"origin": "null"}, 404),
        ("/", "GET", {"origin": ""}, 404),
        ("/", "GET", {"origin": "http://app.example"}, 200),
        ("/", "GET", {"origin": "https://app.example"}, 200),
        ("/", "GET", {"origin": "http://app.example:80"}, 200),
        ("/", "GET", {"origin": "https://app.example:443"}, 200),
        ("/", "GET", {"origin": "http://app.example:8080"}, 404),
        ("/", "GET", {"origin": "http://app.example:bad"}, 404),
        ("/", "GET", {"origin": "http://app.example.evil.example"}, 404),
        ("/", "GET", {"origin": "app.example"}, 404),
        ("/", "GET", {"origin": "http://page.example:8443"}, 200),
        ("/", "GET", {"origin": "http://page.example"}, 404),
        ("/", "GET", {"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_a_request_sent_from_elsewhere_is_refused_even_with_the_token(ask, new_house, path, method, headers, status):
    house = new_house([], page_url="https://page.example:8443/_sessions")
    assert ask(house, path, method, headers).status == status


ALL = ("read", "annotate", "export")


@pytest.mark.parametrize(
    ("given", "reads", "annotates"),
    [
        (True, 200, 400),
        ("read", 200, 404),
        ({"read"}, 200, 404),
        (["read", "annotate"], 200, 400),
        (("annotate",), 404, 400),
        (frozenset({"read", "delete"}), 200, 404),
        (1, 404, 404),
        ("yes", 404, 404),
        ("", 404, 404),
        (None, 404, 404),
        (False, 404, 404),
        ([], 404, 404),
        (["read", "everything"], 404, 404),
        ([["read"]], 404, 404),
        ({"read": True}, 404, 404),
        (object(), 404, 404),
    ],
)
def test_auth_alone_decides_and_only_a_plain_answer_opens(ask, new_house, conversation, given, reads, annotates):
    house = new_house([conversation], auth=lambda request: given)
    assert ask(house, "/sessions.json").status == reads
    scored = f"/s/{conversation.session.key}/scores"
    assert ask(house, scored, "POST", {"content-type": "application/json"}, body=b"{}").status == annotates


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), RecursionError(), BaseException("odd")])
def test_an_auth_that_fails_refuses_and_is_counted(ask, new_house, error):
    def auth(request):
        raise error

    house = new_house([], auth=auth)
    assert ask(house, "/healthz").status == 404
    assert house.failures == [("auth", error)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_process_passes_through_auth_and_opens_nothing(ask, new_house, error):
    def auth(request):
        raise error

    with pytest.raises(error):
        ask(new_house([], auth=auth), "/healthz")


def test_an_async_auth_refuses_without_a_word_in_the_apps_log(ask, new_house):
    async def auth(request):
        return True

    house = new_house([], auth=auth)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(house, "/healthz").status == 404
    assert "awaitable" in str(house.failures[0][1])


def test_with_auth_neither_token_nor_development_opens(ask, new_house):
    house = new_house([], auth=lambda request: None)
    assert ask(house, "/healthz").status == 404
    assert ask(house, "/", query="token=open-sesame-0123456789").status == 404
    assert ask(house, "/healthz", headers=LOCAL, peer="127.0.0.1", dev=True, bearer=False).status == 404


def test_auth_sees_the_request_as_it_came(ask, new_house):
    seen = []
    house = new_house([], auth=lambda request: seen.append(request) or True)
    ask(house, "/healthz", headers={"x-user": "ann"}, query="a=1")
    assert (seen[0].path, seen[0].query, seen[0].headers["x-user"]) == ("/healthz", "a=1", "ann")


def test_the_token_gives_the_rights_of_the_settings_and_no_more(ask, new_house, conversation):
    house = new_house([conversation], rights=("read",))
    assert ask(house, "/").status == 200
    assert ask(house, f"/s/{conversation.session.key}/scores", "POST").status == 404
    assert b"Add a score" not in ask(house, f"/s/{conversation.session.key}").body


@pytest.mark.parametrize(
    ("by", "name", "who"),
    [("development", "", "loopback"), ("link", "", "token"), ("token", "", "token"), ("auth", "", "auth"),
     ("auth", "ann", "ann")],
)  # fmt: skip
def test_the_audit_names_the_visitor_or_what_opened_the_door(by, name, who):
    assert Admission(frozenset({"read"}), by, name).who == who
    assert Admission(frozenset(), "link").name == ""


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"name": "ann", "rights": ("read",)}, 200),
        ({"name": "ann"}, 200),
        ({"name": "a", "rights": True}, 200),
        ({"name": "a" * 200, "rights": True}, 200),
        ({"name": "a" * 201, "rights": True}, 404),
        ({"name": "", "rights": True}, 404),
        ({"name": 5, "rights": True}, 404),
        ({"rights": True}, 404),
        ({"name": "ann", "rights": True, "more": 1}, 404),
        ({"name": "ann", "rights": ()}, 404),
    ],
)
def test_an_auth_may_name_the_visitor_and_nothing_half_named_opens(ask, new_house, answer, status):
    house = new_house([], auth=lambda request: answer)
    assert ask(house, "/healthz", bearer=False).status == status


def test_an_origin_that_cannot_be_read_is_not_ours(ask, new_house):
    headers = {"origin": "http://app.example:99999999"}
    assert ask(new_house([]), "/views.json", headers=headers).status == 404
