"""Lists and pages over stores of 20,000 and of a million spans: as records, as JSON, as finished pages.

`python -m tests.benchmarks.lists [--spans N N] [--rounds N] [--folder FOLDER]`. Sessions have eleven turns of five
spans, forty of them interleaved; one in three is judged, two in three have a user, tags, and a release. The questions
take turns between the stores; medians and spread are printed, nothing is asserted. `--folder` keeps the files.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, perf_counter_ns, thread_time_ns

from convotrace.export.records import as_json, dump
from convotrace.model import Change, Json, Score, SessionFacts, Span, Target, Trace, Usage
from convotrace.page import PageRequest, answer
from convotrace.pricing import Prices
from convotrace.query import parse
from convotrace.settings import Settings
from convotrace.store import Store
from tests.benchmarks.search import Talk

SECOND = 1_000_000_000
KINDS = ("agent", "generation", "retrieval", "tool", "internal")
TURNS, SPANS, TOGETHER = 11, 5, 40
ORDERS = ("-last", "started", "-duration", "-turns", "-errors", "-tokens", "-cost", "cost", "-spans")
FILTERS = {
    "rare tag": "tag:rare", "tag of a third": "tag:vip", "user": "user:user-17", "user by beginning": "user:user-99*",
    "tool": "tool:tool7", "model and error": "model:gpt-5 has:error", "cost": "cost>0.01", "score": "score.helpful<0.3",
    "thumbs down": "fb:down", "since": "since:1h", "rare word": "zanzibar", "part of an id": "s1234",
    "no such word": "xxyyzz", "rare word or tag": "zanzibar OR tag:rare",
}  # fmt: skip


class Chat(Talk):
    """Draws whole turns."""

    def change(self, number: int, session: int) -> Change:
        """Return a turn of a session, its number over all."""
        id, dice = f"s{session}", self.chance.random
        trace = self.trace(number, id)
        spans = tuple(self.span(span, number, at) for at, span in enumerate(trace.spans))
        trace = replace(
            trace, spans=spans, duration_ns=int(SECOND * self.chance.lognormvariate(0.5, 0.8)),
            first_byte_ns=SECOND // 5, errors=int(dice() < 0.03), input_tokens=800, output_tokens=60,
            cost_nano=int(2_000_000 * dice()), status_code=200, route="/chat",
        )  # fmt: skip
        return Change(self.facts(id, session, number, trace), trace)

    def span(self, span: Span, number: int, at: int) -> Span:
        """Return one of the spans of a turn."""
        return replace(
            span, kind=KINDS[at], name=f"tool{self.chance.randrange(50)}" if at == 3 else span.name,
            model=("gpt-5", "gpt-5-mini", "claude-x")[number % 3] if at == 1 else None,
            usage=Usage(800, 60) if at == 1 else None, parent_id=None,
        )  # fmt: skip

    def facts(self, id: str, session: int, number: int, trace: Trace) -> SessionFacts:
        """Return what a turn says about its session."""
        known = session % 3 > 0
        tags = (("vip",) if session % 3 == 1 else ()) + (("rare",) if session % 3000 == 1 else ())
        scores: tuple[Score, ...] = ()
        if session % 3 == 0 and self.chance.random() < 0.3:
            up, mean = self.chance.random() < 0.7, self.chance.random()
            at = trace.started_ns + SECOND
            scores = (
                Score(f"{number}a", "feedback", "boolean", up, at, Target(id, trace.id), "end_user"),
                Score(f"{number}b", "helpful", "numeric", mean, at, Target(id), "evaluator"),
            )
        return SessionFacts(
            id, "header", user_id=f"user-{session % 5000}" if known else None, tags=tags, scores=scores,
            release=f"1.{session // 2000}" if known else None, environment="production",
        )  # fmt: skip


def build(store: Store, spans: int) -> None:
    """Write conversations, as many as have so many spans, 100 turns a transaction."""
    chat, began, turns = Chat(), perf_counter(), spans // SPANS
    for first in range(0, turns, 100):
        numbers = range(first, min(first + 100, turns))
        store.write([chat.change(n, n // (TURNS * TOGETHER) * TOGETHER + n % TOGETHER) for n in numbers])
        if first % 20_000 == 0:
            print(f"{first:,} turns in {perf_counter() - began:.0f} s", flush=True)
    for _ in store.index():
        pass


class House:
    """What pages ask for, with a token that everybody has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.settings = Settings.of({"store": store.url, "token": "t", "enabled": True}, {})

    def drain(self) -> None: ...

    def store(self) -> Store:
        return self._store

    def token(self) -> str:
        return "t"

    def health(self) -> dict[str, Json]:
        return {}

    def prices(self) -> Prices:
        return Prices()

    def failed(self, where: str, error: BaseException) -> None:
        raise error


def page(store: Store, path: str) -> bytes:
    """Return what the page answers."""
    path, _, query = path.partition("?")
    headers = {"authorization": "Bearer t", "host": "localhost"}
    found = answer(PageRequest("GET", path, query, headers), House(store))
    assert found.status == 200, (path, found.status, found.body[:300])
    return found.body


def as_bytes(store: Store, **asked: object) -> bytes:
    """Return a list as the JSON that programs get."""
    return dump(as_json(store.sessions(**asked)))


def questions(store: Store) -> dict[str, Callable[[], object]]:
    """Return what is asked of a store, by its name."""
    newest = store.sessions(limit=1).sessions[0].key
    deep = store.sessions(limit=1000).next
    asked: dict[str, Callable[[], object]] = {
        "50 newest as records": lambda: store.sessions(),
        "50 newest as JSON": lambda: as_bytes(store),
        "50 after 1000 as JSON": lambda: as_bytes(store, after=deep),
        "50 newest as a page": lambda: page(store, "/"),
        "a session as JSON": lambda: page(store, f"/s/{newest}.json"),
        "a session as a page": lambda: page(store, f"/s/{newest}"),
        "a search as a page": lambda: page(store, "/search?q=zanzibar"),
    }
    for order in ORDERS:
        asked[f"order {order}"] = lambda order=order: as_bytes(store, order=order)
        after = store.sessions(order=order, limit=500).next
        if after:
            asked[f"order {order}, after 500"] = lambda order=order, after=after: as_bytes(
                store, order=order, after=after
            )
    for name, q in FILTERS.items():
        parse(q)
        asked[f"filter: {name}"] = lambda q=q: as_bytes(store, q=q)
    return asked


def measure(stores: dict[str, Store], rounds: int) -> None:
    """Ask every store every question in turn, and print medians and spread."""
    asked = {name: questions(store) for name, store in stores.items()}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for question in next(iter(asked.values())):
            for name in stores:
                if question in asked[name]:
                    began, spent = perf_counter_ns(), thread_time_ns()
                    asked[name][question]()
                    took = ((thread_time_ns() - spent) / 1e6, (perf_counter_ns() - began) / 1e6)
                    times.setdefault((question, name), []).append(took)
    for (question, name), found in times.items():
        cpu, wall = zip(*found, strict=True)
        print(f"{question:34}{name:>10}   CPU{spread(cpu)}   wall{spread(wall)}")


def spread(values: Sequence[float]) -> str:
    """Return median, least and greatest of some milliseconds."""
    return f"{statistics.median(values):8.2f} ms ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = {f"{n:,}": Store.open(f"sqlite:///{options.folder or folder}/lists-{n}.db") for n in options.spans}
        for store, spans in zip(stores.values(), options.spans, strict=True):
            if not len(store.sessions(limit=1)):
                build(store, spans)
        measure(stores, options.rounds)
        for store in stores.values():
            store.close()


if __name__ == "__main__":
    main()
