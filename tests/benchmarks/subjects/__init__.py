"""What is measured: one chat app, observed in different ways. Each way is a module here with a `make` of its own.

A module is imported only in the process that measures it, in a venv that may hold neither convotrace nor the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a subject runs: `door` is asgi or wsgi, `folder` for its files, `sink` the address of the loopback sink."""

    door: str
    folder: str
    sink: str


@dataclass(frozen=True)
class Subject:
    """One way to observe the app."""

    steps: Callable[[int, str, str], None] = lambda number, session, message: None
    """The five steps of a request: its number, its session, its message."""
    around: Callable[[Any], Any] = lambda app: app
    """What stands around the app."""
    flush: Callable[[], None] = lambda: None
    """Wait until all of it is stored or sent."""
    lost: Callable[[], int] = lambda: 0
    """How many traces or spans were dropped."""
    packages: tuple[str, ...] = field(default=())
    """The packages whose versions tell what was measured."""


@dataclass(frozen=True)
class Variant:
    """A name of the table, the module and function that make it, and the venv it runs in."""

    title: str
    module: str
    maker: str
    venv: str = ""


VARIANTS = {
    "bare": Variant("bare", "plain", "bare", "own"),
    "through": Variant("pass-through class", "plain", "through", "own"),
    "outside": Variant("5 verbs outside a traced request", "own", "outside", "own"),
    "wrapped": Variant("convotrace, no verbs", "own", "wrapped", "own"),
    "verbs": Variant("convotrace, 5 spans by verbs", "own", "verbs", "own"),
    "api": Variant("convotrace, 5 spans by opentelemetry.trace", "own", "api", "own"),
    "judged": Variant("convotrace, 5 spans by verbs, three evaluators", "own", "judged", "own"),
    "floor": Variant("floor: deque, writer thread, executemany", "floor", "floor", "own"),
    "otlp": Variant("OpenTelemetry, SDK, OTLP/HTTP", "otel", "otlp", "otel"),
    "maxim": Variant("maxim-py", "maxim", "maxim", "maxim"),
    "langfuse": Variant("Langfuse", "langfuse", "langfuse", "langfuse"),
}


def make(name: str, place: Place) -> Subject:
    """Return a subject by the name of its variant."""
    variant = VARIANTS[name]
    subject: Subject = getattr(import_module(f"{__name__}.on_{variant.module}"), variant.maker)(place)
    return subject
