"""docs/cli.md shows what the commands really print: it is made by them, and this test makes it again.

`CONVOTRACE_DOCS=1 python -m pytest tests/cli/test_docs.py` writes it.
"""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from convotrace.cli import COMMANDS, main
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.store import Store

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
pytestmark = pytest.mark.sqlite


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with a small store in it, the same at each run."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CONVOTRACE_STORE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    began, id = 1_795_355_342_123_456_789, "4bf92f3577b34da6a3ce929d0e0e4736"
    tool = Span("a" * 16, id, "find_order", "tool", started_ns=began, duration_ns=12 * 10**6, arguments={"order": 4711})
    turn = Trace(
        id, "order-4711", "POST /chat", True, started_ns=began, duration_ns=840 * 10**6, spans=(tool,),
        input=Payload("Where is my order?"), output=Payload("It left our house this morning."), input_tokens=812,
        output_tokens=64, cost_nano=3_100_000, scores=(
            Score("5" * 32, "thumb", "boolean", True, began + 10**9, Target("order-4711", id), "end_user"),
        ),
    )  # fmt: skip
    store = Store.open("sqlite:///.convotrace/sessions.db")
    facts = SessionFacts("order-4711", "header", "X-Session-ID", "ann", outcome="completed", resolved=True,
                         events=(Event("completed", began + 10**9),))  # fmt: skip
    store.write([Change(facts, turn)])
    store.close()


def printed(command):
    """Return what a command prints, without what differs from machine to machine."""
    arguments = [part.strip("'\"") for part in re.findall(r"'[^']*'|\"[^\"]*\"|\S+", command)]
    result = CliRunner().invoke(main, arguments, prog_name="convotrace", terminal_width=100)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    text = "\n".join(line.rstrip() for line in result.output.rstrip().splitlines())
    text = text.replace(os.getcwd(), "/srv/app")
    for pattern, shown in _DIFFERS:
        text = re.sub(pattern, shown, text)
    return text + "\n" + (f"(exit code {result.exit_code})\n" if result.exit_code else "")


_DIFFERS = (
    (r"token=[A-Za-z0-9_-]+", "token=Tr5…"), (r"(?m)^(size +).*$", r"\g<1>256 kB, 250 kB in use"),
    (r"(?m)^(log +)\S+ \S+,", r"\g<1>0 bytes,"), (r"(?m)^(disk +).*$", r"\g<1>61.20 GB free"),
    (r"(?m)^(processes +)\d+ alive, \d+ seen", r"\g<1>0 alive, 1 seen"),
)  # fmt: skip


def made():
    """Return the page with each command in it run anew."""
    text = DOCS.read_text()
    blocks = "\n\n".join(
        f"### {command.name}\n\n```console\n$ convotrace {command.name} --help\n```" for command in COMMANDS
    )
    head, mark, _ = text.partition("<!-- every command -->\n")
    assert mark, "docs/cli.md has lost its mark"
    whole = head + mark + "\n" + blocks + "\n"
    return re.sub(r"```console\n\$ convotrace ([^\n]*)\n.*?```", _run, whole, flags=re.DOTALL)


def _run(found):
    return f"```console\n$ convotrace {found[1]}\n{printed(found[1])}```"


def test_the_page_of_the_commands_shows_what_they_print(shop):
    now = made()
    if os.environ.get("CONVOTRACE_DOCS"):
        DOCS.write_text(now)
    assert DOCS.read_text() == now, "write it anew: CONVOTRACE_DOCS=1 python -m pytest tests/cli/test_docs.py"
    assert all(f"### {command.name}\n" in now for command in COMMANDS)
