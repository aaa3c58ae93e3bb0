"""The health page: one sentence for what everybody should know, and facts in words for the rest."""

from __future__ import annotations

import json

import pytest

from convotrace.page import facts
from convotrace.page.facts import Row

DAY = 86_400 * 10**9


def _rows(card) -> dict[str, str]:
    return {row.label: row.value for row in card.rows}


def test_growth_is_told_by_the_oldest_session_and_when_the_store_is_full():
    state = {"store": {"url": "sqlite:///x", "size": 200_000_000}, "retention": {"days": 30, "max_bytes": 10**9}}
    rows = _rows(facts.store(state, 0, 4 * DAY))
    assert rows["size"] == "200 MB of 1 GB"
    assert (rows["growth"], rows["full"], rows["kept"]) == ("50 MB a day", "in about 16 days", "30 days")
    assert "growth" not in _rows(facts.store(state, 4 * DAY - 10**9, 4 * DAY))


def test_what_recording_costs_is_told():
    told = _rows(facts.cost({"overhead": {"writer_cpu_s": 1.5, "writer_cpu_share": 0.006}, "redacted": {"name": 118}}))
    assert (told["CPU of the writer here"], told["hidden by redaction"]) == ("1.50 s, 0.6% of one core", "118 name")
    assert Row("own failures, page", "2", "warn") in facts.cost({"hooks": {"page": 2}}).rows


def test_what_is_not_known_here_is_shown_all_the_same():
    cards = list(facts.others({"ok": True, "moons": 2, "tides": {"high": 3}, "empty": {}}))
    assert [(card.title, _rows(card)) for card in cards] == [
        ("More", {"moons": "2"}), ("Tides", {"high": "3"}), ("Empty", {"so far": "nothing"})
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/health"])
def test_dropped_records_are_a_banner_and_then_nothing_else_is(ask, new_house, conversation, path):
    house = new_house([conversation])
    house.state["dropped"] = {"trace": {"queue_full": 7}}
    page = ask(house, path).body.decode()
    assert page.count("banner bad") == 1 and "7 records dropped" in page


@pytest.mark.parametrize(
    ("peer", "scheme", "headers", "is_told"),
    [
        ("203.0.113.9", "http", {}, True),
        ("2001:db8::1", "http", {}, True),
        ("203.0.113.9", "https", {}, False),
        ("203.0.113.9", "http", {"x-forwarded-proto": "https"}, False),
        ("203.0.113.9", "http", {"forwarded": "for=1.2.3.4;proto=https"}, False),
        ("127.0.0.1", "http", {}, False),
        ("::1", "http", {}, False),
        (None, "http", {}, False),
        ("unix:", "http", {}, False),
    ],
)
def test_plain_http_from_another_machine_is_a_banner(ask, new_house, peer, scheme, headers, is_told):
    page = ask(new_house([]), "/health", headers=headers, peer=peer, scheme=scheme).body
    assert (b"plain http from another machine" in page) == is_told


@pytest.mark.parametrize("path", ["/health", "/health.json"])
def test_no_password_of_a_store_is_shown(ask, new_house, path):
    house = new_house([])
    house.state["store"] = {"url": "postgresql://ann:hunter2@db.example/x"}
    body = ask(house, path).body.decode()
    assert "hunter2" not in body and "ann@db.example" in (
        body if path == "/health" else json.loads(body)["store"]["url"]
    )


def test_all_of_it_can_be_copied_as_text(ask, new_house):
    page = ask(new_house([]), "/health").body.decode()
    assert "Capture\n  bodies: on, 262 kB each way" in page
