"""What a dataset holds: sessions and turns copied out of conversations, each with the answer it should have had.

An item is a copy: it stays as it is when its session is pruned, and goes when session or user are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from convotrace.insight.queues import CORRECTION
from convotrace.model import Conversation, Document, Json, Payload, Score, Session, Span, Trace

Message = dict[str, str]


@dataclass(frozen=True)
class Item:
    """One session or turn of a dataset.

    Args:
        id: The same for the same turn, or session, in every version and dataset.
        session_id: Where it comes from.
        trace_id: The turn, None for a whole session.
        user_id: Whose words these are, where known.
        messages: What was said until then, `{"role", "content"}` each; the last one is the user's.
        output: What the app answered.
        expected: What it should have answered; None where nobody said.
        documents: Texts that were retrieved in the turn.
        scores: The newest value of each score.
        metadata: Of the session.
        author: Who wrote what is expected.
        added_ns: When it came into the dataset.
    """

    id: str
    session_id: str
    trace_id: str | None
    messages: tuple[Message, ...]
    output: str | None
    expected: str | None = None
    user_id: str | None = None
    turn: int | None = None
    documents: tuple[str, ...] = ()
    scores: Mapping[str, Json] = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    author: str | None = None
    added_ns: int = 0

    @property
    def kind(self) -> str:
        """`turn` or `session`."""
        return "session" if self.trace_id is None else "turn"

    @property
    def input(self) -> str | None:
        """The last thing the user said."""
        return next((one["content"] for one in reversed(self.messages) if one["role"] == "user"), None)

    @property
    def answer(self) -> str | None:
        """What is to be learned: what is expected, else what was answered."""
        return self.output if self.expected is None else self.expected

    @property
    def taught(self) -> list[Message]:
        """What is to be learned as messages, the answer last; nothing where there is no answer."""
        return [] if self.answer is None else [*self.messages, _message("assistant", self.answer)]

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "id": self.id, "kind": self.kind, "session_id": self.session_id, "trace_id": self.trace_id,
            "turn": self.turn, "input": self.input, "messages": list(self.messages), "output": self.output,
            "expected": self.expected, "documents": list(self.documents), "scores": dict(self.scores),
            "metadata": dict(self.metadata), "author": self.author,
        }  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A snapshot of a dataset that nobody changes any more; forgetting alone takes something out of it."""

    number: int
    at_ns: int
    note: str = ""


@dataclass(frozen=True)
class Dataset:
    """A dataset: its versions, and how many items the working copy has."""

    name: str
    about: str = ""
    versions: tuple[Version, ...] = ()
    items: int = 0
    changed: bool = False
    """Whether the working copy differs from the last version."""
    made_ns: int = 0

    @property
    def version(self) -> int:
        """Number of the last version, 0 for none."""
        return self.versions[-1].number if self.versions else 0

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        told: list[Json] = [{"version": one.number, "note": one.note} for one in self.versions]
        return {"name": self.name, "about": self.about, "items": self.items, "version": self.version,
                "changed": self.changed, "versions": told}  # fmt: skip


def item_of_turn(conversation: Conversation, trace: Trace, now_ns: int) -> Item:
    """Return a turn as an item: what was said before it, its answer, and the newest correction of that.

    Args:
        conversation: The session.
        trace: The turn.
        now_ns: The time.
    """
    before = [one for one in _turns(conversation) if one.started_ns < trace.started_ns and one.id != trace.id]
    said = _messages(before) + ([_message("user", trace.input.text)] if trace.input.text else [])
    correction, scores = _newest(trace.scores, CORRECTION), _values(trace)
    return Item(
        item_id(conversation.session.id, trace.id), conversation.session.id, trace.id,
        (*_system(trace), *said), trace.output.text, _text(correction), _user(conversation, trace), trace.turn,
        tuple(document.text for span in trace.spans for document in span.documents if document.text),
        scores, dict(conversation.session.metadata), correction.author if correction else None, now_ns,
    )  # fmt: skip


def item_of_session(conversation: Conversation, now_ns: int) -> Item | None:
    """Return a whole session as an item, None where nobody said anything.

    Corrected answers stand in the place of those that were given; the last answer is what is to be learned.

    Args:
        conversation: The session.
        now_ns: The time.
    """
    turns = _turns(conversation)
    if not turns:
        return None
    last = turns[-1]
    correction = _newest(conversation.scores, CORRECTION) or _newest(last.scores, CORRECTION)
    said = _messages(turns[:-1]) + ([_message("user", last.input.text)] if last.input.text else [])
    scores = {score.name: score.value for score in sorted(conversation.scores, key=lambda one: one.at_ns)}
    return Item(
        item_id(conversation.session.id, None), conversation.session.id, None, (*_system(last), *said),
        last.output.text, _text(correction), conversation.session.user_id, None, (),
        {name: value for name, value in scores.items() if name != CORRECTION}, dict(conversation.session.metadata),
        correction.author if correction else None, now_ns,
    )  # fmt: skip


def item_id(session_id: str, trace_id: str | None) -> str:
    """Return the id of an item."""
    said = f"turn\0{trace_id}" if trace_id else f"session\0{session_id}"
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _turns(conversation: Conversation) -> list[Trace]:
    replaced = {trace.replaces for trace in conversation.traces if trace.replaces}
    return [trace for trace in conversation.traces if trace.turn is not None and trace.id not in replaced]


def _messages(turns: Iterable[Trace]) -> list[Message]:
    return [message for trace in turns for message in _said(trace)]


def _said(trace: Trace) -> Iterator[Message]:
    if trace.input.text:
        yield _message("user", trace.input.text)
    answer = _text(_newest(trace.scores, CORRECTION)) or trace.output.text
    if answer:
        yield _message("assistant", answer)


def _system(trace: Trace) -> list[Message]:
    """Return the system prompt of the turn's last model call, where one was captured."""
    for span in reversed(trace.spans):
        if span.kind == "generation" and isinstance(span.input, list):
            for message in span.input:
                if isinstance(message, Mapping) and message.get("role") == "system" and (text := _content(message)):
                    return [_message("system", text)]
    return []


def _content(message: Mapping[str, Any]) -> str:
    parts = message.get("parts") or ()
    return "\n".join(
        part["content"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("content"), str)
    )


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _newest(scores: Iterable[Score], name: str) -> Score | None:
    return max((one for one in scores if one.name == name), key=lambda one: one.at_ns, default=None)


def _values(trace: Trace) -> dict[str, Json]:
    ordered = sorted(trace.scores, key=lambda one: one.at_ns)
    return {score.name: score.value for score in ordered if score.name != CORRECTION}


def _text(score: Score | None) -> str | None:
    return None if score is None else str(score.value)


def _user(conversation: Conversation, trace: Trace) -> str | None:
    return trace.user_id or conversation.session.user_id


def as_conversation(item: Item) -> Conversation:
    """Return an item as the conversation it was copied from, as far as it tells: what evaluators judge.

    Its last turn has the answer that was given; what was expected stands in the turn's metadata as `expected`.
    """
    turns: list[Trace] = []
    said: str | None = None
    asked = [one for one in item.messages if one["role"] != "system"]
    for message in asked:
        if message["role"] == "user":
            turns += [] if said is None else [_rebuilt(item, len(turns), said, None)]
            said = message["content"]
        else:
            turns.append(_rebuilt(item, len(turns), said, message["content"]))
            said = None
    own = replace(_rebuilt(item, len(turns), said, item.output), id=item.trace_id or _turn_id(item, len(turns)))
    told = {"expected": item.expected} if item.expected is not None else {}
    documents = tuple(Document(text=text) for text in item.documents)
    spans = (Span("0" * 16, own.id, "documents", "retrieval", documents=documents),) if documents else ()
    turns.append(replace(own, metadata=told, spans=spans))
    session = Session(item.session_id, item.session_id, turns=len(turns), traces=len(turns), metadata=item.metadata)
    return Conversation(session, tuple(turns))


def _rebuilt(item: Item, place: int, said: str | None, answer: str | None) -> Trace:
    return Trace(
        _turn_id(item, place), item.session_id, is_turn=True, turn=place + 1, started_ns=place,
        duration_ns=0, input=Payload(said), output=Payload(answer),
    )  # fmt: skip


def _turn_id(item: Item, place: int) -> str:
    return blake2b(f"{item.id}\0{place}".encode(), digest_size=16).hexdigest()
