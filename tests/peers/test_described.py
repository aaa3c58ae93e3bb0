"""The JSON API is what `openapi.json` says: schemathesis asks everything of it, in ways that nobody would think of."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402
from schemathesis import GenerationMode, checks  # noqa: E402

import convotrace.page  # noqa: E402
from convotrace import ConvoTrace, alert, wsgi  # noqa: E402
from convotrace.model import Change, Failure, Payload, Score, SessionFacts, Span, Target, Trace, Usage, View  # noqa: E402

pytestmark = pytest.mark.peers

TOKEN = "open-sesame-0123456789"
MOUNT = "/_sessions"
S = 10**9
CHECKS = [
    checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance, checks.missing_required_header,
]  # fmt: skip
DESCRIPTION = Path(convotrace.page.__file__).with_name("openapi.json")


def _turn(session: str, n: int, at: int) -> Change:
    trace_id = f"{hash((session, n)) % (1 << 120) + 1:032x}"
    call = Span(
        f"{n + 1:016x}", trace_id, "chat", kind="generation", started_ns=at, duration_ns=S, model="m",
        usage=Usage(5, None), input=[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}], cost_nano=7,
    )  # fmt: skip
    tool = Span(
        f"{n + 99:016x}", trace_id, "t", kind="tool", started_ns=at, status="error", error=Failure("E", "no"),
        arguments={"a": [1, None]}, result=None,
    )  # fmt: skip
    facts = SessionFacts(
        session, user_id="ann", tags=("vip",), metadata={"n": {"deep": [1]}},
        scores=(Score(f"{session}{n}", "tone", "numeric", 0.5, at, Target(session, trace_id), comment="so so"),),
    )  # fmt: skip
    trace = Trace(
        trace_id, session, "POST /chat", is_turn=True, started_ns=at, duration_ns=2 * S, first_byte_ns=S,
        input=Payload(f"question {n}", {"message": "x"}), output=Payload("answer"), spans=(call, tool), errors=1,
    )  # fmt: skip
    return Change(facts, trace)


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    """A ConvoTrace over a store with two conversations and a view."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/s.db"
    made = ConvoTrace(
        store=url,
        token=TOKEN,
        rights=("read", "annotate", "export", "delete", "audit"),
        alerts=[alert("slow", "p95", above=1)],
    )
    begun = time.time_ns() - 1000 * S
    made.store.write([_turn(name, n, begun + n * 60 * S) for name in ("ann", "bob", "a b/c") for n in range(3)])
    made.store.put_view(View("mine", "user:ann", "-last"))
    made.store.put_dataset("good", "what to keep")
    yield made
    made.close()


def _app(environ, start):
    start("404 Not Found", [])
    return []


@pytest.fixture(scope="module")
def described(ct):
    """The description, as the app itself hands it out, over that app."""
    app = wsgi.ConvoTraceMiddleware(_app, ct)
    return schemathesis.openapi.from_wsgi(f"{MOUNT}/openapi.json", app, headers={"Authorization": f"Bearer {TOKEN}"})


OPERATIONS = [
    (path, method) for path, methods in json.loads(DESCRIPTION.read_text())["paths"].items() for method in methods
]


def test_the_description_is_one():
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(json.loads(DESCRIPTION.read_text()))


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_every_answer_is_as_described(described, ct, path, method, mode):
    trace_ids = [trace.id for trace in ct.store.session("bob").traces]

    @given(described[path][method].as_strategy(generation_mode=GenerationMode[mode]), st.booleans(), st.data())
    @settings(
        max_examples=25, phases=[Phase.explicit, Phase.generate], deadline=None, suppress_health_check=list(HealthCheck)
    )
    def ask(case, is_there, data):
        if is_there and "key" in (case.path_parameters or {}):
            case.path_parameters["key"] = "ann" if path.endswith(("delete", "split")) else "bob"
        if is_there and "trace" in (case.path_parameters or {}):
            case.path_parameters["trace"] = data.draw(st.sampled_from(trace_ids))
        # Behind WSGI no stream can be held: the description says 503 to that, and so must the answer.
        wanted = CHECKS[path == "/live" :]
        if is_there and "dataset" in (case.path_parameters or {}):
            case.path_parameters["dataset"] = "good"
        case.call_and_validate(
            base_url=f"http://localhost{MOUNT}", headers={"Authorization": f"Bearer {TOKEN}"}, checks=wanted
        )

    try:
        ask()
    except Unsatisfiable:
        pytest.skip("nothing of it can be wrong")
