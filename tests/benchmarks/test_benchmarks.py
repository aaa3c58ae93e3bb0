"""That figures are compared as they are said to be, and, marked slow, that what measures still runs at all."""

import xml.etree.ElementTree as ET

import pytest

from tests.benchmarks import budgets, client, figures, ingest, overhead, paced, plot, queries, report, stores
from tests.benchmarks.subjects import VARIANTS, Place, make
from tests.benchmarks.subjects.__main__ import measure

MACHINE = {"day": "today", "cores": 2, "processor": "a chip", "load": [0.1], "python": "3.11.7", "sqlite": "3.40.1"}


def rounds(*values):
    return [{"cpu": value, "p50": value, "rss": 1.0, "lost": 0, "said": [], "versions": {}} for value in values]


REQUEST = {
    "machine": MACHINE, "rounds": 2, "versions": {"verbs": {"peewee": "4.5.3"}},
    "doors": {"asgi": {"bare": rounds(10, 100), "verbs": rounds(18, 120), "otlp": rounds(60, 300)}},
}  # fmt: skip


def test_a_request_is_compared_with_the_reference_of_its_own_round():
    assert overhead.shares(REQUEST["doors"]["asgi"], "verbs", "cpu") == [0.16, 0.1]


def test_a_budget_is_kept_by_the_median_and_missed_by_how_much():
    by_name = {one.budget.what: one for one in budgets.verdicts({"overhead": REQUEST})}
    assert by_name["CPU added to a request, 5 spans by verbs"].text == "met"
    assert by_name["p50 added to a request, verbs"].text == "**missed** by 1.62 x"
    assert by_name["ingest into an empty file"].text == "not measured"
    assert budgets.missed_rows(list(by_name.values())) == ["C"]


def test_a_budget_from_below_is_missed_from_below():
    times = {"raw": [{"wall": 1, "cpu": 1}], "write": [{"wall": 5, "cpu": 5}], "index": [{"wall": 1, "cpu": 1}]}
    found = {one.budget.what: one for one in budgets.verdicts({"ingest": {"sizes": {"0": times}}})}
    assert found["ingest into an empty file"].values == [0.2]
    assert found["ingest into an empty file"].text == "**missed** by 1.75 x"


def test_results_by_hand_stay_and_measured_ones_are_replaced():
    first = report.written(f"head\n{report.BEGIN}\noutdated\n{report.END}\nby hand\n", {"overhead": REQUEST})
    assert first.startswith("head\n") and first.endswith("\nby hand\n") and "outdated" not in first
    assert "peewee 4.5.3" in first and "a chip" in first
    assert report.written(first, {"overhead": REQUEST}) == first


def test_pictures_are_whole_and_show_every_variant():
    p99s = {"100": {"bare": [{"p99": 1.0}], "verbs": [{"p99": 2.0}]}}
    found = plot.pictures({"overhead": REQUEST, "paced": {"doors": {"asgi": p99s}}})
    assert set(found) == {"overhead.svg", "paced.svg"}
    for text in found.values():
        assert VARIANTS["verbs"].title in "".join(ET.fromstring(text).itertext())


def test_a_p99_is_the_latency_that_one_in_a_hundred_passes():
    assert paced.quantiles([float(n) for n in range(1, 301)]) == {"p50": 150, "p99": 297, "worst": 300}


def test_a_cell_shows_the_median_and_the_spread():
    assert figures.spread([3, 1, 2], 1) == "2.0 (1.0-3.0)"
    assert figures.spread([]) == "-"


def test_a_generated_store_has_the_spans_it_is_asked_for_and_a_session_of_fifty_turns():
    found = list(stores.changes(2000, until_ns=10**18))
    assert sum(len(change.trace.spans) for change in found) == 2000
    fifty = [change.trace.started_ns for change in found if change.session.id == stores.FIFTY]
    assert len(fifty) == stores.FIFTY_TURNS and fifty == sorted(fifty) and fifty[-1] < 10**18


@pytest.mark.slow
@pytest.mark.parametrize("door", ["asgi", "wsgi"])
@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if not variant.venv and name != "api"])
def test_what_is_measured_loses_nothing(tmp_path, name, door):
    subject = make(name, Place(door, str(tmp_path), ""))
    found = measure(subject, door, 1)
    assert found["cpu"] > 0 and found["p99"] >= found["p50"] > 0 and subject.lost() == 0


@pytest.mark.slow
def test_a_paced_client_gets_an_answer_for_every_request():
    with paced.served("bare", "asgi", "") as port:
        assert len(client.load(port, 200, 0.5)) == 100


@pytest.mark.slow
def test_ingest_and_reading_are_measured_on_small_stores(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ingest, "ROUND", 500)
    sizes = {str(size): ingest.run(size, 1) for size in (0, 2000)}
    assert all(share > 0 for found in sizes.values() for share in ingest.shares(found, "wall"))
    with stores.copied(2000) as url:
        asked = queries.opened(url, 2000)
        found = queries.run([asked], 1, "")
        asked.observer.close()
    assert all(cells["2000"]["cpu"] for cells in found.values())
    assert "2,000 spans" in queries.table(found) and "2,000 spans" in ingest.table(sizes)
