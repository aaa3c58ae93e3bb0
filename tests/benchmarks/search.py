"""Text search over a store of a million spans: rare and common words, prefixes, phrases, and what filling costs.

`python -m tests.benchmarks.search [--turns N] [--rounds N] [--store FILE]`. Turns have five spans each; their words
are drawn from a vocabulary of 20,000 by Zipf's law, one in eight is in Chinese. The queries take turns; medians and
spread are printed, nothing is asserted. `--store` keeps the file for a second run.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time, thread_time_ns

from convotrace.model import Change, Payload, SessionFacts, Span, Trace
from convotrace.store import Store

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
RARE, RARE_EVERY = "zanzibar", 25_000
KINDS = ("agent", "generation", "retrieval", "tool", "internal")
SYLLABLES = [c + v for c in "bcdfghjklmnprstvz" for v in ("a", "e", "i", "o", "u", "ao", "en")]
CHINESE = [chr(0x4E00 + rank * 7) for rank in range(600)] + list("地铁中国人民")


def vocabulary(chance: random.Random, size: int = 20_000) -> list[str]:
    """Return different words that can be spoken."""
    words: dict[str, None] = {}
    while len(words) < size:
        words["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4)))] = None
    return sorted(words, key=len)


class Talk:
    """Draws texts."""

    def __init__(self, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        self.words = vocabulary(self.chance)
        self._weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(self.words))))

    def text(self, length: int, chinese: bool) -> str:
        """Return a text of about so many words."""
        if chinese:
            return "".join(self.chance.choices(CHINESE, k=length * 2))
        return " ".join(self.chance.choices(self.words, cum_weights=self._weights, k=length))

    def trace(self, number: int, session: str) -> Trace:
        """Return a turn with five spans."""
        chinese, started = number % 8 == 0, START + number * SECOND
        spans = tuple(
            Span(f"{number * 5 + i + 1:016x}", f"{number + 1:032x}", name, kind, duration_ns=SECOND, started_ns=started)
            for i, (name, kind) in enumerate(zip("abcde", KINDS, strict=True))
        )  # fmt: skip
        asked = self.text(12, chinese) + (f" {RARE}" if number % RARE_EVERY == 0 else "")
        return Trace(
            f"{number + 1:032x}", session, "POST /chat", is_turn=True, started_ns=started, duration_ns=SECOND,
            input=Payload(asked), output=Payload(self.text(40, chinese)), spans=spans,
        )  # fmt: skip


def build(store: Store, turns: int) -> None:
    """Write conversations of eleven turns, 100 turns a transaction."""
    talk, began = Talk(), perf_counter()
    for first in range(0, turns, 100):
        changes = []
        for number in range(first, min(first + 100, turns)):
            session = f"s{number // 440 * 40 + number % 40}"
            changes.append(Change(SessionFacts(session), talk.trace(number, session)))
        store.write(changes)
        if first % 20_000 == 0:
            print(f"{first:,} turns in {perf_counter() - began:.0f} s", flush=True)


def index(store: Store) -> None:
    """Fill the index and print what that costs."""
    spent, taken, before = process_time(), 0, store.size()
    for number in store.index():
        taken += number
    cost, more = (process_time() - spent) / max(taken, 1) * 1e6, (store.size() - before) >> 20
    print(f"filling: {cost:.1f} µs CPU a turn, {taken:,} turns; file +{more} MB")


def queries(store: Store) -> dict[str, str]:
    """Return what is asked, by what it stands for."""
    words = Talk().words
    return {
        "rare word": RARE, "word in 1 of 4,000 turns": words[-1], "word in 1 of 60 turns": words[300],
        "common word": words[0],
        "two common words": f"{words[0]} {words[1]}", "rare and common": f"{words[0]} {words[-1]}",
        "prefix of 3": f"{words[9000][:3]}*", "prefix of 2": f"{words[9000][:2]}*",
        "no such word": "xxyyzz", "two characters": "地铁", "four characters": "中国人民",
        "common without rare": f"{words[0]} -{words[-1]}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{options.store or Path(folder) / 'search.db'}")
        if not len(store.sessions(limit=1)):
            build(store, options.turns)
        index(store)
        measure(store, options.rounds)
        store.close()


def measure(store: Store, rounds: int) -> None:
    """Ask every query in turn, and print medians and spread."""
    asked = queries(store)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, text in asked.items():
            began, spent = perf_counter_ns(), thread_time_ns()
            page = store.search(text)
            times[name].append(((thread_time_ns() - spent) / 1e6, (perf_counter_ns() - began) / 1e6))
            if len(times[name]) == rounds:
                cpu, wall = zip(*times[name], strict=True)
                print(f"{name:26}{len(page):4} hits   CPU{spread(cpu)}   wall{spread(wall)}")


def spread(values: Sequence[float]) -> str:
    """Return median, least and greatest of some milliseconds."""
    return f"{statistics.median(values):8.2f} ms ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
