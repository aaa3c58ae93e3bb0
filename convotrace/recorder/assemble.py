"""An open trace → the records to be written, or the reason why it is none.

Called by the writer, never inside a request; the same trace may be assembled many times while it grows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convotrace import model
from convotrace.exchange import Exchange
from convotrace.identity import Identity, identify, keyed_hash
from convotrace.insight.continuity import USERS
from convotrace.insight.deciding import Clues, decision
from convotrace.insight.history import summed, users
from convotrace.insight.outcome import with_outcome
from convotrace.insight.totals import totals
from convotrace.model import Change, Json, Payload, SessionFacts, Trace
from convotrace.pricing import Prices
from convotrace.recorder.attached import attachment_records
from convotrace.recorder.facts import duration_of, error_of, flow_of, left_of, metadata_of, name_of, status_of
from convotrace.recorder.note_records import event_records, score_records
from convotrace.recorder.open import OpenTrace
from convotrace.recorder.parts import SessionNotes
from convotrace.recorder.reply import tells_of_model, with_reply
from convotrace.recorder.said import TextHook, Texts, exchange_of, makes_turn
from convotrace.recorder.span_records import SpanRecords
from convotrace.recorder.ties import ties_of
from convotrace.recorder.told import read_told
from convotrace.recorder.verdict import Verdict
from convotrace.recorder.wordless import without_words
from convotrace.redaction import Mask, Redactor, masked_change
from convotrace.redaction.urls import without_queries
from convotrace.settings import Settings

# A login cookie rides on every request of a site: it names the session of a turn, but makes none by itself.
_AMBIENT = frozenset({"cookie", "own_cookie"})
_REMEMBERED = 1_000
_WHOLE = model.Cut()
# Ids that nobody gave outright: they tell users apart by themselves, or not at all.
_CHANCE = _AMBIENT | {"none", "history", "connection"}


class Assembler:
    """Makes records of open traces for one store.

    Args:
        settings: The options in force.
        secret: The store's key for hashing cookies and clients.
        input_text: The app's own reader of the message, already guarded; None for the common names.
        output_text: The same for the reply.
        prices: For calls without a cost of their own; those of the settings when None.
        mask: Takes out what texts must not hold; one of the settings when None.
    """

    def __init__(
        self,
        settings: Settings,
        secret: bytes,
        input_text: TextHook | None = None,
        output_text: TextHook | None = None,
        prices: Prices | None = None,
        mask: Mask | None = None,
    ) -> None:
        self.redactor = Redactor()
        self._mask = Mask(settings.redact, settings.redact_fields, key=secret) if mask is None else mask
        self._settings = settings
        self._prices = Prices.of(settings.prices) if prices is None else prices
        self._secret = secret
        self._handoff_tools = frozenset(settings.handoff_tools)
        self._idle_ns = int(settings.idle_timeout * 1e9)
        self._hashes: dict[tuple[str, int], str] = {}
        self._texts = Texts(input_text, output_text)
        self._spans = SpanRecords(self.redactor, self._prices, settings.service)

    def assemble(self, trace: OpenTrace) -> tuple[Verdict, Change | None]:
        """Return what became of a trace and, where it is to be stored, the change to write."""
        if trace.skipped:
            return Verdict.EXCLUDED, _emptied(trace)
        read_told(trace, self.redactor)
        exchange = self._as_stored(exchange_of(trace))
        identity = self._identity(trace, exchange)
        message, reply = self._texts.of(trace, exchange)
        named = identity is not None and identity.source not in _AMBIENT
        is_turn = makes_turn(trace, exchange, message, reply, named) or tells_of_model(exchange)
        ties = self._ties(trace, exchange, reply)
        if ties and trace.follows_up is False:
            trace.follows_up = True
        if not is_turn and not named and not ties:
            return Verdict.NO_SESSION, None
        who = identity or trace.fallback or Identity(f"{trace.id:032x}", "none")
        record = self._trace(trace, exchange, who, is_turn, message, reply)
        record = with_reply(record, exchange, self._keeps(trace), self.redactor, self._prices)
        change = Change(self._session(trace, who), record, trace.written_as)
        change = masked_change(self._mask, change if self._keeps(trace) else without_words(change))
        change = with_outcome(change, self._handoff_tools)
        history = self._history(exchange, identity, record)
        if trace.shared or history or ties:
            clues = Clues(self._idle_ns, trace.shared, history, alone=is_turn or named, **ties)
            change = replace(change, decide=decision(clues, change)) if clues else change
        verdict = Verdict.TURN if is_turn else Verdict.FOLDED if named else Verdict.NO_SESSION
        return verdict, change

    def _keeps(self, trace: OpenTrace) -> bool:
        return trace.keeps_content and bool(self._settings.content)

    def _as_stored(self, exchange: Exchange) -> Exchange:
        """Return an exchange whose re-sent history reads as that of stored turns does."""
        texts = [text for _, text in exchange.history]
        if not texts or self._mask.is_clean(texts):
            return exchange
        return replace(
            exchange, history=tuple(said._replace(text=self._mask.uncounted(said.text)) for said in exchange.history)
        )

    def _ties(self, trace: OpenTrace, exchange: Exchange, reply: str | None) -> dict[str, Any]:
        ties = ties_of(trace, exchange, reply)
        if isinstance(ties.get("answer"), str):
            ties["answer"] = self._mask.text(ties["answer"])
        return ties

    def _history(self, exchange: Exchange, identity: Identity | None, record: Trace) -> tuple[tuple[str, str], ...]:
        """Return the history by which a turn without an id may find its session."""
        nameless = identity is None and record.is_turn and record.resent is not None and self._settings.history
        return exchange.history if nameless and users(exchange.history) >= USERS else ()

    def _identity(self, trace: OpenTrace, exchange: Exchange) -> Identity | None:
        if trace.found is not None or trace.incoming is None:
            return trace.found
        trace.incoming.body = exchange.request_body
        return identify(trace.incoming, self._settings, self._secret)

    def _session(self, trace: OpenTrace, who: Identity) -> SessionFacts:
        settings, notes = self._settings, trace.noted("session")
        return SessionFacts(
            id=who.id,
            id_source=who.source,
            id_name=who.name,
            user_id=trace.user_id,
            other_id=self._other_id(trace, who),
            environment=settings.effective_environment,
            release=settings.release,
            service=settings.service,
            **(self._said_of_session(notes, who.id) if notes else {}),
        )

    def _said_of_session(self, notes: SessionNotes, session_id: str) -> dict[str, Any]:
        return {
            "name": notes.name,
            "tags": tuple(notes.tags),
            "metadata": self.redactor.clean(dict(notes.metadata)),
            "outcome": notes.outcome,
            "resolved": notes.resolved,
            "ended_ns": notes.ended,
            "events": event_records(notes.events, self.redactor),
            "scores": score_records(notes.scores, session_id),
            "links": tuple(model.Link(*link) for link in notes.links),
        }

    def _other_id(self, trace: OpenTrace, who: Identity) -> str | None:
        """Return the id to use where the id that the client named is another user's."""
        if trace.user_id is None or not self._settings.split_users or who.source in _CHANCE:
            return None
        return f"{who.id}~{self._hash(trace.user_id, 4)}"

    def _hash(self, text: str, size: int) -> str:
        """Return the keyed hash of a text; users and clients come again and again."""
        found = self._hashes.get((text, size))
        if found is None:
            if len(self._hashes) >= _REMEMBERED:
                self._hashes.clear()
            found = self._hashes[text, size] = keyed_hash(self._secret, text, size)
        return found

    def _trace(
        self, trace: OpenTrace, exchange: Exchange, who: Identity, is_turn: bool, message: str | None, reply: str | None
    ) -> Trace:
        trace_id = f"{trace.id:032x}"
        content = self._keeps(trace)
        spans = self._spans.of(trace, who.id, content)
        failure = error_of(trace)
        return Trace(
            id=trace_id,
            session_id=who.id,
            span_id=f"{trace.span_id:016x}" if trace.shared else None,
            parent_id=None if trace.parent_span is None else f"{trace.parent_span:016x}",
            name=name_of(trace),
            is_turn=is_turn,
            route=trace.route,
            status=status_of(trace),
            status_code=trace.status_code,
            started_ns=trace.started,
            duration_ns=duration_of(trace),
            first_byte_ns=None if trace.first_byte is None else trace.first_byte - trace.started,
            input=self._payload(content, message, exchange.request_body),
            output=self._payload(content, reply, exchange.response_body),
            resent=summed(exchange.history) if content and exchange.history else None,
            regenerates=exchange.regenerate,
            answer_ids=exchange.answer_ids if is_turn and reply is None else (),
            error=failure,
            errors=sum([span.status == "error" for span in spans]) or int(failure is not None),
            service=self._settings.service,
            user_id=trace.user_id,
            id_source=who.source,
            tags=tuple(trace.noted("tags")),
            metadata=self.redactor.clean(metadata_of(trace)),
            protocol=trace.protocol,
            close_code=trace.close_code,
            left=left_of(trace),
            flow=flow_of(trace) if trace.flow else (),
            request=self._request(trace, content),
            request_bytes=trace.request_bytes if trace.incoming else None,
            response_bytes=trace.response_bytes if trace.incoming else None,
            chunks=trace.chunks if trace.incoming else None,
            largest_gap_ns=trace.largest_gap,
            cut=_cut(trace) if trace.cut_input or trace.cut_output else _WHOLE,
            attachments=attachment_records(trace_id, trace.noted("attachments"), exchange.uploads, content),
            spans=spans,
            events=event_records(trace.noted("events"), self.redactor),
            scores=score_records(trace.noted("scores"), who.id, trace_id),
            exported=trace.exported,
            **totals(spans),
        )

    def _payload(self, content: bool, text: str | None, body: Json) -> Payload:
        if not content:
            return Payload()
        return Payload(text, self.redactor.clean(body) if self._settings.capture_bodies else None)

    def _request(self, trace: OpenTrace, content: bool) -> model.Request | None:
        incoming = trace.incoming
        if incoming is None:
            return None
        client = f"{incoming.peer}|{incoming.headers.get('user-agent', '')}"
        return model.Request(
            method=incoming.method,
            path=incoming.path,
            query=self.redactor.clean(dict(incoming.query)) if content else {},
            headers=without_queries(self.redactor.headers(incoming.headers)),
            client=self._hash(client, 8),
        )


def _cut(trace: OpenTrace) -> model.Cut:
    return model.Cut(
        trace.request_bytes if trace.cut_input else None, trace.response_bytes if trace.cut_output else None
    )


def _emptied(trace: OpenTrace) -> Change | None:
    """Return what takes the place of a trace that was shown while it ran and is to be forgotten: nothing of it."""
    if trace.written_as is None:
        return None
    record = Trace(f"{trace.id:032x}", trace.written_as, name="skipped", started_ns=trace.started)
    return Change(SessionFacts(trace.written_as), record, trace.written_as)
