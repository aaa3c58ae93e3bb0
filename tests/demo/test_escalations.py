"""Real conversations posted without saying how they ended: one declared tool finds those that were handed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convotrace import ConvoTrace
from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.demo.server import serve
from convotrace.demo.service import Service
from convotrace.demo.wsgi_app import DemoApp
from convotrace.wsgi import ConvoTraceMiddleware

pytestmark = [pytest.mark.data, pytest.mark.slow]


def _without_outcomes(data: Path, folder: Path) -> tuple[list[Path], set[str]]:
    """Copy every file without its outcomes; return the copies, and the ids of those that were handed over."""
    files, wanted = [], set()
    for path in sorted((data / "conversations").glob("*.jsonl")):
        sources = list(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
        told = {source["id"]: source.pop("outcome", None) or {} for source in sources}
        wanted |= {id for id, outcome in told.items() if outcome.get("escalated")}
        files.append(folder / path.name)
        files[-1].write_text("".join(json.dumps(source) + "\n" for source in sources), encoding="utf-8")
    return files, wanted


def test_one_declared_tool_finds_exactly_those_that_were_handed_over(data: Path, tmp_path: Path) -> None:
    files, wanted = _without_outcomes(data, tmp_path)
    service = Service()
    observer = ConvoTrace(store=f"sqlite:///{tmp_path}/s.db", handoff_tools=["transfer_to_human_agents"])
    with serve(ConvoTraceMiddleware(DemoApp(service), convotrace=observer), "127.0.0.1", 0) as port:
        assert post_all(read(files), f"http://127.0.0.1:{port}", workers=4).failures == []
    found = {session.id for session in observer.store.sessions("outcome:escalated", limit=1000)}
    observer.close()
    service.assistant.close()
    assert found == wanted and len(found) == 32
