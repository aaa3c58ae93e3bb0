"""Two processes on one file, whatever they write in whatever order: each trace once, right totals, no row left over."""

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from convotrace.insight.continuity import split_off
from convotrace.insight.deciding import Clues, decided
from convotrace.insight.history import summed
from convotrace.insight.totals import totals
from convotrace.intake.receive import decide
from convotrace.model import (
    Attachment,
    Change,
    Document,
    Event,
    Payload,
    Request,
    Score,
    SessionFacts,
    Span,
    Target,
    Trace,
    Usage,
)
from convotrace.store import Store
from convotrace.store.removal import Removed
from convotrace.store.retention import DAY_NS, Limits

from .audit import audit_store
from .conftest import SECOND, START

IDLE = 1800 * SECOND
HOMES = st.sampled_from("abc")
STORES = st.integers(0, 1)
PICKS = st.integers(0, 100)
PAST = [{"role": "user", "content": f"message {n} " + "x" * 90} for n in range(12)]


class Machine(RuleBasedStateMachine):
    """Two stores on one file, each with what waits to be written by it."""

    new_url = None

    @initialize()
    def open(self):
        self.count, self.was_pruned = 0, False
        url = self.new_url()
        self.stores = [Store.open(url) for _ in range(2)]
        # What each is about to write, and what it wrote last.
        self.waiting, self.last = [[], []], [[], []]
        # Traces by id that must be there, where each was written, and what its spans were given.
        self.known, self.written, self.inputs = set(), {}, {}
        # Requests as they were told last: by whom, and what else they say. Those that others may add to.
        self.own, self.distributed, self.asked, self.talks = [], [], [], {}

    def teardown(self):
        if hasattr(self, "stores"):
            for which in (0, 1):
                self.write(which, again=False)
            self.check()
            for store in self.stores:
                store.close()

    def number(self):
        self.count += 1
        return self.count

    def ids(self, which):
        return sorted(session.id for session in self.stores[which].sessions(limit=200))

    def span(self, trace_id, number, **fields):
        id = f"{number:016x}"
        self.inputs[id] = fields["input"] = PAST[: number % 12] or f"input {number} " + "y" * (number * 37 % 900)
        return Span(**{"id": id, "trace_id": trace_id, "name": "call", "kind": "generation", "duration_ns": SECOND,
                       "started_ns": START + number * SECOND, "usage": Usage(input=number % 7, output=1),
                       "events": (Event("e", START + number),) * (number % 3),
                       "documents": (Document(text="d" * (number * 31 % 300)),), **fields})  # fmt: skip

    def trace(self, session, number, **fields):
        id = fields.pop("id", f"{number:032x}")
        spans = tuple(self.span(id, self.number()) for _ in range(fields.pop("spans", 0)))
        fields = {"id": id, "is_turn": True, "duration_ns": SECOND, "started_ns": START + number * SECOND,
                  "input": Payload(f"question {number}", {"message": "q" * (number * 53 % 700)}),
                  "output": Payload(f"answer {number}"), "id_source": "header",
                  "request": Request("POST", "/", client=f"c{number % 5}"), **totals(spans), **fields}  # fmt: skip
        return Trace(session_id=session, spans=spans, **fields)

    def put(self, which, change):
        if change.trace is not None:
            self.known.add(change.trace.id)
        self.waiting[which].append(change)

    def facts(self, trace, **facts):
        return SessionFacts(trace.session_id, **{"id_source": trace.id_source, "user_id": trace.user_id, **facts})

    @rule(which=STORES, home=HOMES, spans=st.integers(0, 3), turn=st.booleans(), user=st.sampled_from([None, "u", "v"]),
          running=st.booleans(), back=st.integers(0, 5), file=st.booleans(), event=st.booleans(),
          ends=st.booleans())  # fmt: skip
    def request(self, which, home, spans, turn, user, running, back, file, event, ends):
        number = self.number()
        files = (Attachment(str(number), "n", "text/plain", 3, data=b"abc" * (number % 3 + 1)),) if file else ()
        trace = self.trace(
            home, number, spans=spans, is_turn=turn, user_id=user, attachments=files, status="running" if running
            else "ok", started_ns=START + (number - back) * SECOND, output=Payload(None if running else f"a {number}"),
        )  # fmt: skip
        events = (Event("handoff", START + number),) if event else ()
        scores = (Score(f"s{number % 3}", "n", "numeric", 1, START, Target(home, trace.id)),) if event else ()
        other = f"{home}~{user}" if user else None
        facts = self.facts(trace, other_id=other, events=events, scores=scores,
                           ended_ns=trace.started_ns + SECOND if ends else None,
                           outcome="completed" if ends else None)  # fmt: skip
        self.put(which, Change(facts, trace))
        self.own.append((which, Change(facts, trace), Clues()))

    @rule(data=st.data(), home=HOMES, turn=st.booleans(), spans=st.integers(0, 2), forget=st.booleans())
    def later_state(self, data, home, turn, spans, forget):
        if not self.own:
            return
        at = data.draw(st.integers(0, len(self.own) - 1))
        which, before, clues = self.own[at]
        trace = before.trace
        # What ties an answer to its turn is the session that its request names, all the while.
        home = trace.session_id if clues.wanted else home
        more = tuple(self.span(trace.id, self.number()) for _ in range(spans))
        spans = (*trace.spans, *more)
        trace = replace(
            trace, session_id=home, is_turn=turn, status="ok", spans=spans, **totals(spans),
            output=Payload(f"later {self.number()}"),
            input=Payload(None) if forget else trace.input,
        )  # fmt: skip
        change = Change(replace(before.session, id=home, other_id=None), trace, self.written.get(trace.id))
        self.own[at] = (which, change, clues)
        self.put(which, deciding(change, clues) if clues else change)

    @rule(data=st.data(), which=STORES, home=HOMES, source=st.sampled_from(["header", "none"]))
    def hop(self, data, which, home, source):
        """A request that others may know of; another one made it, or it stands alone."""
        number = self.number()
        caller = data.draw(st.sampled_from(self.distributed)) if self.distributed else None
        if caller and data.draw(st.booleans()):
            parent = data.draw(st.sampled_from([caller.span_id, *(span.id for span in caller.spans)]))
            trace = self.trace(home, number, spans=2, id=caller.id, span_id=f"{number:016x}", parent_id=parent,
                               id_source=source)  # fmt: skip
        else:
            trace = self.trace(home, number, spans=2, span_id=f"{number:016x}", id_source=source)
        self.distributed.append(trace)
        change = Change(self.facts(trace), trace)
        self.put(which, deciding(change, Clues(IDLE, shared=True)))
        self.own.append((which, change, Clues(IDLE, shared=True)))

    @rule(data=st.data(), which=STORES, home=st.none() | HOMES, count=st.integers(1, 3))
    def spans_sent(self, data, which, home, count):
        """Spans of a trace that another process sends."""
        number = self.number()
        callers = [trace.id for trace in self.distributed]
        id = data.draw(st.sampled_from([*callers, f"{number:032x}", f"{1000 + number % 3:032x}"]))
        known = [span.id for trace in self.distributed if trace.id == id for span in trace.spans]
        attributes = {"session.id": home} if home else {}
        spans = []
        for _ in range(count):
            parent = data.draw(st.sampled_from([None, *known]))
            spans.append(self.span(id, self.number(), origin="otlp", parent_id=parent, attributes=attributes))
        guess = Trace(id, id, started_ns=spans[0].started_ns, spans=tuple(spans), origin="otlp")
        self.put(which, Change(SessionFacts(id), guess, decide=partial(decide, id, tuple(spans), ())))

    @rule(which=STORES, who=st.integers(0, 2), more=st.sampled_from([1, 1, 1, 3]))
    def talk(self, which, who, more):
        """A client that sends its history again."""
        history = self.talks.setdefault(who, [])
        for _ in range(more):
            number = self.number()
            text = f"{who} says {len(history)}"
            trace = self.trace("", number, id_source="none", input=Payload(text), output=Payload(f"{text}?"),
                               resent=summed(history), request=Request("POST", "/", client=f"t{who}"))  # fmt: skip
            trace = replace(trace, session_id=trace.id)
            change = Change(self.facts(trace), trace)
            clues = Clues(history=tuple(history) if len(history) >= 4 else (), idle_ns=IDLE)
            history += [("user", text), ("assistant", f"{text}?")]
            self.put(which, deciding(change, clues) if clues else change)
            self.own.append((which, change, clues))

    @rule(which=STORES, home=HOMES)
    def ask(self, which, home):
        """A request whose answer comes in another one."""
        number = self.number()
        trace = self.trace(home, number, spans=1, output=Payload(), answer_ids=(f"answer-{number}",))
        self.asked.append(trace)
        self.put(which, Change(self.facts(trace), trace))
        self.own.append((which, Change(self.facts(trace), trace), Clues()))

    @rule(data=st.data(), which=STORES, home=HOMES, named=st.booleans())
    def answer(self, data, which, home, named):
        if not self.asked:
            return
        turn = data.draw(st.sampled_from(self.asked))
        number = self.number()
        trace = self.trace(home, number, spans=1, input=Payload(), is_turn=False, output=Payload(f"answer {number}"))
        change = Change(self.facts(trace), trace)
        clues = Clues(IDLE, continues=turn.id if named else None, wanted=turn.answer_ids, answer=f"answer {number}",
                      span_id=f"{number + 10**9:016x}", alone=True)  # fmt: skip
        self.put(which, deciding(change, clues))
        self.own.append((which, change, clues))

    @rule(pick=PICKS, which=STORES)
    def split(self, pick, which):
        for id in self.ids(which)[pick % 5 :]:
            traces = self.stores[which].session(id).traces
            if traces:
                at = traces[pick % len(traces)].id
                self.stores[which].write([Change(SessionFacts(id), decide=partial(split_off, id, at))])
                return

    @rule(which=STORES, pick=PICKS, end=st.booleans())
    def from_outside(self, which, pick, end):
        ids = [*self.ids(which), "a"]
        id = ids[pick % len(ids)]
        found = self.stores[which].session(id)
        traces = [None, *(t.id for t in found.traces)] if found else [None]
        trace = traces[pick % len(traces)]
        number = self.number()
        score = Score(f"o{number}", "n", "numeric", 1, START + number, Target(id, trace))
        event = Event("called", START + number * SECOND)
        ended = START + number * SECOND if end else None
        self.put(which, Change(SessionFacts(id, events=(event,), scores=(score,), ended_ns=ended)))

    @rule(which=STORES, pick=PICKS)
    def forget(self, which, pick):
        sessions = self.ids(which)
        if sessions:
            id = sessions[pick % len(sessions)]
            self.known -= {trace for trace, _ in places(self.stores[which].session(id))}
            self.stores[which].forget(session=id)

    # Rarely: what is counted of all traces can be compared only until the first time.
    @precondition(lambda self: self.count > 12)
    @rule(which=STORES, pick=PICKS)
    def prune(self, which, pick):
        """What is older than a session's last activity goes whole, and nothing else does."""
        store = self.stores[which]
        told = {id: store.session(id) for id in self.ids(which)}
        last = {id: one.session.last_ns for id, one in told.items()}
        if not told:
            return
        edge = sorted(last.values())[pick % len(last)]
        removed = sum(store.prune(Limits(age_ns=DAY_NS), edge + DAY_NS), Removed())
        stale = {id for id in told if last[id] < edge}
        self.was_pruned = self.was_pruned or bool(stale)
        assert (set(self.ids(which)), removed.sessions) == (told.keys() - stale, len(stale))
        for id in told:
            here = list(places(told[id]))
            assert id in stale or list(places(store.session(id))) == here
            if id in stale:
                self.known -= {trace for trace, _ in here}

    @rule(which=STORES, again=st.booleans())
    def write(self, which, again):
        changes, self.waiting[which] = self.waiting[which], []
        written = self.stores[which].write(changes)
        for change in written:
            if change is not None and change.trace is not None:
                self.written[change.trace.id] = change.session.id
        self.last[which] = changes
        if again:
            self.once_more(which)

    @rule(which=STORES)
    def once_more(self, which):
        """The end of the last write was not seen."""
        if not self.waiting[which]:
            self.stores[which].write(self.last[which], retry=True)

    @invariant()
    def check(self):
        if not hasattr(self, "stores"):
            return
        assert audit_store(self.stores[0], self.was_pruned) == []
        self.check_contents()

    def check_contents(self):
        waiting = {change.trace.id for part in self.waiting for change in part if change.trace is not None}
        found = Counter()
        for id in self.ids(0):
            conversation = self.stores[1].session(id)
            found.update(places(conversation))
            for span in (span for trace in conversation.traces for span in trace.spans):
                assert span.input == self.inputs.get(span.id, span.input)
        assert [place for place, times in found.items() if times > 1] == []
        assert self.known <= {id for id, _ in found} | waiting


def places(conversation):
    """Yield the id and the start of each trace of a session; one that joined another stands there as a span."""
    for trace in conversation.traces:
        yield trace.id, trace.started_ns
        for span in trace.spans:
            if "joined_by" in span.attributes:
                yield span.attributes["trace_id"], span.started_ns


def deciding(change, clues):
    return replace(change, decide=partial(decided, clues, change))


def test_any_order_of_what_two_processes_write_keeps_rows_and_totals_true(database, request, tmp_path):
    numbers = count()
    if database == "postgres":
        new_url = request.getfixturevalue("postgres").url
    else:
        new_url = partial("sqlite:///{}/{}.db".format, tmp_path)
    here = type("Here", (Machine,), {"new_url": lambda _: new_url(*() if database == "postgres" else (next(numbers),))})
    # The same examples each time: a search for new ones belongs to whoever changes the writer, with larger numbers.
    few = settings(
        max_examples=25, stateful_step_count=30, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(here, settings=few)
