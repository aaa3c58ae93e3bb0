"""Spans as clients send them, and two places to put them: a store, and a list that does what a store does."""

import json
import random
from pathlib import Path

from convotrace.intake import receive
from convotrace.model import Stored
from convotrace.settings import Settings

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
TRACE = "5b8efff798038103d269b633813fc60c"
NAMES = ("traceId", "spanId", "parentSpanId")


class Memory:
    """Keeps traces, and asks each change to decide, as the store does in its transaction."""

    def __init__(self):
        self.stored = []
        self.facts = {}

    def traces(self, trace_id):
        return [one for one in self.stored if one.trace.id == trace_id]

    def write(self, changes):
        for change in changes:
            change = change.decide(self) if change.decide else change
            gone = {(trace.session_id, trace.id, trace.started_ns) for trace in change.takes}
            self.stored = [s for s in self.stored if (s.trace.session_id, s.trace.id, s.trace.started_ns) not in gone]
            self.stored.append(Stored(change.trace, change.session.events, change.session.scores))
            self.facts[change.trace.id] = change.session

    @property
    def all(self):
        return sorted((one.trace for one in self.stored), key=lambda trace: (trace.started_ns, trace.id))


class InStore:
    """The same over a real store."""

    def __init__(self, store):
        self.store = store

    def write(self, changes):
        self.store.write(changes)

    @property
    def all(self):
        found = [t for page in self.store.sessions(limit=500) for t in self.store.session(page.id).traces]
        return sorted(found, key=lambda trace: (trace.started_ns, trace.id))


def value(given):
    """Return a JSON value as an OTLP AnyValue."""
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, float):
        return {"doubleValue": given}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(item) for item in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": pairs(given)}}
    return {"stringValue": given}


def pairs(attributes):
    return [{"key": name, "value": value(given)} for name, given in attributes.items()]


def span(number, parent=None, start=1_000, end=2_000, name="step", trace=TRACE, **more):
    """Return a span as OTLP JSON; `attributes` and the keys of the protocol may be given."""
    base = 1_790_000_000 * 10**9
    attributes = more.pop("attributes", {})
    return {
        "traceId": trace, "spanId": f"{number:016x}", "name": name, "kind": 1, "attributes": pairs(attributes),
        **({"parentSpanId": f"{parent:016x}"} if parent else {}), "startTimeUnixNano": str(base + start),
        "endTimeUnixNano": str(base + end), **more,
    }  # fmt: skip


def body(*spans, resource=None, scope="lib"):
    """Return an export request with these spans."""
    part = {"scope": {"name": scope}, "spans": list(spans)}
    group = {"resource": {"attributes": pairs(resource or {})}, "scopeSpans": [part]}
    return json.dumps({"resourceSpans": [group]}).encode()


def log(number, name, content, at=1_500, trace=TRACE, **attributes):
    """Return a log record of a span as OTLP JSON."""
    base = 1_790_000_000 * 10**9
    return {
        "traceId": trace, "spanId": f"{number:016x}", "eventName": name, "observedTimeUnixNano": str(base + at),
        "body": value(content), "attributes": pairs(attributes),
    }  # fmt: skip


def log_body(*records):
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}).encode()


def take(place, *bodies, signal="traces", content_type=JSON, **options):
    """Receive bodies one after the other; return what the last one brought."""
    received = None
    for one in bodies:
        received = receive(one, content_type, signal, Settings(**options))
        place.write(received.changes)
    return received


def messages(*pairs_):
    return json.dumps([{"role": r, "parts": [{"type": "text", "content": c}]} for r, c in pairs_])


def generation(number, parent=None, asked="hi", said="hello", attributes=None, **more):
    """Return a model call as the OpenTelemetry conventions write it."""
    told = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": messages(("user", asked)), "gen_ai.output.messages": messages(("assistant", said)),
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 3, **(attributes or {}),
    }  # fmt: skip
    return span(number, parent, attributes=told, name="chat gpt-4o", **more)


def files(data, name):
    """Return the bodies of a recording and the signal each belongs to."""
    found = [("traces", line) for line in (data / "otlp" / name).read_bytes().splitlines() if line]
    logs = data / "otlp" / name.replace(".otlp", ".logs.otlp")
    if logs.exists():
        found += [("logs", line) for line in logs.read_bytes().splitlines() if line]
    return found


def as_protobuf(signal, line):
    """Return an OTLP JSON body in protobuf; its ids are hex where the generic reader wants base64."""
    from base64 import b64encode

    from google.protobuf import json_format

    from convotrace.intake.protobuf_format import message

    def with_base64(entry):
        if isinstance(entry, dict):
            return {
                k: b64encode(bytes.fromhex(v)).decode() if k in NAMES and isinstance(v, str) else with_base64(v)
                for k, v in entry.items()
            }
        return [with_base64(item) for item in entry] if isinstance(entry, list) else entry

    request = message("logs" if signal == "logs" else "trace", "Request")
    json_format.ParseDict(with_base64(json.loads(line)), request, ignore_unknown_fields=True)
    return request.SerializeToString()


def fill(place, bodies, seed=0, twice=True, content_type=JSON):
    """Write a recording, each body twice, in some order."""
    sent = list(bodies) * (2 if twice else 1)
    random.Random(seed).shuffle(sent)
    for signal, line in sent:
        received = receive(line, content_type, signal, Settings())
        assert (received.rejected, received.message) == (0, "")
        place.write(received.changes)
    return place


DATA = Path(__file__).parents[3] / "shared" / "data"
RECORDINGS = sorted(path.name for path in (DATA / "otlp").glob("*.otlp.jsonl") if ".logs." not in path.name)
