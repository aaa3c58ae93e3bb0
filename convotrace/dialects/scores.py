"""Judgements that travel on spans: OpenInference annotations and evaluations, and OpenTelemetry evaluation events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from convotrace.dialects.messages import as_text
from convotrace.dialects.names import told
from convotrace.dialects.values import as_number, as_word, grown
from convotrace.model import SCORE_SOURCES, Event, Json

_SOURCES = {"HUMAN": "annotator", "LLM": "evaluator", "CODE": "code"}
_LISTS = tuple(
    (f"{before}{name}s", name, level)
    for before, level in (("", "span"), ("trace.", "trace"), ("session.", "session"))
    for name in ("annotation", "evaluation")
)
_MAX = 200


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score before it is known what it judges by id; `level` is span, trace or session."""

    name: str
    value: float | bool | str
    level: str = "span"
    comment: str | None = None
    source: str = "evaluator"
    author: str | None = None
    evaluator: str | None = None
    label: str | None = None
    at_ns: int | None = None
    id: str | None = None
    """Where it is known: a judgement of ours that comes back."""
    span_id: str | None = None
    """What it judges, where that is another span than the one that tells it."""


def judgements(attributes: Mapping[str, Json], events: Sequence[Event]) -> tuple[Judgement, ...]:
    """Return every judgement that a span's attributes and events tell."""
    found: list[Judgement] = []
    if told(attributes, are_judged, None):
        for prefix, name, level in _LISTS:
            found += _listed(grown(attributes, prefix)[:_MAX], name, level)
    for event in events:
        if event.name == "gen_ai.evaluation.result" and (judged := _evaluated(event)) is not None:
            found.append(judged)
    return tuple(found)


def are_judged(names: tuple[str, ...], _about: None = None) -> bool:
    """Tell whether attributes of these names hold a judgement."""
    return any(".annotation." in name or ".evaluation." in name for name in names)


def _listed(entries: Iterable[Json], name: str, level: str) -> Iterable[Judgement]:
    for entry in entries:
        said = entry.get(name) if isinstance(entry, dict) else None
        if not isinstance(said, dict):
            continue
        label = as_text(said.get("label"))
        value = _value(said.get("score"), label)
        named = as_word(said.get("name"))
        if value is None or named is None:
            continue
        source = _SOURCES.get(str(said.get("annotator_kind") or "").upper(), "evaluator")
        who = as_text(said.get("identifier"))
        person = source == "annotator"
        yield Judgement(
            named, value, level, as_text(said.get("explanation")), source,
            author=who if person else None, evaluator=None if person else who, label=label,
        )  # fmt: skip


def _evaluated(event: Event) -> Judgement | None:
    body = event.attributes.get("body")
    said = {**body, **event.attributes} if isinstance(body, dict) else event.attributes
    name, label = as_word(said.get("gen_ai.evaluation.name")), as_text(said.get("gen_ai.evaluation.score.label"))
    value = _value(said.get("gen_ai.evaluation.score.value"), label)
    if name is None or value is None:
        return None
    comment = as_text(said.get("gen_ai.evaluation.explanation"))
    own = as_word(said.get("convotrace.score.id"))
    if own is None:
        return Judgement(name, value, "span", comment, label=label, at_ns=event.at_ns)
    return _own(said, name, value, comment, label, event.at_ns, own)


def _own(
    said: Mapping[str, Json], name: str, value: float | bool | str, comment: str | None, label: str | None, at_ns: int,
    id: str,
) -> Judgement:  # fmt: skip
    """Return a score of ours that was forwarded: what the conventions have no place for stands beside it."""
    source, level = said.get("convotrace.score.source"), said.get("convotrace.score.level")
    is_flag = said.get("convotrace.score.type") == "boolean"
    return Judgement(
        name, label == "true" if is_flag else value, str(level) if level in ("trace", "session") else "span", comment,
        str(source) if source in SCORE_SOURCES else "evaluator", as_text(said.get("convotrace.score.author")),
        as_text(said.get("convotrace.score.evaluator")), None, at_ns, id,
        as_word(said.get("convotrace.score.span_id")),
    )  # fmt: skip


def _value(score: Json, label: str | None) -> float | bool | str | None:
    if isinstance(score, bool):
        return score
    number = as_number(score)
    return label if number is None else float(number)
