"""What a request costs more with convotrace around the app: CPU of all threads, and the median wall time.

`python -m tests.benchmarks [--rounds N] [--requests N]`. Bare and wrapped take turns in one run, so that the ratio
holds on a noisy machine; medians and spread are printed, nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from time import perf_counter_ns, process_time_ns

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware

TEXT = "convotrace keeps what was said. " * 96  # 3 KB, as design budgets ask
BODY = json.dumps({"session_id": "s", "message": "hello"}).encode()
REPLY = json.dumps({"reply": "hello back"}).encode()


async def plain_app(scope, receive, send):
    """Answer a chat message, and nothing else."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": REPLY})


async def spans_app(scope, receive, send):
    """The same with five spans, one of them with 3 KB of text."""
    with ct.span("agent", kind="agent"):
        with ct.retrieval("kb", query="hello") as found:
            found.set_documents([{"id": "a", "text": "short"}])
        with ct.generation("chat", model="m") as call:
            call.set_input(TEXT).set_output("hello back").set_usage(input=700, output=3)
        with ct.tool("lookup", arguments={"id": 1}) as tool:
            tool.set_result({"found": True})
        with ct.span("format"):
            pass
    await plain_app(scope, receive, send)


def scope(n: int, sessions: int) -> dict:
    """Return the scope of one request, of one of a few sessions."""
    headers = [(b"host", b"h"), (b"content-type", b"application/json"), (b"x-session-id", b"s%d" % (n % sessions))]
    return {
        "type": "http", "method": "POST", "path": "/chat", "query_string": b"", "headers": headers, "scheme": "http",
        "client": ("127.0.0.1", 1),
    }  # fmt: skip


async def run(app, requests: int, sessions: int = 40) -> list[int]:
    """Send requests one after another; return the wall time of each in ns."""

    async def receive():
        return {"type": "http.request", "body": BODY}

    async def send(message):
        return None

    walls = []
    for n in range(requests):
        started = perf_counter_ns()
        await app(scope(n, sessions), receive, send)
        walls.append(perf_counter_ns() - started)
    return walls


def measured(app, observer, requests: int) -> tuple[float, float]:
    """Return CPU of all threads and median wall time of a request, in µs."""
    started = process_time_ns()
    walls = asyncio.run(run(app, requests))
    if observer is not None:
        observer.flush(60)
    return (process_time_ns() - started) / requests / 1000, statistics.median(walls) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        observer = ct.ConvoTrace(store=f"sqlite:///{folder}/bench.db")
        apps = {
            "bare": (plain_app, None),
            "wrapped, no verbs": (ConvoTraceMiddleware(plain_app, convotrace=observer), observer),
            "bare, verbs outside a trace": (spans_app, None),
            "wrapped, 5 spans, 3 KB": (ConvoTraceMiddleware(spans_app, convotrace=observer), observer),
        }
        figures = {name: [] for name in apps}
        for app, owner in apps.values():
            measured(app, owner, 200)
        for _ in range(options.rounds):
            for name, (app, owner) in apps.items():
                figures[name].append(measured(app, owner, options.requests))
        health = observer.health()
        report(figures, health)
        observer.close()


def report(figures: dict, health: dict) -> None:
    """Print medians, spread and what was added to bare."""
    base = [statistics.median(values) for values in zip(*figures["bare"], strict=True)]
    print(f"{'':30}{'CPU µs (min-max)':>26}{'added':>8}{'wall p50 µs (min-max)':>26}{'added':>8}")
    for name, rounds in figures.items():
        cells = []
        for column, values in enumerate(zip(*rounds, strict=True)):
            middle = statistics.median(values)
            cells.append(
                f"{middle:10.1f} ({min(values):.1f}-{max(values):.1f})".rjust(26) + f"{middle - base[column]:8.1f}"
            )
        print(f"{name:30}" + "".join(cells))
    print("written", health["written"], "dropped", health["dropped"])


if __name__ == "__main__":
    main()
