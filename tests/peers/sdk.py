"""The SDK's provider of this process, with an exporter in memory and a sampler to be switched off."""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler


class Switch(Sampler):
    """Samples everything or nothing."""

    on = True

    def should_sample(self, *args, **kwargs):
        return ParentBased(ALWAYS_ON if self.on else ALWAYS_OFF).should_sample(*args, **kwargs)

    def get_description(self):
        return "switch"


exporter = InMemorySpanExporter()
sampler = Switch()
provider = TracerProvider(sampler=sampler)
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
