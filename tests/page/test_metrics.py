"""Metrics as JSON: one number of every point, or all of them, and a refusal that says what can be asked."""

import json

from convotrace.insight.measures import MEASURES


def asked(ask, house, query=""):
    response = ask(house, "/metrics.json", query=query)
    return response.status, json.loads(response.body)


def test_one_metric_has_a_series_of_moments_and_values(ask, new_house):
    house = new_house([])
    status, found = asked(ask, house, "metric=cost&by=model&since=7d&until=&q=tag%3Avip&width=1h&most=5")
    assert status == 200
    (series,) = found["series"]
    assert (series["key"], series["points"][0][1], series["total"], found["total"]) == ("<b>m</b>", 5.0, 5.0, 5.0)
    assert (found["metric"], found["unit"], found["by"], found["width_ms"]) == ("cost", "USD", "model", 60_000)
    assert series["points"][0][0] == found["since"]
    assert (found["tier"], found["rolled_up"], found["sampled"], found["share"]) == ("buckets", False, False, 1.0)
    ((since, until, options),) = house.shelf.questions
    assert (since, until) == ("7d", None)
    assert options == {"by": "model", "q": "tag:vip", "width": "1h", "most": 5, "sessions": False}


def test_every_metric_can_be_asked_for_by_its_name(ask, new_house):
    house = new_house([])
    for name in MEASURES:
        status, found = asked(ask, house, f"metric={name}")
        assert status == 200 and found["metric"] == name
    assert asked(ask, house, "metric=error_rate")[1]["total"] == 1 / 3
    assert asked(ask, house, "metric=p95")[1]["total"] == 2.0
    assert asked(ask, house, "metric=completed_rate")[1]["total"] == 0.5
    assert asked(ask, house, "metric=turns_per_session")[1]["series"][0]["points"][0][1] == 1.5


def test_without_a_metric_every_number_is_there(ask, new_house):
    status, found = asked(ask, new_house([]))
    assert status == 200
    assert found["total"]["turns"] == 3 and found["total"]["input_tokens"] == 7
    assert found["series"][0]["points"][0]["duration"]["p95_ms"] == 2.0
    assert found["sessions"]["completed"] == 1


def test_what_cannot_be_asked_is_400_with_what_can_be(ask, new_house):
    house = new_house([])
    for query, words in {
        "metric=mood": "metric came as 'mood'; use one of turns, ",
        "by=colour": "by came as 'colour'",
        "most=many": "limit came as 'many'",
    }.items():
        status, found = asked(ask, house, query)
        assert status == 400 and words in json.dumps(found)
