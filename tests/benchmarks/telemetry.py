"""What a span costs with us beside OpenTelemetry: CPU of this thread in µs, all cases taking turns in one run.

`python -m tests.benchmarks.telemetry [--rounds N]`. Without the SDK installed its cases are left out. A span of another
library has ten attributes and one more set later; our verbs take the same. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import set_span_in_context

import convotrace as ct
from convotrace.capture.current import enter, leave
from convotrace.hooks.opentelemetry.live import RequestTelemetry
from convotrace.hooks.opentelemetry.processor import ConvoTraceProcessor
from convotrace.hooks.opentelemetry.provider import TracerProvider
from convotrace.hooks.opentelemetry.server import Follower, Server
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings

ATTRIBUTES = {f"attribute.{n}": f"value {n}" for n in range(10)}
SPANS, REQUESTS = 20, 100
SETTINGS = Settings.of({"store": "memory:"}, {})


def others(tracer) -> float:
    """Return what a span of another library takes, inside a span that is current."""
    with tracer.start_as_current_span("server"):
        return timed(lambda: other(tracer))


def other(tracer) -> None:
    with tracer.start_as_current_span("work", attributes=ATTRIBUTES) as span:
        span.set_attribute("later", 1)


def verb() -> None:
    with ct.span("work", **ATTRIBUTES) as span:
        span.set(later=1)


def timed(work: Callable[[], None]) -> float:
    started = time.thread_time()
    for _ in range(SPANS):
        work()
    return (time.thread_time() - started) / SPANS * 1e6


def in_request(provider, work: Callable[[], None], adopted: bool = False) -> float:
    """Return what a span takes inside a request; `adopted` one whose server span another library has made."""
    open_trace = OpenTrace(None, time.time_ns())
    open_trace.identify = lambda _: "session"
    tracer = None if provider is None else provider.get_tracer("convotrace")
    if adopted:
        with provider.get_tracer("server").start_as_current_span("server") as span:
            server = Server(open_trace, get_current(), None, tracer)
            server.adopt(span)
            return _inside(open_trace, RequestTelemetry(SETTINGS, server, None), work)
    server = Server(open_trace, get_current(), None, tracer)
    inside = set_span_in_context(Follower(server), get_current())
    return _inside(open_trace, RequestTelemetry(SETTINGS, server, inside), work)


def _inside(open_trace: OpenTrace, telemetry: RequestTelemetry, work: Callable[[], None]) -> float:
    open_trace.telemetry = telemetry
    before = enter(open_trace)
    try:
        return timed(work)
    finally:
        leave(open_trace, before)
        telemetry.finish(open_trace)


def outside_telemetry(work: Callable[[], None]) -> float:
    open_trace = OpenTrace(None, time.time_ns())
    before = enter(open_trace)
    try:
        return timed(work)
    finally:
        leave(open_trace, before)


def watched(provider):
    provider.add_span_processor(ConvoTraceProcessor())
    return provider


def cases() -> dict[str, Callable[[], float]]:
    """Return each case by its name."""
    nothing, ours = trace.NoOpTracerProvider(), watched(TracerProvider())
    found = {
        "API without a provider": lambda: others(nothing.get_tracer("lib")),
        "our provider": lambda: others(TracerProvider().get_tracer("lib")),
        "our provider, recorded": lambda: in_request(ours, lambda: other(ours.get_tracer("lib")), adopted=True),
        "our verb": lambda: outside_telemetry(verb),
        "our verb, API without a provider": lambda: in_request(None, verb),
        "our verb, our provider": lambda: in_request(ours, verb),
    }
    if find_spec("opentelemetry.sdk") is not None:
        from opentelemetry.sdk.trace import SpanProcessor
        from opentelemetry.sdk.trace import TracerProvider as SDKProvider

        bare, empty, both = SDKProvider(), SDKProvider(), watched(SDKProvider())
        empty.add_span_processor(SpanProcessor())
        found |= {
            "SDK": lambda: others(bare.get_tracer("lib")),
            "SDK, empty processor": lambda: others(empty.get_tracer("lib")),
            "SDK, recorded": lambda: in_request(both, lambda: other(both.get_tracer("lib")), adopted=True),
            "our verb, SDK": lambda: in_request(both, verb),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    found = cases()
    figures = {name: [] for name in found}
    for _ in range(rounds):
        for name, run in found.items():
            figures[name].append(statistics.mean(run() for _ in range(REQUESTS)))
    print(f"{'µs of CPU a span':36}{'median':>8}{'min':>8}{'max':>8}")
    for name, values in figures.items():
        print(f"{name:36}{statistics.median(values):8.1f}{min(values):8.1f}{max(values):8.1f}")


if __name__ == "__main__":
    main()
