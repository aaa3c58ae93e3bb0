"""`convotrace export` and `import`: a file that is whole or not there, and a store made of it."""

import csv
import io
import json

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.store import Store
from tests.cli.conftest import AGES


def test_it_writes_what_the_name_of_the_file_says(run, tmp_path):
    for name, head in (("a.jsonl", '{"session"'), ("a.csv", "session_id,"), ("a.md", "# Session")):
        result = run("export", "-o", str(tmp_path / name))
        assert result.exit_code == 0 and "4 sessions" in result.stderr, result.output
        assert (tmp_path / name).read_text().startswith(head)


def test_it_writes_to_the_terminal_what_a_filter_finds(run):
    result = run("export", "-q", "user:ann", "-f", "csv", "-w", "traces")
    assert {row["session_id"] for row in csv.DictReader(io.StringIO(result.stdout, newline=""))} == {"new", "old"}


def test_a_file_that_is_there_is_not_replaced_unless_told(run, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("mine")
    result = run("export", "-o", str(path))
    assert result.exit_code == 2 and "is there already" in result.stderr and path.read_text() == "mine"
    assert run("export", "-o", str(path), "--force").exit_code == 0 and path.read_text() != "mine"


def test_what_is_interrupted_leaves_no_file(run, tmp_path, monkeypatch):
    def parts(*_):
        yield b"half"
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "export", parts)
    assert run("export", "-o", str(tmp_path / "a.jsonl")).exit_code != 0
    assert [path.name for path in tmp_path.iterdir() if "a.jsonl" in path.name] == []


@pytest.mark.parametrize("arguments", [["-q", "nonsense:x"], ["-o", "/nowhere/at/all.csv"]])
def test_a_wrong_filter_or_place_is_one_sentence(run, arguments):
    result = run("export", *arguments)
    assert result.exit_code in (1, 2) and "Traceback" not in result.output and result.stderr.strip().count("\n") < 5


def test_a_store_made_of_an_export_is_equal_and_stays_so(run, kept, tmp_path):
    path, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/other.db"
    run("export", "-o", str(path))
    for known in (0, 4):
        result = CliRunner().invoke(main, ["import", str(path), "--store", other, "--json"])
        assert json.loads(result.stdout) == {"sessions": 4, "traces": 4, "known": known}, result.output
    one, two = Store.open(kept), Store.open(other)
    assert all(one.session(name) == two.session(name) for name in AGES)
    one.close(), two.close()


def test_a_line_that_cannot_be_read_is_named_and_what_came_before_it_stays(tmp_path, kept):
    path = tmp_path / "chats.jsonl"
    path.write_text('{"id": "ok", "messages": [{"role": "user", "content": "hi"}]}\n\n{"id": 1}\n')
    result = CliRunner().invoke(main, ["import", str(path), "--store", kept])
    assert result.exit_code == 1 and "chats.jsonl: Line 3: it is in no known format" in result.stderr
    store = Store.open(kept)
    assert store.session("ok") is not None
    store.close()


def test_one_value_over_several_lines_is_read_as_well(tmp_path, kept):
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"id": "one", "messages": [{"role": "user", "content": "hi"}]}, indent=2))
    assert CliRunner().invoke(main, ["import", str(path), "--store", kept]).exit_code == 0
