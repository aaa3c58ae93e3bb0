"""The guard by itself: what opened the door, with which rights, under which name, and what never opens it."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

from convotrace.errors import StoreError
from convotrace.page import access
from convotrace.page.access import Admission, admit, admit_sender, cookie_value
from convotrace.page.http import PageRequest
from convotrace.page.link import swap, to_folder, up_from
from convotrace.page.routes import ROUTES, find, is_page

TOKEN = "open-sesame"
RIGHTS = ("read", "annotate", "export")
HOST = {"host": "app.example"}
LOCAL = {"host": "localhost:8000"}
ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
BEARER = {"authorization": f"Bearer {TOKEN}"}
PROOF = "convotrace_page=" + cookie_value(TOKEN)


class House:
    """The part of a house that the guard asks."""

    def __init__(self, token=TOKEN, **options):
        told = {"auth": None, "page_url": None, "rights": RIGHTS, "otlp_receiver": True, "otlp_token": None, **options}
        self.settings = SimpleNamespace(**told)
        self.kept, self.asked, self.failures = token, 0, []

    def token(self):
        self.asked += 1
        if isinstance(self.kept, Exception):
            raise self.kept
        return self.kept

    def failed(self, where, error):
        self.failures.append((where, error))


def request(headers=(), method="GET", query="", peer="203.0.113.9", dev=False):
    return PageRequest(method, "/", query, {**HOST, **dict(headers)}, peer=peer, dev=dev)


def by(asked, house=None, is_html=True):
    """Return what opened the door, None where nothing did."""
    found = admit(asked, house or House(), is_html)
    return found and found.by


HERE = {"peer": "127.0.0.1", "dev": True}


def test_what_opened_the_door_is_told_and_the_rights_are_those_of_the_settings():
    assert by(request(query=f"a=1&token={TOKEN}")) == "link"
    assert by(request(BEARER)) == by(request({"cookie": PROOF})) == "token"
    assert by(request(LOCAL, **HERE)) == "development"
    found = admit(request(BEARER), House(rights=("read",)), True)
    assert found == Admission(frozenset({"read"}), "token", "") and found.who == "token"
    assert admit(request(LOCAL, **HERE), House(rights=("export",)), True).rights == {"export"}


def test_in_development_too_the_token_is_what_opened():
    assert by(request({**LOCAL, **BEARER}, **HERE)) == "token"
    assert by(request(LOCAL, query=f"token={TOKEN}", **HERE)) == "link"
    assert by(request({**LOCAL, "authorization": "Bearer wrong"}, **HERE)) == "development"


def test_a_link_opens_pages_to_get_alone_and_the_bearer_opens_the_rest():
    assert by(request(query=f"token={TOKEN}"), is_html=False) is None
    assert by(request(query=f"token={TOKEN}", method="POST")) is None
    assert by(request({**BEARER}, query="token=wrong", method="POST"), is_html=False) == "token"


@pytest.mark.parametrize(("before", "opens"), [(0, True), (59, True), (60, False), (5_000, False)])
def test_a_link_is_read_among_sixty_fields(before, opens):
    query = "&".join(["a=1"] * before + [f"token={TOKEN}"])
    assert by(request(query=query)) == ("link" if opens else None)
    assert by(request({"cookie": PROOF}, query=query)) == ("link" if opens else "token")


@pytest.mark.parametrize(
    ("cookie", "opens"),
    [
        (PROOF, True),
        (PROOF.replace("=", '="') + '"', True),
        (f"a=b;{PROOF}", True),
        (f"{PROOF}~", False),
        (PROOF.replace("convotrace_page=", "convotrace_page_1234abcd="), True),
        (PROOF.replace("convotrace_page=", "convotrace_pages="), False),
        (PROOF.replace("convotrace_page=", "Convotrace_page="), False),
        ("; ".join([*["convotrace_page=x"] * 31, PROOF]), True),
        ("; ".join([*["convotrace_page=x"] * 32, PROOF]), False),
        (f"convotrace_page={TOKEN}", False),
        ("convotrace_page=", False),
    ],
)
def test_of_cookies_ours_opens_by_its_proof_among_the_first_of_its_name(cookie, opens):
    assert by(request({"cookie": cookie})) == ("token" if opens else None)


def test_a_proof_is_the_same_for_ever_and_tells_no_token():
    assert cookie_value("a") == "cfc1acab43283ccac3277e4f38add286de36ff4ee3a47500"
    assert cookie_value("b") != cookie_value("a") and len(cookie_value("b")) == 48


@pytest.mark.parametrize("token", ["\ud800", "é", "a b"])
def test_a_token_of_any_characters_is_compared_as_it_is(token):
    assert by(request({"authorization": f"Bearer {token}"}), House(token)) == "token"
    assert by(request({"authorization": "Bearer \udfff"}), House(token)) is None


@pytest.mark.parametrize("kept", [None, "", StoreError("gone")])
def test_without_a_token_nothing_but_development_opens(kept):
    for headers in (BEARER, {"cookie": PROOF}, {"authorization": "Bearer "}):
        house = House(kept)
        assert by(request(headers), house) is None
        assert [where for where, _ in house.failures] == (
            ["token"] * house.asked if isinstance(kept, Exception) else []
        )
    assert by(request({**LOCAL, **BEARER}, **HERE), House(kept)) == "development"


@pytest.mark.parametrize("headers", [{}, {"cookie": "a=b"}, {"authorization": "Basic x"}, {"authorization": "x"}])
def test_for_a_stranger_without_credentials_the_store_is_not_asked(headers):
    house = House()
    assert by(request(headers), house) is None and house.asked == 0


@pytest.mark.parametrize(
    ("peer", "opens"),
    [("127.0.0.1", True), ("::1", True), ("::1%lo", True), ("127.1.2.3", True), ("::ffff:127.0.0.1", True),
     ("::ffff:192.0.2.1", False), ("0.0.0.0", False), ("fe80::1%lo", False), ("%127.0.0.1", False), ("", False),
     (None, False)],
)  # fmt: skip
def test_development_opens_to_this_machine_alone(peer, opens):
    assert by(request(LOCAL, peer=peer, dev=True)) == ("development" if opens else None)


@pytest.mark.parametrize("name", ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-"])
def test_development_opens_to_nobody_behind_a_proxy_whatever_it_says(name):
    assert by(request({**LOCAL, name: ""}, **HERE)) is None
    assert by(request({**LOCAL, f"a-{name}": ""}, **HERE)) == "development"


def test_without_any_header_development_opens_to_nobody():
    assert by(PageRequest("GET", "/", "", None, **HERE)) is None
    assert by(PageRequest("GET", "/", "", {}, **HERE)) is None


# Sent from elsewhere


def test_a_page_may_be_led_to_from_elsewhere_and_data_may_not():
    assert by(request({**BEARER, **ELSEWHERE})) == "token"
    assert by(request({**BEARER, **ELSEWHERE}), is_html=False) is None
    for name in ("sec-fetch-mode", "sec-fetch-dest"):
        assert by(request({**BEARER, **ELSEWHERE, name: "x"})) is None
    assert by(request({**BEARER, **ELSEWHERE}, method="POST")) is None


@pytest.mark.parametrize(
    ("origin", "host", "page_url", "opens"),
    [
        ("https://app.example", "app.example", None, True),
        ("https://APP.example", "app.EXAMPLE", None, True),
        ("https://app.example:8443", "app.example:8443", None, True),
        ("https://app.example", "app.example:443", None, True),
        ("http://app.example", "app.example:443", None, False),
        ("https://app.example:80", "app.example", None, False),
        ("http://app.example:81", "app.example", None, False),
        ("ftp://app.example", "app.example", None, False),
        ("http://", "", None, False),
        ("http://app.example", "app.example:port", None, False),
        ("https://page.example", "app.example", "https://page.example/x", True),
        ("https://page.example", "app.example", "https://other.example/x", False),
        ("https://page.example", "", "https://page.example", True),
        ("null", "app.example", "https://page.example", False),
    ],
)
def test_an_origin_is_ours_by_its_host_and_port_or_those_of_the_page_url(origin, host, page_url, opens):
    asked = request({**BEARER, "origin": origin, "host": host})
    assert by(asked, House(page_url=page_url)) == ("token" if opens else None)


def test_what_the_browser_says_of_the_site_counts_before_the_origin():
    assert by(request({**BEARER, "origin": "https://evil.example", "sec-fetch-site": "none"})) == "token"
    assert by(request({**BEARER, "origin": "https://app.example", "sec-fetch-site": "same-site"})) is None


def test_elsewhere_is_refused_before_the_apps_own_login_is_asked():
    asked = []
    assert by(request({**ELSEWHERE}, method="POST"), House(auth=asked.append)) is None and asked == []


# The app's own login


def logged_in(answer, **options):
    house = House(auth=lambda request: answer, **options)
    return admit(request(), house, True), house


def test_a_login_gives_its_rights_and_a_name_only_where_it_says_one():
    assert logged_in(True)[0] == Admission(frozenset(RIGHTS), "auth", "")
    assert logged_in("delete")[0] == Admission(frozenset({"delete"}), "auth", "")
    assert logged_in({"name": "ann", "rights": ["read"]})[0] == Admission(frozenset({"read"}), "auth", "ann")
    assert logged_in({"name": "ann"}, rights=("read",))[0].rights == {"read"}
    assert logged_in({"name": "ann"})[0].who == "ann" and logged_in(True)[0].who == "auth"


@pytest.mark.parametrize(
    "answer",
    [{"name": "ann", "rights": 1}, {"name": "ann", "rights": {"read": 1}}, {"rights": ["read"]}, {"read": True}, {},
     [True], ["read", 1], ("send",), ("judge",), {"name": "ann", "rights": None}, b"read", iter(["read"])],
)  # fmt: skip
def test_an_answer_that_is_not_plain_opens_nothing_and_is_no_failure(answer):
    found, house = logged_in(answer)
    assert found is None and house.failures == []


class Sly(str):
    """A right of another class, that may say it is equal to anything."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def test_rights_of_another_class_open_nothing():
    assert logged_in(Sly("x"))[0] is None and logged_in([Sly("x")])[0] is None
    assert logged_in(type("Sub", (list,), {})(["read"]))[0] is None


class Later:
    """Something to be awaited that is no coroutine, and cannot be closed."""

    def __await__(self):
        yield


async def later():
    return True


def test_a_login_that_answers_later_refuses_says_why_and_leaves_nothing_waiting():
    coroutine = later()
    for answer in (coroutine, Later()):
        found, house = logged_in(answer)
        ((where, error),) = house.failures
        assert found is None and where == "auth" and type(error) is TypeError
        assert str(error) == "auth= answered with an awaitable; use a function that answers at once."
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


# Those who send spans


def test_a_sender_gets_the_right_to_send_and_no_other():
    assert admit_sender(request(BEARER), House()) == Admission(frozenset({"send"}), "token")
    assert admit_sender(request(LOCAL, **HERE), House()) == Admission(frozenset({"send"}), "development")
    assert admit_sender(request(BEARER), House(otlp_receiver=False)) is None
    assert (access.SEND, access.JUDGE, access.COOKIE) == ("send", "judge", "convotrace_page")


def test_a_sender_without_a_bearer_asks_no_store_and_in_development_is_not_led_here_from_elsewhere():
    house = House()
    assert admit_sender(request(), house) is None and house.asked == 0
    assert admit_sender(request({**LOCAL, **ELSEWHERE}, **HERE), House()) is None
    assert admit_sender(request({**BEARER, **ELSEWHERE}), House()).by == "token"


def test_a_token_of_its_own_is_the_only_one_for_senders():
    house = House(otlp_token="only-spans")
    assert admit_sender(request({"authorization": "Bearer only-spans"}), house).rights == {"send"}
    assert admit_sender(request(BEARER), house) is None and house.asked == 0
    assert admit_sender(request({"authorization": "Bearer "}), House("")) is None


# The link


def header(response, name):
    return [value for found, value in response.headers if found == name]


def led(path="/", query="", scheme="http"):
    return swap(PageRequest("GET", path, query, scheme=scheme), TOKEN, is_page)


def test_a_link_to_the_root_sets_the_cookie_there_and_drops_the_token():
    response = led(query=f"token={TOKEN}&q=&x=1&to=&token=other")
    assert (response.status, header(response, "location")) == (303, ["./?q=&x=1"])
    assert header(response, "set-cookie") == [
        f"convotrace_page_{cookie_value(TOKEN)[:8]}={cookie_value(TOKEN)}; HttpOnly; SameSite=Lax"
    ]
    assert header(led(scheme="https"), "set-cookie")[0].endswith("; SameSite=Lax; Secure")


def test_a_link_to_a_deeper_page_goes_by_the_root_without_a_cookie_and_remembers_where_to():
    response = led("/s/a b", "token=x&turn=2&to=evil&q=")
    assert (response.status, header(response, "set-cookie")) == (303, [])
    assert header(response, "location") == [f"../?token={TOKEN}&to=s%2Fa%2520b%3Fturn%3D2%26q%3D"]
    back = led("/", header(response, "location")[0].partition("?")[2])
    assert header(led("/", f"token={TOKEN}&to=s/abc%3Fturn%3D2"), "location") == ["./s/abc?turn=2"]
    assert header(back, "location") == ["./"]


@pytest.mark.parametrize(("path", "up"), [("/", "./"), ("/x", "./"), ("/s/x", "../"), ("/s/x/t/y", "../../../")])
def test_the_way_up_is_relative(path, up):
    assert up_from(path) == up


def test_a_text_that_no_address_can_carry_is_replaced():
    assert header(led(query="q=\ud800"), "location") == ["./?q=%3F"]
    folder = to_folder(PageRequest("GET", "", "a=&b=1"), "/in/chat log")
    assert (folder.status, header(folder, "location")) == (308, ["chat%20log/?a=&b=1"])


# What each address needs

MORE = {
    # Every address that needs more than to read, or something else; all others need `read`.
    "annotate": {
        ("/views", "POST"),
        ("/test", "POST"),
        ("/s/x/t/" + "a" * 32 + "/split", "POST"),
        ("/s/x/scores", "POST"),
    },
    "export": {("/sessions.csv", "GET"), ("/s/x.html", "GET"), ("/datasets/x/export", "GET")},
    "delete": {("/s/x/delete", "POST")},
    "audit": {("/audit", "GET"), ("/audit.json", "GET")},
    "send": {("/v1/traces", "POST"), ("/v1/logs", "POST")},
    "judge": {("/feedback", "GET"), ("/feedback", "POST")},
}


def test_every_address_needs_the_right_that_is_written_here():
    for right, addresses in MORE.items():
        for path, method in addresses:
            route, _ = find(path)
            assert (route.right, route.handler(method) is None) == (right, False), path
        routes = {route.pattern for route in ROUTES if route.right == right}
        assert routes == {find(path)[0].pattern for path, _ in addresses}
    assert {route.right for route in ROUTES} == {"read", *MORE}


def test_what_changes_something_is_no_get_and_needs_more_than_to_read():
    changing = [(route, method) for route in ROUTES for method in route.handlers if method != "GET"]
    assert {method for _, method in changing} == {"POST"}
    judged = {route.shape for route, _ in changing if route.right == "read"}
    assert judged == {"/review", "/review/{queue}", "/scores", "/datasets", "/datasets/{dataset}", "/incidents"}


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/review", 400),
        ("/review/q", 404),
        ("/scores", 400),
        ("/datasets", 400),
        ("/datasets/d", 404),
        ("/incidents", 400),
    ],
)
def test_a_page_that_everybody_may_read_takes_forms_of_annotators_alone(ask, new_house, path, answered):
    form = {"content-type": "application/x-www-form-urlencoded"}
    reader, annotator = new_house([], auth=lambda _: "read"), new_house([], auth=lambda _: ["read", "annotate"])
    unknown = ask(reader, "/nothing-here", "POST", form, bearer=False)
    assert ask(reader, path, "POST", form, body=b"x=1", bearer=False) == unknown
    assert ask(annotator, path, "POST", form, body=b"x=1", bearer=False).status == answered
