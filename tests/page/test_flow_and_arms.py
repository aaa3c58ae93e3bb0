"""The pages of where people leave, and of two arms side by side: the same numbers as JSON."""

import json

from tests.page.test_dashboard import House


def test_the_flow_as_a_page_and_as_json_tell_the_same():
    house = House(6, sessions=30)
    asked = {"since": "24h", "steps": "turn:1,tool:search,turn:3", "at": "step:3"}
    found = json.loads(house.page("/flow.json", **asked).body)
    page = house.page("/flow", **asked)
    assert page.status == 200
    text = page.body.decode()
    assert [one["step"] for one in found["funnel"]] == ["turn:1", "tool:search", "turn:3"]
    assert found["funnel"][0]["sessions"] == found["survival"][0]["sessions"] == 30
    assert len(found["chosen"]) == found["funnel"][2]["sessions"] > 0
    for id in found["chosen"]:
        assert f'href="s/{id}"' in text
    for one in found["survival"]:
        assert len(house.ids(f"turns>={one['turn']}")) == one["sessions"]
    house.observer.close()


def test_two_arms_as_a_page_and_as_json_tell_the_same():
    house = House(6, sessions=60)
    asked = {"by": "tag", "a": "t1", "b": "t2", "since": "24h"}
    found = json.loads(house.page("/arms.json", **asked).body)
    assert found["sessions"] == [len(house.ids("tag:t1")), len(house.ids("tag:t2"))] == [15, 15]
    (completed,) = [one for one in found["comparisons"] if one["name"] == "completed"]
    assert completed["a"]["value"] == len(house.ids("tag:t1 outcome:completed")) / 15
    text = house.page("/arms", **asked).body.decode()
    assert "sessions with errors" in text and "15 sessions" in text and "Swap sides" in text
    house.observer.close()


def test_a_dashboard_by_tag_leads_to_the_first_two_tags_side_by_side():
    house = House(6, sessions=20)
    text = house.page("/dashboard", since="24h", by="tag").body.decode()
    assert 'href="arms?by=tag&amp;a=' in text and 'href="flow?' in text
    house.observer.close()


def test_wrong_questions_are_400_with_one_sentence(ask, new_house):
    house = House(1, sessions=1)
    for path, fields, words in (
        ("/flow", {"steps": "turn:0"}, b"use turn:3 for a turn"),
        ("/flow", {"q": "usr:ann"}, b"Did you mean user?"),
        ("/arms", {"by": "colour", "a": "x", "b": "y"}, b"use one of release"),
        ("/flow.json", {"at": "x"}, b"at came as"),
        ("/arms.json", {}, b"give a value for each"),
    ):
        response = house.page(path, **fields)
        assert response.status == 400 and words in response.body, path
    assert house.page("/arms").status == 200
    house.observer.close()


def test_both_have_the_names_that_are_described(ask, new_house):
    described = json.loads(ask(new_house([]), "/openapi.json").body)["paths"]
    house = House(2, sessions=20)
    for path, fields in (
        ("/arms.json", {"by": "tag", "a": "t1", "b": "t2"}),
        ("/flow.json", {"steps": "turn:1,turn:2", "at": "step:1"}),
    ):
        schema = described[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        found = json.loads(house.page(path, **fields).body)
        assert set(found) == set(schema["properties"]) == set(schema["required"])
        for name, inside in schema["properties"].items():
            if inside.get("items", {}).get("type") == "object":
                assert {frozenset(one) for one in found[name]} == {frozenset(inside["items"]["required"])}
    house.observer.close()
