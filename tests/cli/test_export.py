"""`convotrace export` and `import`: a file that is whole or not there, and a store made of it."""

import csv
import io
import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.store import Store
from tests.cli.conftest import AGES, hear_ctrl_c


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
        assert json.loads(result.stdout) == {"sessions": 4, "traces": 4, "known": known, "redacted": 0}
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


def test_one_session_is_one_html_file_and_several_are_a_folder(run, tmp_path):
    file, folder = tmp_path / "old.html", tmp_path / "pages"
    assert run("export", "--session", "old", "-o", str(file)).exit_code == 0
    assert "canary old" in file.read_text() and "canary new" not in file.read_text()
    result = run("export", "-o", f"{folder}/")
    assert result.exit_code == 0 and "4 sessions" in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["new.html", "old.html", "older.html", "oldest.html"]
    assert run("export", "-o", f"{folder}/").exit_code == 2
    several = run("export", "-f", "html")
    assert several.exit_code == 2 and "4 sessions match; name one by --session, or a folder" in several.output


@pytest.mark.parametrize("name", ["a.html", "a.jsonl", "a.md", "a.csv"])
def test_an_export_without_words_holds_none(run, tmp_path, name):
    path = tmp_path / name
    what = ("-w", "traces") if name == "a.csv" else ()
    assert run("export", "--session", "old", "--redact", "-o", str(path), *what).exit_code == 0
    assert "canary" not in path.read_text() and "[10 characters]" in path.read_text().replace("\\", "")


def test_a_session_that_is_not_there_is_one_sentence(run, tmp_path):
    result = run("export", "--session", "nobody", "-o", str(tmp_path / "x.md"))
    assert result.exit_code == 2 and "There is no session 'nobody'" in result.output
    assert list(tmp_path.glob("*.md")) == [] and run("export", "--session", "a", "-q", "b").exit_code == 2


def test_ctrl_c_leaves_no_half_file(kept, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    code = (
        "import time, convotrace.store.exporting as e, signal, os\n"
        "real = e.conversations.by_id\n"
        "def slow(*a):\n"
        "    if len(calls) == 2: print('half', flush=True); time.sleep(60)\n"
        "    calls.append(1); return real(*a)\n"
        "calls = []; e.conversations.by_id = slow\n"
        "from convotrace.cli import main; main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "export", "--store", kept, "-o", str(out / "all.jsonl")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    assert process.stdout.readline() == "half\n"
    assert len(list(out.iterdir())) == 1
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "Aborted" in said and list(out.iterdir()) == []
