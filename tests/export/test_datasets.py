"""Datasets as files: each format read back by those who will read it, and hostile texts whole in all of them."""

import csv
import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convotrace.export.datasets import COLUMNS, files, lines, zipped
from convotrace.insight.datasets import Dataset, Item, Version

NASTY = '=SUM(1) "quoted",\n地铁\r\n\ud83d\ude00'.encode("utf-16", "surrogatepass").decode("utf-16")


def item(number=1, expected=None, output="No.", said="Can I?", **more):
    messages = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": said})
    return Item(f"i{number}", f"s{number}", "t", messages, output, expected, "ann", number, **more)


def written(format, *items):
    return b"".join(lines(items, format))


def test_a_line_to_fine_tune_with_ends_in_the_correction_where_there_is_one():
    corrected, plain, silent = item(1, "Yes, until Friday."), item(2), item(3, output=None)
    found = [json.loads(line) for line in written("openai", corrected, plain, silent).splitlines()]
    assert [list(one) for one in found] == [["messages"]] * 2
    assert [one["messages"][-1] for one in found] == [
        {"role": "assistant", "content": "Yes, until Friday."}, {"role": "assistant", "content": "No."},
    ]  # fmt: skip
    assert [message["role"] for message in found[0]["messages"]] == ["system", "user", "assistant"]


def test_json_lines_hold_all_of_an_item():
    one = item(1, NASTY, documents=(NASTY,), scores={"good": 2, "tone": "cold"}, metadata={"plan": "pro"}, author="kim")
    (found,) = map(json.loads, written("jsonl", one).splitlines())
    assert found == json.loads(json.dumps(one.facts()))
    assert (found["expected"], found["documents"], found["author"]) == (NASTY, [NASTY], "kim")


@given(st.lists(st.text(max_size=30), max_size=4))
@settings(max_examples=30)
def test_csv_has_a_row_an_item_whatever_was_said_and_no_formula(texts):
    texts = [text.encode("utf-8", "replace").decode().replace("\0", "") for text in texts]
    made = [item(n, text, said=text) for n, text in enumerate(texts)]
    text = written("csv", *made).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["expected"].removeprefix("'") for row in rows] == [one.removeprefix("'") for one in texts]
    assert not any(row["expected"].startswith(("=", "+", "-", "@")) for row in rows)
    assert text.splitlines()[0] == ",".join(COLUMNS)


def test_the_folder_has_a_card_and_lines_of_one_shape():
    dataset = Dataset("golden", "Wrong\nanswers", (Version(1, 5, ""),), 2)
    some = [item(1, "Yes.", scores={"a": 1}, documents=("d",)), item(2, scores={"b": "x"}, metadata={"k": [1]})]
    archive = zipfile.ZipFile(io.BytesIO(zipped(files(dataset, 1, some), "golden")))
    assert sorted(archive.namelist()) == ["golden/README.md", "golden/data/train.jsonl"]
    card = archive.read("golden/README.md").decode()
    assert card.startswith("---\nconfigs:\n- config_name: default\n") and "2 items, version 1" in card
    assert "path: data/train.jsonl" in card and "\nWrong answers\n" in card
    rows = [json.loads(line) for line in archive.read("golden/data/train.jsonl").splitlines()]
    assert len({tuple(row) for row in rows}) == 1
    assert [row["scores"] for row in rows] == ['{"a":1}', '{"b":"x"}']
    assert [row["messages"][-1]["content"] for row in rows] == ["Yes.", "No."]


def test_an_item_without_an_answer_has_nothing_to_learn():
    assert item(output=None).taught == [] != item(output=None, expected="x").taught


@pytest.mark.parametrize("format", ["jsonl", "openai", "csv"])
def test_the_same_items_are_the_same_bytes(format):
    made = [item(n) for n in range(3)]
    assert written(format, *made) == written(format, *made) != b""
