"""Addresses, methods and headers: what each answers, and that no route can forget its protection."""

from __future__ import annotations

import json

import pytest

from convotrace.errors import StoreError
from convotrace.page.assets import assets, fingerprint
from convotrace.page.routes import ROUTES

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
EVERYWHERE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
EXAMPLES = {
    "": 308, "/": 200, "/sessions.json": 200, "/search": 200, "/tail.json": 200,
    "/sessions.csv": 200, "/s/{key}.html": 200,
    "/compare": 200, "/compare.json": 404,
    "/dashboard": 200, "/dashboard.json": 200, "/arms": 200, "/arms.json": 200, "/flow": 200,
    "/flow.json": 200,
    "/rows": 200, "/places.json": 200, "/beside": 200, "/views.json": 200, "/views": 405, "/test": 405,
    # No stream where the door cannot hold one: see test_live.py.
    "/live": 503,
    # Without a text there is nothing to answer.
    "/search.json": 400, "/metrics.json": 200, "/s/{key}": 200, "/s/{key}.json": 200, "/s/{key}/t/{trace}": 200,
    "/s/{key}.md": 200, "/s/{key}/t/{trace}/diff": 200, "/s/{key}/t/{trace}.curl": 200, "/s/{key}/t/{trace}.md": 200,
    # A part is asked for by its name.
    "/s/{key}/t/{trace}.json": 200, "/s/{key}/t/{trace}/part": 404,
    "/s/{key}/a/ffffffffffffffff": 200, "/s/{key}/t/{trace}/split": 405,
    "/s/{key}/delete": 405,
    # Queues and datasets by name: see test_annotate.py and test_datasets.py.
    "/collect": 200, "/review": 200, "/review.json": 200, "/review/none": 404, "/review/none.json": 404,
    "/scores": 200, "/scores.json": 200, "/datasets": 200, "/datasets.json": 200, "/datasets/none": 404,
    "/datasets/none.json": 404, "/datasets/none/export": 404,
    "/s/{key}/scores": 405, "/incidents": 200, "/incidents.json": 200,
    # Without a name there is no rule.
    "/incidents/test.json": 400,
    "/tools": 200, "/tools.json": 200,
    # With a right of its own: see test_audit.py of the doors.
    "/audit": 404, "/audit.json": 404,
    "/health": 200, "/health.json": 200, "/openapi.json": 200, "/healthz": 200, "/static/{hash}/app.css": 200,
    # For those with a ticket alone: see test_feedback.py of the doors.
    "/feedback": 404,
    # Closed unless the receiver is on: see test_otlp.py.
    "/v1/traces": 404,
}  # fmt: skip


def _paths(conversation):
    values = {"key": conversation.session.key, "trace": "a" * 32, "hash": fingerprint()}
    return {shape.format(**values): status for shape, status in EXAMPLES.items()}


def test_every_route_has_an_example_here(conversation):
    hit = {route.pattern for path in _paths(conversation) for route in ROUTES if route.pattern.fullmatch(path)}
    assert hit == {route.pattern for route in ROUTES}


def test_every_answer_carries_the_shield_and_none_opens_to_other_origins(ask, new_house, conversation):
    house = new_house([conversation])
    for path, status in {**_paths(conversation), "/unknown": 404, "/s/unknown": 404}.items():
        response = ask(house, path)
        headers = dict(response.headers)
        assert response.status == status, path
        assert EVERYWHERE.items() <= headers.items(), path
        assert headers["content-length"] == str(len(response.body))
        assert not [name for name, _ in response.headers if name.startswith("access-control")]
        if not path.startswith("/static/"):
            assert headers["cache-control"] == "no-store", path


def test_head_is_get_without_the_body(ask, new_house, conversation):
    house = new_house([conversation])
    for path in _paths(conversation):
        get, head = ask(house, path), ask(house, path, "HEAD")
        assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/", "POST", "GET, HEAD"), ("/s/x/scores", "GET", "POST"), ("/healthz", "OPTIONS", "GET, HEAD"),
        ("/", "BREW", "GET, HEAD"),
    ],
)  # fmt: skip
def test_a_method_that_is_not_there_is_told_to_those_who_are_in(ask, new_house, path, method, allowed):
    response = ask(new_house([]), path, method)
    assert (response.status, dict(response.headers)["allow"]) == (405, allowed)


def test_a_list_is_read_in_pages_with_its_cursor(ask, new_house, seed):
    house = new_house([seed(f"n{number}") for number in range(5)])
    first = json.loads(ask(house, "/sessions.json", query="limit=3").body)
    rest = json.loads(ask(house, "/sessions.json", query=f"limit=3&after={first['next']}").body)
    ids = [session["id"] for session in first["sessions"] + rest["sessions"]]
    assert (ids, rest["next"]) == ([f"s-1 n{number}" for number in range(5)], None)


def test_the_list_leads_to_older_sessions_and_keeps_filter_and_order(ask, new_house, seed):
    house = new_house([seed(f"same {number}") for number in range(51)])
    page = ask(house, "/", query="q=same&order=-cost").body.decode()
    assert 'href="./?q=same&amp;order=-cost&amp;after=30"' in page
    assert "Older" not in ask(house, "/", query="after=50").body.decode()


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=٣", "order=nope", "a=1&" * 80])
def test_a_query_that_cannot_be_used_is_answered_with_one_sentence(ask, new_house, query):
    response = ask(new_house([]), "/sessions.json", query=query)
    assert response.status == 400
    assert json.loads(response.body)["error"].endswith(".")
    assert ask(new_house([]), "/", query=query).status == 400 or query.startswith("limit")


def test_a_very_large_limit_is_cut_not_refused(ask, new_house):
    house = new_house([])
    assert ask(house, "/sessions.json", query="limit=999999999999").status == 200
    assert ask(house, "/sessions.json", query="limit=7").status == 200
    assert house.shelf.limits == [500, 7]


def test_every_read_waits_for_what_this_process_recorded(ask, new_house, conversation):
    house = new_house([conversation])
    for path in ("/", "/sessions.json", f"/s/{conversation.session.key}.json"):
        before = house.drained
        ask(house, path)
        assert house.drained > before


def test_a_session_is_json_and_page_under_its_key(ask, new_house, seed):
    conversation = seed("x/y?z %2F ..")
    house = new_house([conversation])
    key = conversation.session.key
    body = json.loads(ask(house, f"/s/{key}.json").body)
    assert set(body) == {"session", "traces", "events", "scores", "next"}
    assert body["session"]["id"] == conversation.session.id
    assert f'href="s/{key}"' in ask(house, "/").body.decode()
    assert ask(house, f"/s/{key}").status == 200


def test_a_trace_of_another_session_is_unknown(ask, new_house, conversation):
    assert ask(new_house([conversation]), f"/s/{conversation.session.key}/t/{'d' * 32}").status == 404


def test_a_store_that_cannot_be_read_is_told_and_health_still_answers(ask, new_house):
    house = new_house([], auth=lambda request: True)
    house.broken = StoreError("It is a directory.")
    for path in ("/", "/sessions.json", "/s/x"):
        response = ask(house, path)
        assert (response.status, b"It is a directory." in response.body) == (503, True)
    assert ask(house, "/health").status == ask(house, "/health.json").status == ask(house, "/healthz").status == 200


@pytest.mark.parametrize("path", ["/", "/sessions.json"])
def test_a_failure_of_our_own_is_counted_and_never_raised(ask, new_house, path):
    house = new_house([])
    house.broken = ZeroDivisionError("a secret")
    response = ask(house, path)
    assert (response.status, b"secret" in response.body) == (500, False)
    assert house.failures == [("page", house.broken)]


def test_static_files_are_named_by_content_and_compressed_where_understood(ask, new_house):
    house = new_house([])
    for name, asset in assets().items():
        path = f"/static/{fingerprint()}/{name}"
        plain, packed = ask(house, path), ask(house, path, headers={"accept-encoding": "gzip, br"})
        assert (plain.body, packed.body) == (asset.body, asset.packed)
        assert dict(packed.headers)["content-encoding"] == "gzip"
        assert "immutable" in dict(plain.headers)["cache-control"]
    assert ask(house, f"/static/{'0' * 16}/app.css").status == 404
    assert ask(house, f"/static/{fingerprint()}/..").status == 404


def test_an_empty_list_says_how_to_get_the_first_turn(ask, new_house):
    house = new_house([], mount="/internal/chats")
    house.state["requests"] = {"turns": 0, "folded": 11, "no_session": 3}
    page = ask(house, "/").body.decode()
    assert "No conversations yet" in page
    assert "http://app.example/internal/chats/" in page
    assert "14 requests seen" in page
    assert "None of them looked like a turn: 11 folded, 3 no session" in page
    house.state["websocket"] = {"connections": 2, "turns": 0}
    assert "14 requests and 2 WebSocket connections seen" in ask(house, "/").body.decode()


def test_a_strange_host_is_not_repeated(ask, new_house):
    page = ask(new_house([]), "/", headers={"host": "evil.example/x'; rm"}).body.decode()
    assert "evil.example" not in page


def test_a_filter_without_a_match_says_so_and_offers_all(ask, new_house, conversation):
    page = ask(new_house([conversation]), "/", query="q=nothing+like+it").body.decode()
    assert "No session matches" in page
    assert "No conversations yet" not in page


def test_health_shows_losses_with_their_reason_and_warnings(ask, new_house):
    house = new_house([])
    house.state |= {"dropped": {"trace": {"queue_full": 300}, "score": {"queue_full": 12}}, "warnings": ["Look here."]}
    page = ask(house, "/health").body.decode()
    assert "312 records dropped" in page
    assert "queue full" in page
    assert "Look here." in page
