"""`openapi.json` keeps up with the routes and the records; that every answer is as it says, tests/peers asks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

from convotrace.export import as_json
from convotrace.model import (
    HitPage,
    Incident,
    Left,
    Link,
    Metrics,
    MetricSeries,
    SessionPage,
    SessionTally,
    Tally,
    Warning,
)
from convotrace.page.routes import ROUTES

DESCRIBED = json.loads(files("convotrace.page").joinpath("openapi.json").read_text())
SCHEMAS = DESCRIBED["components"]["schemas"]
ELSEWHERE = {"/v1/{signal}"}
"""OTLP has a description of its own."""


def _shape(route: Any) -> str:
    named = re.sub(r"\(\?P<(\w+)>\(?[^()]*\)?\)", r"{\1}", route.pattern.pattern)
    return re.sub(r"\\(.)", r"\1", named).replace(".{form}", ".json")


def _is_for_programs(route: Any) -> bool:
    return route.is_json or _shape(route) in ("/healthz", "/s/{key}/t/{trace}.json")


def test_every_address_for_programs_is_described_with_its_methods_and_no_other():
    there = {_shape(one): {name.lower() for name in one.handlers} for one in ROUTES if _is_for_programs(one)}
    told = {path: set(methods) for path, methods in DESCRIBED["paths"].items()}
    assert {path for path in there if path not in ELSEWHERE} == set(told), "add it to convotrace/page/openapi.json"
    assert all(told[path] <= there[path] for path in told)


def _records(seed: Any) -> dict[str, Any]:
    talk = seed("x")
    trace = replace(talk.traces[0], left=Left(1, 2, 3, 0.5))
    session = replace(
        talk.session, links=(Link("a", "b"),), warnings=(Warning("c", "m"),), attachments=trace.attachments
    )
    tally = Tally()
    metrics = Metrics(0, 1, 1, None, (MetricSeries("k", tally),), tally, SessionTally())
    return {
        "Session": session, "Conversation": replace(talk, session=session, traces=(trace,)), "Trace": trace,
        "Span": trace.spans[3], "Event": trace.events[0], "Score": trace.scores[0], "Metrics": metrics,
        "SessionPage": SessionPage((session,)), "HitPage": HitPage(), "Incident": Incident("i", "r", "alert", 1),
    }  # fmt: skip


def _differences(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    """Return where a value has other names than its schema, all the way down."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        return [] if value is None else _differences(value, schema["oneOf"][0], at)
    if isinstance(value, list):
        return [one for item in value for one in _differences(item, schema.get("items", {}), f"{at}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{at}: {name}" for name in value.keys() ^ schema["properties"].keys()]
    for name in value.keys() & schema["properties"].keys():
        found += _differences(value[name], schema["properties"][name], f"{at}.{name}")
    return found


@pytest.mark.parametrize(
    "name",
    ["Session", "Conversation", "Trace", "Span", "Event", "Score", "Metrics", "SessionPage", "HitPage", "Incident"],
)
def test_a_record_has_the_names_that_are_described_and_no_others(seed, name):
    told = as_json(_records(seed)[name])
    assert _differences(told, SCHEMAS[name], name) == [], "keep convotrace/page/openapi.json and the records alike"


def test_a_planted_name_is_found(seed):
    told = as_json(_records(seed)["Conversation"])
    told["traces"][0]["spans"][0]["colour"] = "red"
    assert _differences(told, SCHEMAS["Conversation"], "it") == ["it.traces[].spans[]: colour"]


def test_the_description_is_handed_out_behind_the_same_access(ask, new_house):
    house = new_house([])
    assert json.loads(ask(house, "/openapi.json").body)["openapi"] == "3.1.0"
    assert ask(house, "/openapi.json", bearer=False).status == 404
