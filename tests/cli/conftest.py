"""A store with a few sessions, and a way to run the command on it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from convotrace.cli import main
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

DAY_NS = 86400 * 10**9
AGES = {"new": ("ann", 0), "old": ("ann", 10), "older": ("ben", 40), "oldest": (None, 90)}


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """Return the URL of a store with sessions of several ages and users."""
    url = f"sqlite:///{tmp_path}/kept.db"
    store = Store.open(url)
    for number, (name, (user, age)) in enumerate(AGES.items()):
        started = time.time_ns() - age * DAY_NS
        trace = Trace(f"{number:032x}", name, is_turn=True, started_ns=started, input=Payload(f"canary {name}"))
        store.write([Change(SessionFacts(name, user_id=user), trace)])
    store.close()
    return url


@pytest.fixture
def names(kept: str) -> Callable[[], list[str]]:
    """Return what reads the ids of the sessions that are there."""

    def _names() -> list[str]:
        store = Store.open(kept)
        found = [session.id for session in store.sessions()]
        store.close()
        return found

    return _names


@pytest.fixture
def run(kept: str) -> Callable[..., Result]:
    """Run a command on that store."""

    def _run(*arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(main, [*arguments, "--store", kept], input=answer)

    return _run


@pytest.fixture
def as_json(run: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command with `--json` and return what it printed."""
    return lambda *arguments: json.loads(run(*arguments, "--json").output)


def hear_ctrl_c() -> None:
    """Let a process that is about to begin end by Ctrl-C, as in a terminal: in the background of a shell none does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
