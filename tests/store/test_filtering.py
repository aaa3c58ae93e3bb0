"""Filters find in the store what going through every session by hand finds; their labels stay exact."""

import operator
import re
import unicodedata
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.query import And, Compare, Has, Match, Not, Or, Text, When, Within, parse
from convotrace.store import Store, filtering, labels, listing, wanted
from convotrace.store.labelling import label_again
from convotrace.store.labels import LONGEST, MOST
from convotrace.store.listing import ORDERS
from convotrace.store.wanted import Wanted

SECOND = 10**9
NOW = 1_700_000_000 * SECOND
OPERATORS = {"=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
WORDS = ["a", "ab", "b", "B", "é", "%", "地铁", "x" * (LONGEST + 9), "nul\0", 'q"u', "*"]
words = st.sampled_from(WORDS)


def holds(node, conversation):
    """Tell, without the store, whether a conversation fulfils a filter."""
    match node:
        case And(parts):
            return all(holds(part, conversation) for part in parts)
        case Or(parts):
            return any(holds(part, conversation) for part in parts)
        case Not(part):
            return not holds(part, conversation)
        case Text(text):
            it = conversation.session
            shown = (it.id, it.user_id, it.first_input, it.last_output)
            said = [side.text for trace in conversation.traces for side in (trace.input, trace.output)]
            notes = [score.comment for trace in conversation.traces for score in trace.scores]
            return any(text.lower() in (one or "").lower() for one in shown) or any(
                says(one, text, node.prefix) for one in [*said, *notes]
            )
        case Has(what):
            return has(what, conversation)
        case When(field, moment):
            compare = operator.ge if field == "since" else operator.le
            return compare(conversation.session.last_ns, moment.at(NOW))
        case Within(field, since, until):
            first, last = (None if bound is None else bound.at(NOW) for bound in (since, until))
            moments = [conversation.session.started_ns] if field == "began" else turns_of(field, conversation)
            return any((first is None or first <= at) and (last is None or at < last) for at in moments)
        case Compare(field, sign, value, name):
            number = number_of(field, name, conversation.session)
            return number is not None and OPERATORS[sign](number, value)
        case Match(field, value, prefix, name):
            found = words_of(field, name, conversation)
            return any(one.startswith(value) if prefix else one == value for one in found if one is not None)


def turns_of(field, conversation):
    """Return when each turn began; of `failing`, each that failed."""
    turns = [trace for trace in conversation.traces if trace.is_turn]
    return [one.started_ns for one in turns if field != "failing" or one.errors or one.status == "error"]


def says(text, phrase, prefix):
    """Tell whether the words of a phrase stand in a text one after another; each Chinese character is a word."""
    wanted, there = spoken_words(phrase), spoken_words(text or "")
    for at in range(len(there) - len(wanted) + 1 if wanted else 0):
        *first, last = there[at : at + len(wanted)]
        begins = prefix and len(phrase) > 1 and last.startswith(wanted[-1])
        if first == wanted[:-1] and (begins or last == wanted[-1]):
            return True
    return False


def spoken_words(text):
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+", plain)


def has(what, conversation):
    session, scores = conversation.session, [score for trace in conversation.traces for score in trace.scores]
    events = [*conversation.events, *(event for trace in conversation.traces for event in trace.events)]
    if what == "error":
        return session.errors > 0
    if what == "feedback":
        return any(score.source == "end_user" for score in [*conversation.scores, *scores])
    return session.outcome == "escalated" or any(event.name == "escalation" for event in events)


def number_of(field, name, session):
    known = [tokens for tokens in (session.input_tokens, session.output_tokens) if tokens is not None]
    return {
        "turns": session.turns, "errors": session.errors, "cost": session.cost_nano,
        "tokens": sum(known) if known else None, "duration": session.last_ns - session.started_ns,
        "idle": NOW - session.last_ns, "score.": session.scores.get(name),
    }[field]  # fmt: skip


def words_of(field, name, conversation):
    session, spans = conversation.session, [span for trace in conversation.traces for span in trace.spans]
    return {
        "user": [session.user_id], "tag": session.tags, "env": [session.environment], "release": [session.release],
        "service": session.service, "meta.": [session.metadata.get(name)], "outcome": [session.outcome],
        "model": [span.model for span in spans], "tool": [span.name for span in spans if span.kind == "tool"],
        "kind": [span.kind for span in spans], "status": [trace.status for trace in conversation.traces],
        "resolved": [{True: "true", False: "false", None: "unknown"}[session.resolved]],
        "fb": [thumb for thumb, number in session.feedback.items() if number],
    }[field]  # fmt: skip


class Dice(Random):
    """Makes histories from a seed: drawn piece by piece, each would take a second."""

    def word(self):
        return self.choice([None, *WORDS])

    def words(self, most):
        return tuple(self.sample(WORDS, self.randint(0, most)))

    def span(self, number):
        kind = self.choice(["tool", "generation", "retrieval", "internal"])
        model = self.word() if kind == "generation" else None
        return Span(f"{number:016x}", "", self.choice(WORDS), kind, model=model)

    def score(self, number, target, at):
        value, source = self.choice([0, 1, 0.25, True, False]), self.choice(["end_user", "code"])
        return Score(f"{number}", self.choice(WORDS), "numeric", value, at, target, source)

    def trace(self, number, session):
        trace_id = f"{self.randint(1, 9):032x}"
        # Where a trace began is part of what it is: a later state must say the same.
        started, tokens = NOW - int(trace_id, 16) * 60 * SECOND, [None, 0, 1, 2, 3]
        target, at = Target(session, trace_id), NOW - self.randint(0, 5) * SECOND
        return Trace(
            trace_id, session, is_turn=self.random() < 0.7, started_ns=started,
            duration_ns=self.randint(0, 90) * SECOND, errors=self.randint(0, 1),
            status=self.choice(["ok", "error", "cancelled", "running", "interrupted"]),
            input=Payload(self.word()), output=Payload(self.word()), cost_nano=self.choice(tokens),
            input_tokens=self.choice(tokens), output_tokens=self.choice(tokens),
            scores=tuple(self.score(number * 10 + n, target, at) for n in range(self.randint(0, 2))),
            events=(Event(self.choice(["escalation", "note"]), at),) if self.random() < 0.2 else (),
            spans=tuple(self.span(n) for n in range(self.randint(0, 3))),
        )  # fmt: skip

    def change(self, number):
        session = self.choice(["s1", "s2", "s3", "s4"])
        facts = SessionFacts(
            session, "header", user_id=self.word(), environment=self.word(), release=self.word(), service=self.word(),
            tags=self.words(2), metadata=dict(zip(self.words(2), self.words(2), strict=False)),
            outcome=self.choice([None, None, "open", "completed", "escalated"]),
            resolved=self.choice([None, None, True, False]),
        )  # fmt: skip
        return Change(facts, self.trace(number, session))

    def history(self, most=16):
        """Return changes of which some are later states of earlier traces, in the same session or another."""
        found, homes = [], {}
        for number in range(self.randint(1, most)):
            change = self.change(number)
            found.append(replace(change, written_as=homes.get(change.trace.id)))
            homes[change.trace.id] = change.session.id
        return found


histories = st.integers(0, 2**32).map(lambda seed: Dice(seed).history())


@st.composite
def filters(draw):
    field = draw(st.sampled_from(["user", "tag", "meta.", "env", "release", "service", "model", "tool"]))
    count = draw(st.sampled_from(["turns", "errors", "cost", "tokens", "duration", "idle"]))
    sign = draw(st.sampled_from(list(OPERATORS)))
    number = draw(st.sampled_from([0, 1, 2, 3, 60 * SECOND, 300 * SECOND]))
    texts = [
        "kind:tool", "kind:retrieval", "status:ok", "status:error", "status:cancelled", "status:running",
        "status:interrupted", "outcome:open", "outcome:escalated", "resolved:true", "resolved:false",
        "resolved:unknown", "fb:up", "fb:down", "has:error", "has:escalation", "has:feedback", "since:3m", "until:4m",
        "began:5m..3m", "active:4m..2m", "active:..6m", "failing:..3m", "failing:5m..",
    ]  # fmt: skip
    return draw(
        st.sampled_from(
            [
                Match(field, draw(words), draw(st.booleans()), draw(words) if field == "meta." else ""),
                Compare(count, sign, number),
                Compare("score.", sign, draw(st.sampled_from([0, 0.25, 0.5, 1])), draw(words)),
                Text(draw(st.sampled_from(["s1", "B", "地", "%", "*"]))),
                parse(draw(st.sampled_from(texts))),
            ]
        )
    )


trees = st.recursive(
    filters(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(And),
        st.tuples(inner, inner).map(Or),
    ),
    max_leaves=5,
)


def written(history, batch=5):
    store = Store.open("memory:")
    for start in range(0, len(history), batch):
        store.write(history[start : start + batch])
    return store


def ids(store, q, **options):
    return sorted(session.id for session in listing.sessions(store._ready(), q, "-last", 50, None, NOW, **options))


def label_rows(store):
    with store._ready().connections.reading() as connection:
        return sorted(connection.execute("SELECT sid, kind, key, num FROM label").fetchall())


@settings(max_examples=80)
@given(histories, st.lists(trees, min_size=1, max_size=6))
def test_a_filter_finds_what_looking_at_every_session_finds(history, wanted):
    store = written(history)
    everything = [store.session(session.id) for session in store.sessions(limit=1000)]
    for tree in wanted:
        expected = sorted(one.session.id for one in everything if holds(tree, one))
        assert ids(store, str(tree)) == expected, str(tree)
    store.close()


@settings(max_examples=80)
@given(histories, st.integers(1, 7))
def test_labels_are_those_that_the_whole_store_would_be_given_anew(history, batch):
    store = written(history, batch)
    kept = label_rows(store)
    with store._ready().connections.writing() as connection:
        connection.execute("DELETE FROM label")
        label_again(store._ready().sql, connection, -(1 << 63), 1000)
    assert label_rows(store) == kept
    store.close()


@settings(max_examples=60)
@given(histories, st.sampled_from([sign + order for order in ORDERS for sign in ("", "-")]), st.integers(1, 3),
       st.sampled_from([None, "-tag:a", "turns>=0", "status:ok OR status:error"]))  # fmt: skip
def test_pages_put_together_are_the_whole_list_in_every_order(history, order, limit, q):
    store = written(history)
    whole, pages, after = store.sessions(q, order, 1000), [], None
    while True:
        page = store.sessions(q, order, limit, after)
        pages += page
        after = page.next
        if after is None:
            break
    assert [session.id for session in pages] == [session.id for session in whole]
    store.close()


def test_sessions_that_come_in_between_two_pages_repeat_and_hide_none(memory, make):
    for number in range(20):
        memory.write([make.change(f"s{number}", make.trace(f"s{number}", at=number % 7, cost_nano=number % 3 or None))])
    for order in ORDERS:
        first = memory.sessions(order=f"-{order}", limit=8)
        late = [make.change(f"{order}-{n}", make.trace(f"{order}-{n}", at=n, cost_nano=n or None)) for n in range(4)]
        before = {session.id for session in memory.sessions(limit=1000)}
        memory.write(late)
        rest = memory.sessions(order=f"-{order}", limit=1000, after=first.next)
        seen = [session.id for session in (*first, *rest)]
        assert len(seen) == len(set(seen)) and before <= set(seen)


def test_a_session_with_more_tools_than_are_labelled_is_found_by_each(memory, make):
    many = [make.span(kind="tool", name=f"tool {n}") for n in range(MOST + 20)]
    memory.write([make.change("many", make.trace("many", spans=many)), make.change("few", make.trace("few"))])
    for n in (0, MOST, MOST + 19):
        assert ids(memory, f'tool:"tool {n}"') == ["many"]
    assert ids(memory, "tool:other") == [] and ids(memory, 'tool:"tool 11"*') == ["many"]
    assert len([row for row in label_rows(memory) if row[1] == labels.TOOL]) == MOST + 1
    memory.write([make.change("many", make.trace("many", spans=[make.span(kind="tool", name="late")]))])
    assert ids(memory, "tool:late") == ["many"]


def test_a_common_label_and_a_rare_one_find_the_same(memory, make, monkeypatch):
    for n in range(30):
        memory.write([make.change(f"s{n}", make.trace(f"s{n}"), tags=("all", "odd" if n % 2 else "even"))])
    queries = ["tag:all tag:odd", "tag:odd OR tag:none", "tag:e*", "-tag:odd", "user:*", "has:error OR tag:even"]
    found = {q: ids(memory, q) for q in queries}
    monkeypatch.setattr(wanted, "_FEW", 0)
    assert {q: ids(memory, q) for q in queries} == found
    assert len(found["tag:all tag:odd"]) == 15


@pytest.mark.parametrize(
    "q",
    ["' OR 1=1 --", '"; DROP TABLE session; --"', "tag:'", 'user:"\' OR \'\'=\'"', "meta.\"a' OR 1=1\":x", "%", "_",
     'score."x\'; --"<1', "\0", "\ud800", "NEAR(a b)", "col:x", "a*b*c", '"', "AND AND", "a " * 10_000, "-" * 1999,
     "(" * 1999, "NOT " * 400, "turns>-1", "turns>1e5", "cost>0x10", "since:99999999w", "until:0001-01-01",
     "until:9999-12-31T23:59:59+23:59", "idle>15250w", "since:15250w", "score.a>1e308"],
)  # fmt: skip
def test_hostile_filters_are_answered_or_refused(memory, make, q):
    memory.write([make.change("s", make.trace("s"))])
    try:
        found = ids(memory, q)
    except BadRequest:
        found = []
    assert set(found) <= {"s"}
    assert ids(memory, "") == ["s"]


@pytest.mark.sqlite
def test_a_store_of_an_older_schema_is_labelled_when_it_is_opened(store_url, make):
    store = Store.open(store_url)
    store.write([make.change("s", make.trace("s", spans=[make.span(kind="tool", name="search")]), tags=("vip",))])
    rows = label_rows(store)
    with store._ready().connections.writing() as connection:
        connection.execute("DROP TABLE label")
        connection.execute("UPDATE session SET facets = NULL")
        connection.execute("PRAGMA user_version = 4")
    store.close()
    store = Store.open(store_url)
    assert label_rows(store) == rows and ids(store, "tool:search tag:vip") == ["s"]
    store.close()


@pytest.mark.sqlite
def test_a_part_of_a_word_is_looked_for_in_an_index_and_not_in_the_rows(memory, make, monkeypatch):
    memory.write([make.change("s", make.trace("s"), user_id="user-1")])
    opened = memory._ready()
    wanted = Wanted(opened, "uest", NOW)
    statements = [*wanted._filter.candidates(Text("uest"))][-1:]
    monkeypatch.setattr("convotrace.store.wanted._FEW", 0)
    with opened.connections.reading() as connection:
        statements.append(listing._statement(opened, wanted.conditions(connection), "-last", 50, None))
        for statement, values in statements:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert any("COVERING INDEX session_shown" in step for step in plan), plan
    assert [session.id for session in memory.sessions("uest")] == ["s"]


def test_two_long_names_of_metadata_are_told_apart(memory, make):
    name = "n" * (2 * LONGEST)
    memory.write([make.change("s", make.trace("s"), metadata={name: "pro"})])
    assert ids(memory, f"meta.{name}:pro") == ids(memory, f"meta.{name}:p*") == ["s"]
    assert ids(memory, f"meta.{name}n:pro") == ids(memory, f"meta.{name}n:p*") == []


def test_parts_of_words_are_looked_for_in_the_newest_sessions_and_whole_words_in_all(memory, make, monkeypatch):
    monkeypatch.setattr(filtering, "LOOKED_THROUGH", 2)
    for n in range(4):
        trace = make.trace(f"s{n}", at=n, input=Payload(f"find{n} zanzibar"))
        memory.write([make.change(f"s{n}", trace, user_id=f"user {n}")])
    list(memory.index())
    found = {q: ids(memory, q) for q in ("anziba", "zanzibar", "s0", '"user 0"', '"ser 0"', "find0 OR find3", "find*")}
    assert found == {
        "anziba": ["s2", "s3"], "zanzibar": ["s0", "s1", "s2", "s3"], "s0": ["s0"], '"user 0"': ["s0"], '"ser 0"': [],
        "find0 OR find3": ["s0", "s3"], "find*": ["s0", "s1", "s2", "s3"],
    }  # fmt: skip
    monkeypatch.setattr(wanted, "_FEW", 0)
    assert {q: ids(memory, q) for q in found} == found
    assert ids(memory, "-anziba") == ["s0", "s1"]
