"""Stores of many spans to measure with: conversations of thirty days, built by usual writes, kept in the temp folder.

A store is built once for each schema: `path(size)` gives its file, which nobody may write to; `copied` a copy to work
on. Turns have five spans; words come from a vocabulary of 20,000 by Zipf's law, one turn in eight is in Chinese.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from convotrace.model import Change, Document, Failure, Payload, Score, SessionFacts, Span, Target, Trace, Usage
from convotrace.store import Store
from tests.benchmarks.venvs import ROOT

SECOND = 10**9
DAYS = 30
SPANS_A_TURN = 5
TURNS_A_SESSION, INTERLEAVED = 10, 40
LONG, LONG_TURNS, LONG_FROM = "long", 10_000, 1_000_000  # spans of the store it is in, or more
FIFTY, FIFTY_TURNS = "fifty", 50
RARE, RARE_EVERY = "zanzibar", 25_000
TOOLS = ["search", "lookup", "refund", "cancel", "book", "weather", "route", "price", "stock", "mail", "ticket", "plan"]
MODELS = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-flash", "mistral-large", "llama-3.3-70b"]
_SYLLABLES = [c + v for c in "bcdfghjklmnprstvz" for v in ("a", "e", "i", "o", "u", "ao", "en")]
_CHINESE = [chr(0x4E00 + rank * 7) for rank in range(600)] + list("地铁中国人民")
_BATCH = 100
_KEPT_SECONDS = 86_400
_EDITION = 5
"""To be raised when what is built here changes."""


def vocabulary(chance: random.Random, size: int = 20_000) -> list[str]:
    """Return different words that can be spoken, the short ones first: they are the common ones."""
    words: dict[str, None] = {}
    while len(words) < size:
        words["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4)))] = None
    return sorted(words, key=len)


class Talk:
    """Draws turns; the same ones for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        self.words = vocabulary(random.Random(7))
        weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(self.words))))
        drawn = self.chance.choices(self.words, cum_weights=weights, k=400_000)
        # A text is a piece of one long talk: drawing each word anew would take longer than storing it.
        self._latin = " ".join(drawn)
        spoken = "".join(self.chance.choices(_CHINESE, k=100_000))
        self._chinese = "地铁".join(spoken[at : at + 10_000] for at in range(0, len(spoken), 10_000))

    def text(self, length: int, chinese: bool = False) -> str:
        """Return a text of about so many characters."""
        source, size = (self._chinese, length // 3) if chinese else (self._latin, length)
        start = self.chance.randrange(len(source) - 2 * size)
        piece = source[start : start + size]
        return piece if chinese else piece.partition(" ")[2].rpartition(" ")[0]

    def turn(self, number: int, session: str, started_ns: int) -> Change:
        """Return a turn in which an agent searches, asks a model, calls a tool, and asks the model again."""
        chinese = number % 8 == 0
        asked = self.text(70, chinese) + (f" {RARE}" if number % RARE_EVERY == 0 else "")
        answer, took = self.text(230, chinese), int(self.chance.lognormvariate(0, 0.6) * SECOND)
        spans = tuple(self._spans(number, started_ns, took, asked, answer))
        failed = spans[3].error is not None
        trace = Trace(
            f"{number + 1:032x}", session, "POST /chat", is_turn=True, route="/chat", started_ns=started_ns,
            duration_ns=took, first_byte_ns=took // 3, input=Payload(asked), output=Payload(answer), spans=spans,
            status_code=200, errors=int(failed), input_tokens=1100, output_tokens=160,
            cost_nano=int(4_000_000 * self.chance.random()),
            id_source="header",
        )  # fmt: skip
        return Change(self._facts(session, trace), trace)

    def _facts(self, session: str, trace: Trace) -> SessionFacts:
        # Two sessions in three have a user, a release and tags; the third is judged now and then.
        number = int(session[1:]) if session[1:].isdecimal() else 0
        if number % 3 == 0:
            return SessionFacts(session, "header", environment="production", scores=tuple(self._scores(session, trace)))
        tags = (*(("vip",) if number % 3 == 1 else ()), *(("rare",) if number % 3000 == 1 else ()))
        return SessionFacts(
            session, "header", user_id=f"user-{number % 5000}", tags=tags, release=f"1.{number // 2000}",
            environment="production", metadata={"plan": "pro"},
        )  # fmt: skip

    def _scores(self, session: str, trace: Trace) -> Iterator[Score]:
        if self.chance.random() < 0.3:
            at, up, mean = trace.started_ns + SECOND, self.chance.random() < 0.7, self.chance.random()
            yield Score(f"{trace.id}a", "feedback", "boolean", up, at, Target(session, trace.id), "end_user")
            yield Score(f"{trace.id}b", "helpful", "numeric", mean, at, Target(session), "evaluator")

    def _spans(self, number: int, at: int, took: int, asked: str, answer: str) -> Iterator[Span]:
        trace_id = f"{number + 1:032x}"
        ids = [f"{number * SPANS_A_TURN + i + 1:016x}" for i in range(SPANS_A_TURN)]
        tool = self.chance.choices(TOOLS, cum_weights=_CUMULATIVE)[0]
        model = self.chance.choices(MODELS, cum_weights=_CUMULATIVE[: len(MODELS)])[0]
        failed = Failure("TimeoutError", "The shop did not answer.") if self.chance.random() < 0.02 else None
        found = self.text(160)
        common = {"trace_id": trace_id, "parent_id": ids[0]}
        call = {"id": f"call_{number}", "type": "tool_call", "name": tool, "arguments": {"order": number}}
        system, user = _message("system", _SYSTEM), _message("user", asked)
        called = {"role": "assistant", "parts": [call]}
        told = {"role": "tool", "parts": [{"type": "tool_call_response", "id": call["id"], "response": found}]}
        yield Span(ids[0], trace_id, "assistant", "agent", started_ns=at, duration_ns=took)
        yield Span(
            ids[1], name="articles", kind="retrieval", started_ns=at, duration_ns=took // 8, query=asked,
            documents=(Document("a1", self.text(200), 0.9), Document("a2", self.text(200), 0.7)), **common,
        )  # fmt: skip
        asking = {
            "kind": "generation",
            "name": "chat",
            "model": model,
            "provider": "any",
            "finish_reason": "stop",
            **common,
        }
        yield Span(
            ids[2], started_ns=at + took // 8, duration_ns=took // 3, input=[system, user], output=[called],
            usage=Usage(500, 40), cost_nano=1_650_000, **asking,
        )  # fmt: skip
        yield Span(
            ids[3], name=tool, kind="tool", started_ns=at + took // 2, duration_ns=int(took * self.chance.random() / 8),
            arguments={"order": number}, result=None if failed else found, call_id=call["id"], error=failed,
            status="error" if failed else "ok", **common,
        )  # fmt: skip
        yield Span(
            ids[4], started_ns=at + took // 2, duration_ns=took // 3, input=[system, user, called, told],
            output=[_message("assistant", answer)], usage=Usage(600, 120), cost_nano=2_700_000, **asking,
        )  # fmt: skip


_CUMULATIVE = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(TOOLS))))
_SYSTEM = "You help the customers of a small shop. Be short, be kind, and look things up before you answer. " * 4


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def session_of(number: int, turns: int) -> str:
    """Return the session of a turn: two known ones where the store is large enough, else one of 40 at a time."""
    if turns * SPANS_A_TURN >= LONG_FROM and number % (turns // LONG_TURNS) == 7:
        return LONG
    if number % (turns // FIFTY_TURNS) == 3:
        return FIFTY
    return f"s{number // (INTERLEAVED * TURNS_A_SESSION) * INTERLEAVED + number % INTERLEAVED}"


def changes(spans: int, talk: Talk | None = None, until_ns: int | None = None) -> Iterator[Change]:
    """Yield the turns of so many spans, of the thirty days before a moment; now when None."""
    talk, turns = talk or Talk(), spans // SPANS_A_TURN
    pause = DAYS * 86_400 * SECOND // turns
    end = time.time_ns() if until_ns is None else until_ns
    for number in range(turns):
        session, at = session_of(number, turns), end - (turns - number) * pause
        if session == FIFTY:  # a minute between two turns, whatever the size of the store
            at = end - (turns - number) * FIFTY_TURNS * 60 * SECOND // turns
        yield talk.turn(number, session, at)


def lone(sessions: int) -> Iterator[Change]:
    """Yield so many sessions of one turn without spans, of the thirty days before now."""
    talk, pause, end = Talk(), DAYS * 86_400 * SECOND // sessions, time.time_ns()
    for number in range(sessions):
        change = talk.turn(number, f"s{number}", end - (sessions - number) * pause)
        yield replace(change, trace=replace(change.trace, spans=(), errors=0))


SHAPES: dict[str, Callable[[int], Iterator[Change]]] = {"spans": changes, "sessions": lone}


def path(size: int, shape: str = "spans") -> Path:
    """Return the file of a store with so many spans or sessions, built where it is not there."""
    folder = Path(tempfile.gettempdir()) / "convotrace-bench"
    key = hashlib.sha256((ROOT / "convotrace" / "store" / "schema.py").read_bytes()).hexdigest()[:8]
    found = folder / f"{_EDITION}-{key}-{size}-{shape}.db"
    with alone(found):
        if not found.exists():
            part = found.with_suffix(".part")
            for left in folder.glob(f"{part.name}*"):
                left.unlink()
            _build(part, size, shape)
            part.rename(found)
    return found


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let one process at a time make a file; the others wait for it. Files of other days are cleared away."""
    file.parent.mkdir(exist_ok=True)
    for old in file.parent.iterdir():
        if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            old.unlink(missing_ok=True)
    with file.with_suffix(f"{file.suffix}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(file: Path, size: int, shape: str) -> None:
    began, written = time.perf_counter(), 0
    store, coming = Store.open(f"sqlite:///{file}"), SHAPES[shape](size)
    while batch := list(itertools.islice(coming, _BATCH)):
        store.write(batch)
        written += len(batch)
        if written % 20_000 == 0:
            store.roll_up(batch[-1].trace.started_ns)  # as the job does: minutes become hours and days
            print(f"{written:,} turns in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    for _ in store.index():
        pass
    store.roll_up()
    store.close()
    print(f"built {file.name}: {size:,} {shape} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


@contextmanager
def copied(size: int, shape: str = "spans") -> Iterator[str]:
    """Yield the URL of a copy of a store, or of an empty one for no size; it is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.db"
        if size:
            shutil.copy(path(size, shape), file)
        yield f"sqlite:///{file}"
