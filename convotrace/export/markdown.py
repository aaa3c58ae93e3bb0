"""One conversation as Markdown, to read and to send on: who said what, with calls, documents, errors and notes.

What people and models wrote is quoted, so that it cannot pass for our own lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from convotrace.export.records import dump, iso
from convotrace.model import Conversation, Json, Score, Session, Span, Trace

_KINDS = frozenset({"generation", "retrieval", "tool", "agent", "embedding", "reranker", "guardrail"})
_LONGEST_VALUE = 2000


def as_markdown(conversation: Conversation) -> str:
    """Return a conversation as one Markdown text."""
    lines = [*_head(conversation.session)]
    for trace in conversation.traces:
        if trace.is_turn:
            lines += _turn(trace)
    others = sum(not trace.is_turn for trace in conversation.traces)
    if others:
        lines += [f"*{others} other request{'' if others == 1 else 's'} in this session.*", ""]
    lines += _scores(conversation.scores, "## Scores of the session")
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(it: Session) -> Iterator[str]:
    yield f"# Session {_inline(it.id)}"
    yield ""
    tokens = [count for count in (it.input_tokens, it.output_tokens) if count is not None]
    facts = {
        "user": it.user_id, "started": iso(it.started_ns), "last activity": iso(it.last_ns), "turns": it.turns,
        "errors": it.errors, "tokens": sum(tokens) if tokens else None,
        "cost": None if it.cost is None else f"${it.cost:.6f}", "outcome": _outcome(it), "resolved": it.resolved,
        "environment": it.environment, "release": it.release, "tags": ", ".join(it.tags),
    }  # fmt: skip
    for name, value in facts.items():
        if value not in (None, ""):
            yield f"- {name}: {_inline(str(value))}"
    yield ""


def _outcome(it: Session) -> str:
    return f"{it.outcome} ({it.outcome_reason})" if it.outcome_reason else it.outcome


def _turn(it: Trace) -> Iterator[str]:
    replaces = ", a new version of an earlier turn" if it.replaces else ""
    yield f"## Turn {it.turn} · {iso(it.started_ns)}{replaces}"
    yield ""
    yield from _said("User", it.input.text)
    work = [line for span in it.spans if span.kind in _KINDS for line in _work(span)]
    yield from (*work, "") if work else ()
    yield from _said("Assistant", it.output.text)
    if it.error is not None:
        yield f"**Error** {_inline(f'{it.error.type}: {it.error.message}')}"
        yield ""
    for signal in it.signals:
        yield f"*{_inline(signal.why)}*"
        yield ""
    yield from _scores(it.scores, "**Scores**")


def _said(who: str, text: str | None) -> Iterator[str]:
    if text is not None:
        yield f"**{who}**"
        yield ""
        yield _quoted(text)
        yield ""


def _work(it: Span) -> Iterator[str]:
    took = "" if it.duration_ms is None else f" · {it.duration_ms:,.0f} ms"
    model = f" · {_inline(it.model)}" if it.model else ""
    yield f"- *{it.kind}* {_inline(it.name)}{model}{took}"
    for name in ("arguments", "query", "result"):
        value = getattr(it, name)
        if value is not None:
            yield f"  - {name}: {_code(value)}"
    for document in it.documents:
        yield f"  - document {_inline(document.title or document.id or '')}"
    if it.error is not None:
        yield f"  - error: {_inline(f'{it.error.type}: {it.error.message}')}"


def _scores(scores: tuple[Score, ...], head: str) -> Iterator[str]:
    if not scores:
        return
    yield head
    yield ""
    for score in scores:
        who = score.author or score.source.replace("_", " ")
        comment = f": {_inline(score.comment)}" if score.comment else ""
        yield f"- {_inline(score.name)} = {_inline(str(score.value))} ({_inline(who)}){comment}"
    yield ""


def _quoted(text: str) -> str:
    # A fence that the text opens ends with the quotation; nothing in it may fetch or run, wherever it is rendered.
    harmless = text.replace("![", "!\\[").replace("<", "\\<")
    return "\n".join(f"> {line}" for line in harmless.splitlines() or [""])


def _inline(text: str) -> str:
    """Return a text on one line in which no Markdown and no HTML means anything."""
    line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~&" else c for c in line)


def _code(value: Json) -> str:
    """Return a value as inline code, whatever backticks it holds."""
    text = " ".join((value if isinstance(value, str) else dump(value).decode()).split())
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}… ({len(text):,} characters)"
    fence = "`"
    while fence in text:
        fence += "`"
    return f"{fence} {text} {fence}"
