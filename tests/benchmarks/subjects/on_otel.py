"""The reference: OpenTelemetry's instrumentation of the door, its SDK, batches sent by OTLP/HTTP to the loopback sink.

For ASGI it makes eight spans a request: the server's, two "http send", the five steps. The span that it makes for the
body's receiving is left out, as the budgets leave it out; that makes the reference a little cheaper.
"""

from __future__ import annotations

from functools import partial

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.benchmarks.subjects import Place, Subject
from tests.benchmarks.subjects.otel_steps import by_tracer

_PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-instrumentation-asgi")


def otlp(place: Place) -> Subject:
    """Return the app observed by OpenTelemetry."""
    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{place.sink}/v1/traces")))
    trace.set_tracer_provider(provider)
    steps = partial(by_tracer, trace.get_tracer("app"))
    return Subject(steps, _AROUND[place.door], lambda: _sent(provider), packages=_PACKAGES)


def _sent(provider: TracerProvider) -> None:
    if not provider.force_flush(60_000):
        raise TimeoutError("OpenTelemetry has not sent everything")


def _asgi(app: object) -> object:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(app, exclude_spans=["receive"])


def _wsgi(app: object) -> object:
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(app)


_AROUND = {"asgi": _asgi, "wsgi": _wsgi}
