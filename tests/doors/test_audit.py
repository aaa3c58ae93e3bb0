"""Who looked at, searched, judged, exported or erased what stands in the audit, which no route can change."""

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import convotrace_starlette
from convotrace.errors import StoreError
from convotrace.page.routes import ROUTES

ALL = ("read", "annotate", "export", "delete", "audit")
USERS = {"ann": {"name": "ann", "rights": ALL}, "ben": {"name": "ben", "rights": ("read", "audit")}, "cat": {"read"}}


def by_header(request):
    return USERS.get(request.header("x-user"), False)


async def chat(request):
    asked = await request.json()
    return JSONResponse({"reply": f"re: {asked['message']}"})


@pytest.fixture
def made(store_url):
    opened = []

    def make(**options):
        app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])
        observer = convotrace_starlette.ConvoTrace(app, store=store_url, **options)
        opened.append(observer)
        client = TestClient(app)
        for name in ("s1", "s2"):
            client.post("/chat", json={"session_id": name, "message": "hello"})
        return observer, client

    yield make
    for observer in opened:
        observer.close()


def acts(client, user="ann"):
    found = client.get("/_sessions/audit.json", headers={"x-user": user}).json()["acts"]
    return [(act["actor"], act["action"], act["session"], act["detail"].get("q")) for act in found][::-1]


def test_what_two_users_did_stands_there(made):
    _, client = made(auth=by_header)
    ann, ben = {"x-user": "ann"}, {"x-user": "ben"}
    client.get("/_sessions/s/s1", headers=ben)
    client.get("/_sessions/s/s1.md", headers=ann)
    client.get("/_sessions/search.json?q=hello", headers=ben)
    client.post("/_sessions/s/s2/scores", json={"name": "good", "value": True}, headers=ann)
    assert client.post("/_sessions/s/s2/delete", headers=ben).status_code == 404
    assert client.post("/_sessions/s/s1/delete", headers=ann).status_code == 200
    told = acts(client)
    assert [one for one in told if one[0] in ("ann", "ben")] == [
        ("ben", "view", None, None), ("ann", "export", None, None), ("ben", "search", None, "hello"),
        ("ann", "annotate", "s2", None), ("ann", "erase", None, None),
    ]  # fmt: skip
    page = client.get("/_sessions/audit", headers=ben).text
    assert "a session that is gone" in page and ">ann<" in page and 'href="./s/s2"' in page


def test_only_who_may_sees_it(made):
    _, client = made(auth=by_header)
    for path in ("/_sessions/audit", "/_sessions/audit.json"):
        assert client.get(path, headers={"x-user": "cat"}).status_code == 404
        assert client.get(path).status_code == 404
    assert "audit" not in client.get("/_sessions/", headers={"x-user": "cat"}).text
    assert 'href="./audit"' in client.get("/_sessions/", headers={"x-user": "ben"}).text


def test_no_route_changes_it(made):
    _, client = made(auth=by_header)
    ann = {"x-user": "ann"}
    client.get("/_sessions/s/s1", headers=ann)
    before = acts(client)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/_sessions/audit", "/_sessions/audit.json"):
            assert client.request(method, path, headers=ann).status_code == 405
    assert [route for route in ROUTES if route.right == "audit" and set(route.handlers) != {"GET"}] == []
    assert acts(client)[: len(before)] == before


def test_the_token_and_this_machine_are_named_where_no_user_is(made):
    observer, client = made(rights=("read", "audit"), token="open-sesame-0123456789")
    client.get("/_sessions/s/s1", headers={"authorization": "Bearer open-sesame-0123456789"})
    client.get("/_sessions/audit.json", headers={"authorization": "Bearer open-sesame-0123456789"})
    assert [act.actor for act in observer.store.acts() if act.action == "view"] == ["token"]


def test_looking_again_within_a_minute_is_one_line_and_the_list_is_none(made):
    _, client = made(auth=by_header)
    for _ in range(3):
        client.get("/_sessions/s/s1", headers={"x-user": "ben"})
        client.get("/_sessions/", headers={"x-user": "ben"})
        client.get("/_sessions/s/s1/t/" + "0" * 32, headers={"x-user": "ben"})
    assert acts(client) == [("ben", "view", "s1", None)]


def test_a_store_that_refuses_the_audit_breaks_and_delays_no_page(made, monkeypatch):
    observer, client = made(auth=by_header)
    store = observer.store

    def refuse(*_):
        raise StoreError("no")

    monkeypatch.setattr(store, "note_acts", refuse)
    assert client.get("/_sessions/s/s1", headers={"x-user": "ben"}).status_code == 200
    observer.flush()
    monkeypatch.undo()
    assert acts(client) == [("ben", "view", "s1", None)]


def test_what_finds_no_room_is_counted(made, monkeypatch):
    _, client = made(auth=by_header)
    monkeypatch.setattr("convotrace.observer.auditing._MOST_WAITING", 0)
    client.get("/_sessions/s/s1", headers={"x-user": "ben"})
    assert client.get("/_sessions/health.json", headers={"x-user": "ben"}).json()["audit_lost"] == 1


@pytest.mark.parametrize(
    "answer",
    [{"name": ""}, {"name": 3}, {"rights": ("read",)}, {"name": "ann", "admin": True}, {"name": "a" * 201},
     {"name": "ann", "rights": "everything"}, {"name": "ann", "rights": None}],
)  # fmt: skip
def test_an_answer_of_auth_that_is_not_plain_refuses(made, answer):
    _, client = made(auth=lambda request: answer)
    assert client.get("/_sessions/").status_code == 404


def test_a_name_alone_gives_the_rights_of_the_options(made):
    _, client = made(auth=lambda request: {"name": "ann"}, rights=("read", "audit"))
    client.get("/_sessions/s/s1")
    assert acts(client) == [("ann", "view", "s1", None)]


@pytest.mark.parametrize("limit", [0, 1, 10**18])
def test_any_number_of_lines_may_be_asked_for(made, limit):
    _, client = made(auth=by_header)
    client.get("/_sessions/s/s1", headers={"x-user": "ben"})
    found = client.get(f"/_sessions/audit.json?limit={limit}", headers={"x-user": "ann"})
    assert (found.status_code, len(found.json()["acts"]) >= 1) == (200, True)
