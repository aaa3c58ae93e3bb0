"""convotrace around the app, with its defaults: bodies, redaction, roll-ups, index; a store of its own in SQLite."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import convotrace as ct
from tests.benchmarks.subjects import Place, Subject, work
from tests.benchmarks.subjects.otel_steps import by_tracer

_PATIENCE = 60.0
_PACKAGES = ("convotrace", "peewee", "orjson", "opentelemetry-api")


def outside(place: Place) -> Subject:
    """Return the app without the middleware, its five steps told by verbs all the same: nobody listens."""
    return Subject(by_verbs)


def wrapped(place: Place) -> Subject:
    """Return the app with the middleware and nothing else."""
    return _observed(place, Subject.steps)


def verbs(place: Place) -> Subject:
    """Return the app with the middleware, its five steps told by our verbs."""
    return _observed(place, by_verbs)


def judged(place: Place) -> Subject:
    """Return the same with evaluators of every turn: a quick one, one that fails, one that never ends."""
    return _observed(place, by_verbs, evaluators=[_long_enough, _broken, _asleep])


def _long_enough(turn: Any) -> bool:
    return len(turn.output.text) > 5


def _broken(turn: Any) -> bool:
    raise ValueError(turn.id)


def _asleep(turn: Any) -> bool:
    time.sleep(60)
    return True


def api(place: Place) -> Subject:
    """Return the app with the middleware, its five steps told to `opentelemetry.trace`, which has our provider."""
    from opentelemetry import trace

    return _observed(place, partial(by_tracer, trace.get_tracer("app")), opentelemetry="global")


def _observed(place: Place, steps: Callable[[int, str, str], None], **options: Any) -> Subject:
    observer = ct.ConvoTrace(store=f"sqlite:///{place.folder}/bench.db", **options)
    middleware = import_module(f"convotrace.{place.door}").ConvoTraceMiddleware

    def flush() -> None:
        if not observer.flush(_PATIENCE):
            raise TimeoutError("convotrace has not stored everything")

    return Subject(steps, partial(middleware, convotrace=observer), flush, partial(lost, observer), _PACKAGES)


def lost(observer: ct.ConvoTrace) -> int:
    """Return how many records were dropped, of whatever kind and for whatever reason."""
    dropped: Any = observer.writer.stats()["dropped"]
    return sum(sum(reasons.values()) for reasons in dropped.values())


def by_verbs(number: int, session: str, message: str) -> None:
    """Take the five steps, each told by a verb."""
    with ct.span("plan", kind="agent", **work.PLAN):
        with ct.retrieval("articles", query=message, **work.SEARCH) as found:
            found.set_documents([work.DOCUMENT])
        with ct.generation("chat", model="gpt-4o", provider="openai", input=work.prompt(number), **work.CHAT) as call:
            call.set_output(work.completion(number))
            call.set_usage(input=512, output=256)
        with ct.tool("lookup", arguments={"order": number}, **work.TOOL) as tool:
            tool.set_result({"state": "sent"})
        with ct.span("format", **work.FORMAT):
            pass
