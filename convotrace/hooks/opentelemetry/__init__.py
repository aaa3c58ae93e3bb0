"""OpenTelemetry, on its API alone: whose span a request is, spans of others to our traces, ours to the provider.

`requests.py` a request as it comes in, `server.py` the span that it is, `live.py` our own spans there, `attributes.py`
their names there, `processor.py` what other libraries record, `provider.py` a provider for processes without an SDK,
`modes.py` which provider is there.
"""

from convotrace.hooks.opentelemetry.modes import mode, provider, suppress_here, suppressed
from convotrace.hooks.opentelemetry.processor import ConvoTraceProcessor
from convotrace.hooks.opentelemetry.provider import TracerProvider
from convotrace.hooks.opentelemetry.requests import begin

__all__ = [
    "ConvoTraceProcessor",
    "TracerProvider",
    "begin",
    "mode",
    "provider",
    "suppress_here",
    "suppressed",
]
