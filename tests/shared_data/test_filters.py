"""Every term of the filter over real conversations finds what going through them by hand finds: in code, JSON, CLI."""

import json
import time
import zlib

import pytest
from click.testing import CliRunner

import convotrace as ct
from convotrace.cli import main
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Span, Target, Trace, Usage
from convotrace.page import PageRequest
from convotrace.query import FIELDS, Moment, parse
from convotrace.store import Store
from tests.store import test_filtering
from tests.store.test_filtering import holds

pytestmark = pytest.mark.data

SECOND, DAY = 10**9, 86400 * 10**9
NOW = time.time_ns()


def ago(days):
    return Moment(NOW - days * DAY)


QUERIES = [
    "refund", '"credit card"', "地铁", "故宫", "informacion", "reserv*", "crosswoz-val-1008", "-refund",
    "refund OR 地铁",
    "user:mia_li_3668", "user:m*", "tag:zh", "tag:e*", "-tag:en", "meta.domain:movie*", "meta.licence:Apache-2.0",
    'meta."source file":tau_airline', "env:production", "env:stag*", "release:1.*", "release:2.0", "service:tau*",
    "model:gpt-4.1*", "model:nobody", "tool:book_reservation", "tool:search_*", "kind:retrieval", "kind:tool",
    "status:error", "status:ok", "status:cancelled", "status:running", "status:interrupted", "outcome:escalated",
    "outcome:open", "outcome:completed", "resolved:true", "resolved:false", "resolved:unknown",
    *(f"turns{sign}7" for sign in ("=", "!=", ">", ">=", "<", "<=")),
    *(f"errors{sign}1" for sign in ("=", ">", ">=", "<", "<=")), "tokens>20k", "tokens<=100", "-tokens>20k",
    "cost>0.01", "cost<0.01", "-cost>0.01", "duration>5m", "duration<=90s", "idle>30d", "idle<40d",
    *(f"score.Bert-KPrec{sign}0.3" for sign in ("=", ">", ">=", "<", "<=")), 'score."rb_agg">0.5', "score.reward=1",
    "score.faithfulness<3", "score.nothing>0", "fb:up", "fb:down", "has:error", "has:escalation", "has:feedback",
    # Moments, not times before now: on the way through the store now moves on.
    f"began:{ago(30)}..", f"began:{ago(50)}..{ago(40)}", f"active:{ago(45)}..{ago(30)}", f"-active:..{ago(30)}",
    f"failing:{ago(45)}..{ago(30)}", f"failing:..{ago(30)} tag:en",
    "since:2026-01-01", "since:30d", "until:2000-01-01", "until:35d",
    "tag:en (kind:tool OR kind:retrieval) -has:error turns>3", "(tag:zh OR tag:es) NOT resolved:true",
    "score.reward<1 has:escalation OR fb:down", "score.Bert-KPrec<0.2 score.Bert-Rec>0.1 -refund",
]  # fmt: skip


def test_every_field_is_asked_for():
    asked = " ".join(QUERIES)
    assert [name for name in FIELDS if name not in asked] == []


def changes(path, first):
    """Yield what one file of conversations becomes; `first` spreads the files over the days."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        yield from conversation(json.loads(line), path.stem, NOW - (60 - first) * DAY + number * 600 * SECOND)


def conversation(source, name, began):
    outcome = source.get("outcome") or {}
    scores = {**outcome.get("scores", {}), **({"reward": outcome["reward"]} if "reward" in outcome else {})}
    known = {score: value for score, value in scores.items() if isinstance(value, (int, float))}
    session, user, last = source["id"], source.get("user_id"), len(source["turns"]) - 1
    for number, turn in enumerate(source["turns"]):
        started = began + number * 37 * SECOND
        trace_id = f"{zlib.crc32(session.encode()):08x}{number + 1:024x}"
        steps = [span(step, trace_id, started, at) for at, step in enumerate(turn["steps"])]
        given = [*feedback(turn, session, trace_id, started)]
        if number == last:
            given += [Score(f"{session} {one}", one, "numeric", value, started, Target(session), "evaluator")
                      for one, value in known.items()]  # fmt: skip
        usage = [step.usage for step in steps if step.usage is not None]
        facts = SessionFacts(
            session, "header", user_id=user, environment=("production", "staging")[len(session) % 2],
            release=f"{len(session) % 3}.0", service=name, tags=(source["language"], source["domain"]),
            metadata={"domain": source["domain"], "licence": source["licence"], "source file": name},
            outcome="escalated" if number == last and outcome.get("escalated") else None,
            resolved=outcome.get("success") if number == last else None, scores=tuple(given),
            events=(Event("escalation", started),) if number == last and name == "tau2_es" and last > 6 else (),
        )  # fmt: skip
        ended = "ok" if turn["assistant"] else "cancelled"
        trace = Trace(
            trace_id, session, is_turn=True, started_ns=started, duration_ns=(len(steps) + 1) * SECOND,
            input=Payload(turn["user"]), output=Payload(turn["assistant"]), spans=tuple(steps),
            errors=sum(step.status == "error" for step in steps),
            status="error" if any(step.status == "error" for step in steps) else ended,
            input_tokens=sum(one.input or 0 for one in usage) if usage else None,
            output_tokens=sum(one.output or 0 for one in usage) if usage else None,
            cost_nano=sum(step.cost_nano or 0 for step in steps) if any(step.cost_nano for step in steps) else None,
        )  # fmt: skip
        yield Change(facts, trace)


def span(step, trace_id, started, at):
    told = step.get("usage")
    usage = Usage(told.get("prompt_tokens"), told.get("completion_tokens")) if isinstance(told, dict) else None
    return Span(
        f"{at + 1:016x}", trace_id, step["name"] or "", step["kind"], started_ns=started, duration_ns=SECOND,
        status="error" if step.get("error") else "ok", model=step.get("model"), usage=usage,
        cost_nano=round(step["cost"] * 1e9) if step.get("cost") else None,
    )  # fmt: skip


def feedback(turn, session, trace_id, started):
    for number, one in enumerate(turn.get("feedback") or ()):
        value = float(one["value"])
        yield Score(f"{trace_id} {number}", one["name"], "numeric", value, started + number, Target(session, trace_id),
                    "end_user" if one["name"] == "thumbs" else "annotator", author=one["by"])  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request, data, tmp_path_factory):
    """A store of all conversations, one for each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('filters')}/data.db"
    else:
        url = request.getfixturevalue("postgres").url()
    opened = Store.open(url)
    for first, path in enumerate(sorted((data / "conversations").glob("*.jsonl"))):
        known = list(changes(path, first * 8))
        for start in range(0, len(known), 200):
            opened.write(known[start : start + 200])
    for _ in opened.index():
        continue
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def everything(store):
    """Every conversation, read whole."""
    return [store.session(session.id) for session in pages(lambda **asked: listed(store, **asked))]


def listed(store, **asked):
    page = store.sessions(limit=500, **asked)
    return list(page), page.next


def pages(read, **asked):
    """Return all rows of a list, page by page."""
    found, after = read(**asked)
    while after is not None:
        more, after = read(**asked, after=after)
        found += more
    return found


def test_code_finds_what_looking_at_every_session_finds(store, everything, monkeypatch):
    assert len(everything) > 1000
    monkeypatch.setattr(test_filtering, "NOW", NOW)
    for q in QUERIES:
        wanted = sorted(one.session.id for one in everything if holds(parse(q), one))
        found = [session.id for session in pages(lambda **asked: listed(store, **asked), q=q)]
        assert sorted(found) == wanted, q


def test_the_queries_tell_sessions_apart(store):
    counts = {q: len(store.sessions(q, limit=1000)) for q in QUERIES}
    assert sum(0 < number < 1000 for number in counts.values()) > len(QUERIES) * 0.7, counts


def test_json_and_command_line_find_the_same(store):
    observer = ct.ConvoTrace(store=store.url, token="t")

    def as_json(q, after=None):
        from urllib.parse import urlencode

        query = urlencode({"q": q, "limit": 500, **({"after": after} if after else {})})
        headers = {"authorization": "Bearer t", "host": "app.example"}
        answer = observer.page(PageRequest("GET", "/sessions.json", query, headers))
        assert answer.status == 200, answer.body
        page = json.loads(answer.body)
        return [session["id"] for session in page["sessions"]], page["next"]

    for q in QUERIES:
        found = [session.id for session in pages(lambda **asked: listed(store, **asked), q=q)]
        assert pages(as_json, q=q) == found, q
        arguments = ["sessions", "-q", q, "--limit", "1000", "--json", "--store", store.url]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (q, result.output)
        printed = [session["id"] for session in json.loads(result.stdout.splitlines()[0])["sessions"]]
        assert printed == found[:1000], q
    observer.close()
