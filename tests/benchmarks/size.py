"""How many bytes a store takes for the text it is given, and how heavy pages are.

`python -m tests.benchmarks.size [--only prose|agent|pages]`. Texts are the prose of Python's own documentation, cut at
random places, so that they compress like prose and never repeat. Everything goes through the middleware and the verbs,
as an app records it, with the text index filled. Bytes do not depend on how busy the machine is; one run tells all.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware
from tests.benchmarks import figures, queries, stores
from tests.benchmarks.subjects.apps import asgi_scope
from tests.benchmarks.subjects.on_own import lost

TURNS, SESSIONS = 1000, 100
GROWTH = (10, 30, 100)
TOGETHER = 10  # sessions a file, so that half-empty pages do not show
_IMPORTED = re.compile(rb"""(?:from|import) ["']\./([^"']+)["']""")
"""A module that another one imports lies beside it."""
_PROSE = " ".join(" ".join(topics.values()).split())


class Prose:
    """Cuts texts out of prose, and counts them."""

    def __init__(self) -> None:
        self.characters = 0
        self._chance = random.Random(5)

    def __call__(self, size: int) -> str:
        start = self._chance.randrange(len(_PROSE) - size)
        self.characters += len(text := _PROSE[start : start + size].encode("ascii", "replace").decode())
        return text


async def _post(app: Any, said: dict[str, Any]) -> None:
    data = json.dumps(said).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return None

    await app({**asgi_scope(data), "app.said": said}, receive, send)


def recorded(work: Callable[[dict[str, Any]], str], requests: Iterable[dict[str, Any]]) -> int:
    """Put requests to an app that does some work for each; return by how many bytes the store grew."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        reply = json.dumps({"reply": work(scope["app.said"])}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": reply})

    async def run(wrapped: Any) -> None:
        for number, said in enumerate(requests):
            await _post(wrapped, said)
            if number % 20 == 19:
                await asyncio.to_thread(observer.flush, 60)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "size.db"
        observer = ct.ConvoTrace(store=f"sqlite:///{file}")
        empty = _bytes(observer, file)
        asyncio.run(run(ConvoTraceMiddleware(app, convotrace=observer)))
        if not observer.flush(60) or lost(observer):
            raise RuntimeError("not everything was stored")
        return _bytes(observer, file) - empty


def _bytes(observer: ct.ConvoTrace, file: Path) -> int:
    store = observer.store
    for _ in store.index():
        pass
    observer.close()  # the last connection brings the log into the file
    return file.stat().st_size


def prose() -> dict[str, Any]:
    """Return bytes of text and of store for conversations of about 1 KB of text a span, five spans a turn."""
    draw = Prose()

    def work(said: dict[str, Any]) -> str:
        with ct.span("plan", kind="agent", input=draw(500)) as plan:
            with ct.retrieval("articles", query=draw(100)) as found:
                found.set_documents([{"id": str(n), "text": draw(450)} for n in range(2)])
            with ct.generation("chat", model="gpt-4o", input=draw(700)) as call:
                call.set_output(draw(300)).set_usage(input=800, output=90)
            with ct.tool("lookup", arguments={"note": draw(100)}) as tool:
                tool.set_result({"found": draw(800)})
            with ct.generation("chat", model="gpt-4o", input=draw(700)) as call:
                call.set_output(draw(300)).set_usage(input=1800, output=120)
            plan.set_output(draw(500))
        return draw(300)

    requests = [{"session_id": f"s{n % SESSIONS}", "message": draw(100)} for n in range(TURNS)]
    stored = recorded(work, requests)
    spans = TURNS * 5
    return {"spans": spans, "text": draw.characters, "stored": stored, "x text": stored / draw.characters}


def agent(turns: int) -> dict[str, Any]:
    """Return bytes sent and stored of one conversation, whose client and whose agent send all of it again each time."""
    draw, sent = Prose(), 0
    systems = [{"role": "system", "content": draw(6000)} for _ in range(TOGETHER)]
    histories: list[list[dict[str, Any]]] = [[] for _ in range(TOGETHER)]

    def ask(messages: list[dict[str, Any]], answer: dict[str, Any]) -> None:
        nonlocal sent
        sent += len(json.dumps(messages)) + len(json.dumps(answer))
        with ct.generation("chat", model="gpt-4o", input=list(messages)) as call:
            call.set_output([answer]).set_usage(input=900, output=60)
        messages.append(answer)

    def work(said: dict[str, Any]) -> str:
        messages = [systems[said["number"]], *said["messages"]]
        function = {"name": "lookup", "arguments": json.dumps({"note": draw(40)})}
        calls = [{"id": f"call_{len(messages)}", "type": "function", "function": function}]
        ask(messages, {"role": "assistant", "content": None, "tool_calls": calls})
        with ct.tool("lookup", arguments=json.loads(function["arguments"]), call_id=calls[0]["id"]) as tool:
            tool.set_result(result := draw(600))
        messages.append({"role": "tool", "tool_call_id": calls[0]["id"], "content": result})
        ask(messages, {"role": "assistant", "content": (reply := draw(300))})
        said["messages"][:] = messages[1:]
        return reply

    def requests() -> Iterator[dict[str, Any]]:
        for number in range(turns * TOGETHER):
            history = histories[number % TOGETHER]
            history.append({"role": "user", "content": draw(150)})
            yield {"session_id": f"s{number % TOGETHER}", "number": number % TOGETHER, "messages": history}

    stored = recorded(work, requests())
    return {"turns": turns, "sent": sent // TOGETHER, "stored": stored // TOGETHER, "sent x stored": sent / stored}


def pages() -> dict[str, Any]:
    """Return the bytes of pages as gzip sends them, with the scripts, styles and fonts that they load."""
    with stores.copied(20_000) as url:
        asked = queries.opened(url, 20_000)
        found = {}
        for name, path in {
            "list": "/",
            "session": "/s/s0",
            "session of 50 turns": "/s/fifty",
            "dashboard": "/dashboard",
        }.items():
            if queries.find(path) is not None:
                found[name] = _weight(asked, path)
        asked.observer.close()
    return found


def _weight(asked: queries.Asked, path: str) -> dict[str, int]:
    page, files, seen = asked.body(path), 0, set()
    waiting = _files(page.decode())
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            body = asked.body(file)
            files += len(gzip.compress(body, 6))
            waiting |= {f"{file.rpartition('/')[0]}/{name.decode()}" for name in _IMPORTED.findall(body)}
    return {"page": len(gzip.compress(page, 6)), "files": files, "number of files": len(seen)}


def _files(html: str) -> set[str]:
    return {"/" + path for path in re.findall(r'(?:src|href)="[./]*(static/[^"]+)"', html)}


def table(found: dict[str, Any]) -> str:
    """Return Markdown."""
    lines = []
    if "prose" in found:
        one = found["prose"]
        lines += ["| spans | text, MB | store, MB | store x text | bytes a span |", "|---|---|---|---|---|"]
        lines.append(
            f"| {one['spans']:,} | {one['text'] / 1e6:.2f} | {one['stored'] / 1e6:.2f} | {one['x text']:.2f} "
            f"| {one['stored'] / one['spans']:,.0f} |"
        )
    if "agent" in found:
        lines += ["", "| turns | sent to the model, kB | stored, kB | sent x stored | stored x 10 turns |"]
        lines.append("|---|---|---|---|---|")
        first = found["agent"][0]["stored"]
        for one in found["agent"]:
            sizes = f"{one['sent'] / 1e3:,.0f} | {one['stored'] / 1e3:,.0f}"
            lines.append(f"| {one['turns']} | {sizes} | {one['sent x stored']:.1f} | {one['stored'] / first:.1f} |")
    if "pages" in found:
        lines += ["", "| page | HTML, gzip kB | its files, gzip kB | together |", "|---|---|---|---|"]
        for name, one in found["pages"].items():
            whole = (one["page"] + one["files"]) / 1e3
            lines.append(f"| {name} | {one['page'] / 1e3:.1f} | {one['files'] / 1e3:.1f} | {whole:.1f} |")
    return "\n".join(lines)


PARTS: dict[str, Callable[[], Any]] = {
    "prose": prose, "agent": lambda: [agent(turns) for turns in GROWTH], "pages": pages,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    found = {name: part() for name, part in PARTS.items() if options.only in (None, name)}
    print(table(found))
    print(figures.keep("size", found))


if __name__ == "__main__":
    main()
