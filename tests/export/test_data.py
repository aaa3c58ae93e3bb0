"""Every shared conversation read from its file, exported and read again: counts, texts and stores are equal."""

import csv
import io
import json

import pytest

from convotrace.intake.files import Reader
from convotrace.settings import Settings
from convotrace.store import Store

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def sources(data):
    paths = sorted((data / "conversations").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def filled(values):
    store, reader = Store.open("memory:"), Reader("file", 10**18, Settings.of({"store": "memory:"}))
    for number, value in enumerate(values, 1):
        store.write(reader.read(value, number), retry=True)
    return store


@pytest.fixture(scope="module")
def store(sources):
    opened = filled(sources)
    yield opened
    opened.close()


def table(store, what):
    text = b"".join(store.export(format="csv", what=what)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_the_counts_and_the_texts_of_the_source(store, sources, data):
    expected = json.loads((data / "expected.json").read_text())["conversations"].values()
    sessions, traces, spans, scores = (table(store, what) for what in ("sessions", "traces", "spans", "scores"))
    assert len(sessions) == sum(one["conversations"] for one in expected) == 1152
    assert len(traces) == sum(one["turns"] for one in expected)
    for kind in ("tool", "retrieval", "generation"):
        assert sum(row["kind"] == kind for row in spans) == sum(one.get(kind, 0) for one in expected), kind
    assert sum(row["outcome"] == "escalated" for row in sessions) == 32
    assert sum(row["source"] == "annotator" for row in scores) >= 4885
    said = {(row["session_id"], int(row["turn"])): (row["input"], row["output"]) for row in traces}
    for source in sources:
        for number, turn in enumerate(source["turns"], 1):
            found = [cell.removeprefix("'") for cell in said[source["id"], number]]
            assert found == [(turn[who] or "").removeprefix("'") for who in ("user", "assistant")]
    # The texts that are easily broken are among them.
    texts = [text for pair in said.values() for text in pair]
    assert sum("\n" in text for text in texts) > 100
    assert sum(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in texts) > 100


def test_an_export_makes_an_equal_store(store, sources):
    again = filled(json.loads(part) for part in store.export())
    for source in sources:
        assert again.session(source["id"]) == store.session(source["id"])
    again.close()
