"""Datasets on the page: filled by filter and by hand, corrected, kept as versions, handed out as files."""

from __future__ import annotations

import io
import json
import zipfile
from urllib.parse import urlencode

from convotrace.model import Change, Score, SessionFacts, Target
from tests.page.test_annotate import house, post, send, store, talk, where

__all__ = ["house", "store"]  # fixtures


def test_a_dataset_is_made_of_a_filter_and_its_versions_stay(ask, house, store):
    talk(store, 3, turns=2)
    it = house()
    form = {"name": "golden", "about": "for us", "q": "turns>=2", "on": "turn", "turns": "last", "most": "2"}
    assert where(post(ask, it, "/datasets", form)) == "datasets/golden"
    assert "golden" in ask(it, "/datasets").body.decode()
    assert where(post(ask, it, "/datasets/golden", {"do": "commit", "note": "first"})) == "golden"
    told = json.loads(ask(it, "/datasets/golden.json").body)
    assert (told["items"], told["version"], told["changed"]) == (2, 1, False)
    first, second = told["of_items"]
    where(post(ask, it, "/datasets/golden", {"do": "expect", "item": first["id"], "expected": "Better."}))
    where(post(ask, it, "/datasets/golden", {"do": "remove", "item": second["id"]}))
    now = json.loads(ask(it, "/datasets/golden.json").body)["of_items"]
    assert [one["expected"] for one in now] == ["Better."]
    kept = json.loads(ask(it, "/datasets/golden.json", query="version=1").body)["of_items"]
    assert [one["expected"] for one in kept] == [None, None]
    page, old = (ask(it, "/datasets/golden", query=q).body.decode() for q in ("", "version=1"))
    assert "Better." in page and "Keep as version 2" in page
    assert "Better." not in old and "<textarea" not in old
    assert ask(it, "/datasets/golden", query="version=9").status == 400


def test_a_turn_is_added_by_hand_with_what_it_should_have_been(ask, house, store):
    (turn,) = talk(store, 1, turns=2)
    score = Score("c", "correction", "text", "Right.", 1, Target("s0", turn), "annotator", author="kim")
    store.write([Change(SessionFacts("s0", scores=(score,)))])
    it = house()
    send(ask, it, "/datasets", {"name": "d"})
    link = ask(it, "/s/s0").body.decode().split(f"collect?session=s0&amp;trace_id={turn}")
    assert len(link) == 2
    page = ask(it, "/collect", query=urlencode({"session": "s0", "trace_id": turn})).body.decode()
    assert 'action="datasets/d"' in page
    assert send(ask, it, "/datasets/d", {"do": "add", "session": "s0", "trace_id": turn}) == {"copied": 1}
    (item,) = json.loads(ask(it, "/datasets/d.json").body)["of_items"]
    assert (item["expected"], item["author"], item["output"]) == ("Right.", "kim", "answer 0.1")
    assert [one["content"] for one in item["messages"]] == ["question 0.0", "answer 0.0", "question 0.1"]


def test_each_format_is_handed_out_with_its_name(ask, house, store):
    talk(store, 2)
    it = house()
    send(ask, it, "/datasets", {"name": "d", "fill": True})
    for format, name in (
        ("jsonl", "d.jsonl"),
        ("openai", "d.openai.jsonl"),
        ("csv", "d.csv"),
        ("huggingface", "d.zip"),
    ):
        answer = ask(it, "/datasets/d/export", query=f"format={format}")
        assert answer.status == 200
        assert dict(answer.headers)["content-disposition"] == f'attachment; filename="{name}"'
    assert zipfile.ZipFile(io.BytesIO(answer.body)).namelist() == ["d/data/train.jsonl", "d/README.md"]
    assert ask(it, "/datasets/d/export", query="format=odd").status == 400


def test_what_cannot_be_is_refused_and_nothing_is_made(ask, house, store):
    it = house()
    assert "use 1 to 60 letters" in send(ask, it, "/datasets", {"name": "a/b"}, 400)["error"]
    assert send(ask, it, "/datasets", {"name": "d", "q": "tokns>5"}, 400)["hint"]
    assert store.datasets() == ()
    send(ask, it, "/datasets", {"name": "d"})
    assert "no session" in send(ask, it, "/datasets/d", {"do": "add", "session": "none"}, 400)["error"]
    assert "nothing to keep" in send(ask, it, "/datasets/d", {"do": "commit"}, 400)["error"]
    assert "send one of add" in send(ask, it, "/datasets/d", {"do": "odd"}, 400)["error"]
    assert where(post(ask, it, "/datasets", {"name": "d", "drop": "1"})) == "datasets"
    assert store.datasets() == ()
