"""`convotrace dataset` and `evaluate --dataset`: filled, kept, written, judged, as a stranger would type it."""

import json

import pytest

from convotrace.insight.datasets import Item, as_conversation
from convotrace.store import Store


@pytest.fixture
def golden(run, kept):
    """A dataset of Ann's turns with one version, in which one answer was written down: none was given."""
    made = run("dataset", "fill", "golden", "-q", "user:ann", "--about", "for a test")
    assert made.exit_code == 0 and "golden has" in made.stdout, made.output
    store = Store.open(kept)
    store.expect("golden", next(store.items("golden")).id, "Tweet.", "kim")
    store.close()
    assert run("dataset", "commit", "golden", "-m", "first").stdout == "golden has version 1 now.\n"
    return json.loads(run("dataset", "list", "--json").stdout)["datasets"][0]


def test_it_is_listed_with_its_items_and_version(run, golden):
    assert (golden["name"], golden["version"], golden["about"]) == ("golden", 1, "for a test")
    listed = run("dataset", "list").stdout
    assert f"{golden['items']:,} items  version 1  for a test" in listed
    assert json.loads(run("dataset", "fill", "golden", "-q", "user:ben", "--json").stdout)["changed"] is True


def test_it_is_written_in_every_format_and_replaces_nothing(run, golden, tmp_path):
    for name, more in (("a.jsonl", ()), ("a.csv", ()), ("train.jsonl", ("--format", "openai", "--version", "1"))):
        done = run("dataset", "export", "golden", "-o", str(tmp_path / name), *more)
        assert done.exit_code == 0 and f"{golden['items']} item" in done.stderr, done.output
    messages = [json.loads(line)["messages"] for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [one[-1] for one in messages] == [{"role": "assistant", "content": "Tweet."}]
    assert run("dataset", "export", "golden", "-o", str(tmp_path / "a.csv")).exit_code == 2
    folder = tmp_path / "folder"
    assert run("dataset", "export", "golden", "-f", "huggingface", "-o", str(folder)).exit_code == 0
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "README.md",
        "data/train.jsonl",
    ]
    assert len((folder / "data/train.jsonl").read_text().splitlines()) == golden["items"]
    assert run("dataset", "export", "golden", "-f", "huggingface").exit_code == 2
    assert json.loads(run("dataset", "export", "golden").stdout.splitlines()[0])["kind"] == "turn"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("export", "none"), "There is no dataset 'none'; there are: golden."),
     (("export", "golden", "--version", "7"), "golden has no such version, it has 1"),
     (("commit", "golden"), "nothing to keep"), (("fill", "a b"), "use 1 to 60 letters"),
     (("fill", "x", "-q", "tokns>5"), "tokns"), (("delete", "none", "--yes"), "There is no dataset")],
)  # fmt: skip
def test_what_is_not_there_is_one_sentence_and_exit_code_2(run, golden, words, sentence):
    done = run("dataset", *words)
    assert done.exit_code == 2 and sentence in done.stderr, done.output


def test_it_is_deleted_when_somebody_says_yes(run, golden):
    assert run("dataset", "delete", "golden", answer="n\n").exit_code == 1
    assert run("dataset", "delete", "golden", "--yes").stdout == "Deleted golden.\n"
    assert run("dataset", "list").stdout == "There are no datasets yet.\n"


def test_evaluators_judge_its_items_and_store_nothing(run, golden):
    done = run("evaluate", "answered", "completed", "--dataset", "golden", "--json")
    told = json.loads(done.stdout)
    assert told["answered"]["results"] == golden["items"] and told["answered"]["failed"] == 0
    again = run("evaluate", "answered", "--dataset", "golden", "--version", "1", "--json")
    assert json.loads(again.stdout)["answered"]["results"] == golden["items"]
    assert run("evaluate", "answered", "--dataset", "none").exit_code == 2
    assert run("evaluate", "answered", "--dataset", "golden", "-q", "x").exit_code == 2


def test_an_item_is_judged_as_the_conversation_it_came_from():
    messages = tuple(
        {"role": role, "content": text}
        for role, text in (("system", "Be kind."), ("user", "a"), ("assistant", "b"), ("user", "c"))
    )
    found = as_conversation(Item("i", "s", "t" * 32, messages, "d", "D", documents=("text",)))
    assert [(t.turn, t.input.text, t.output.text) for t in found.traces] == [(1, "a", "b"), (2, "c", "d")]
    last = found.traces[-1]
    assert (last.id, last.metadata, last.spans[0].documents[0].text) == ("t" * 32, {"expected": "D"}, "text")
    greeted = tuple({"role": role, "content": text} for role, text in (("assistant", "Hi"), ("user", "a")))
    assert [(t.input.text, t.output.text) for t in as_conversation(Item("i", "s", None, greeted, None)).traces] == [
        (None, "Hi"), ("a", None),
    ]  # fmt: skip
