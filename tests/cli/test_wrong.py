"""A wrong store, a wrong id, a wrong filter: one sentence and exit code 2, whichever command it is."""

import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from convotrace.cli import COMMANDS, main

pytestmark = pytest.mark.sqlite
NEEDED = {
    "backup": ["copy.db"], "show": ["s"], "forget": ["--user", "u", "--yes"], "evaluate": ["answered"],
    "forward": ["--to", "http://127.0.0.1:9"], "serve": [], "import": ["chats.json"], "dataset": ["list"],
    "alerts": ["list"], "demo": ["--once", "--fast"],
}  # fmt: skip
MAKES = {"demo", "import"}
"""Commands that make a store where there is none."""


def _commands():
    return [command.name for command in COMMANDS]


def wrong(arguments, sentence):
    result = CliRunner().invoke(main, arguments)
    lines = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert result.exit_code == 2, (arguments, result.output, result.exception)
    assert len(lines) == 1 and sentence in lines[0] and "Traceback" not in result.output
    return lines[0]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chats.json").write_text('{"messages": [{"role": "user", "content": "hi"}]}')


def at(name, url):
    if name == "serve":
        return [name, url]
    if name in ("dataset", "alerts"):
        return [name, *NEEDED[name], "--store", url]
    return [name, *NEEDED.get(name, []), "--store", url]


@pytest.mark.parametrize("name", [name for name in _commands() if name not in MAKES])
def test_a_store_that_is_not_there(name, tmp_path):
    wrong(at(name, f"sqlite:///{tmp_path}/nowhere/s.db"), "nowhere/s.db")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", _commands())
@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/db", "sqlite://x"])
def test_a_url_that_names_no_store(name, url):
    assert "s3cret" not in wrong(at(name, url), "use sqlite:///path/to/file.db")


@pytest.mark.parametrize("name", _commands())
def test_a_database_of_something_else(name, tmp_path):
    with sqlite3.connect(tmp_path / "theirs.db") as db:
        db.execute("CREATE TABLE t(a)")
    db.close()
    wrong(at(name, f"sqlite:///{tmp_path}/theirs.db"), "is a database of something else")


@pytest.mark.parametrize("name", _commands())
def test_a_file_that_is_no_database(name, tmp_path):
    (tmp_path / "letter.db").write_text("Dear all, " * 500)
    wrong(at(name, f"sqlite:///{tmp_path}/letter.db"), "letter.db")


@pytest.mark.parametrize("name", ["sessions", "stats", "tail", "export", "evaluate", "forward"])
def test_a_filter_that_cannot_be_read(name, kept):
    wrong([*at(name, kept), "-q", "outcome:maybe"], "outcome")


@pytest.mark.parametrize("arguments", [["show", "nobody"], ["export", "--session", "nobody"]])
def test_an_id_that_nobody_has(arguments, kept):
    assert "convotrace sessions" in wrong([*arguments, "--store", kept], "There is no session 'nobody'")


@pytest.mark.parametrize("name", _commands())
def test_an_option_that_does_not_exist(name):
    result = CliRunner().invoke(main, [name, "--colour-of-the-sky"])
    assert result.exit_code == 2 and "Traceback" not in result.output


@pytest.mark.parametrize("name", _commands())
def test_each_command_says_how_it_is_used(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0 and result.output.startswith(f"Usage: main {name}") and "--help" in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_commands_and_options(shell):
    env = {"_CONVOTRACE_COMPLETE": f"{shell}_source", "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    code = "from convotrace.cli import main; main(prog_name='convotrace')"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert "_CONVOTRACE_COMPLETE" in done.stdout, done.stderr
