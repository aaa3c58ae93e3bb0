"""Evaluators that come with the package and need no model: each a rule that can be read, with its reason.

`BUILT_IN` has them by name; the functions that make one with a limit are called by the app.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from convotrace.insight.evaluation import Evaluator, evaluator
from convotrace.insight.words import words
from convotrace.model import Conversation, Trace

_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable)|i (?:can(?:no|')t|am not able to|won't be able to)|as an ai\b"
    r"|no (?:puedo|es posible|me es posible)|lo siento)|抱歉|对不起|无法|不能(?:提供|帮)",
    re.IGNORECASE,
)
_PII = {
    "an e-mail address": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"),
    "an IBAN": re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "a phone number": re.compile(r"(?<![\w.])\+[0-9](?:[ -]?[0-9]){7,14}(?![\w.])"),
}
_CARD = re.compile(r"(?<![0-9])(?:[0-9][ -]?){12,18}[0-9](?![0-9])")
_SCRIPTS = {
    "han": r"[\u3400-\u9fff]",
    "kana": r"[\u3040-\u30ff]",
    "hangul": r"[\uac00-\ud7a3]",
    "thai": r"[\u0e00-\u0e7f]",
    "arabic": r"[\u0600-\u06ff]",
    "hebrew": r"[\u0590-\u05ff]",
    "cyrillic": r"[\u0400-\u04ff]",
    "greek": r"[\u0370-\u03ff]",
    "devanagari": r"[\u0900-\u097f]",
    "latin": r"[A-Za-z\u00c0-\u024f]",
}
_SCRIPT = {name: re.compile(pattern) for name, pattern in _SCRIPTS.items()}
_FEWEST_WORDS = 5
_LOOKED_AT = 20_000


@evaluator
def answered(turn: Trace) -> Any:
    """Tell whether the turn has an answer."""
    return bool(turn.output.text), None if turn.output.text else "There is no answer."


@evaluator
def error_free(turn: Trace) -> Any:
    """Tell whether nothing failed."""
    failed = [span.name for span in turn.spans if span.status == "error"]
    if turn.error is not None:
        return False, f"The turn failed: {turn.error.type}."
    return (False, f"{failed[0]} failed.") if failed else True


@evaluator
def no_refusal(turn: Trace) -> Any:
    """Tell whether the answer refuses or excuses nothing; English, Spanish and Chinese."""
    found = _REFUSAL.search((turn.output.text or "")[:_LOOKED_AT])
    return (False, f"It says “{found[0]}”.") if found else (True if turn.output.text else None)


@evaluator
def no_friction(turn: Trace) -> Any:
    """Tell whether the turn has no sign of friction."""
    return (False, turn.signals[0].why) if turn.signals else True


@evaluator
def no_personal_data(turn: Trace) -> Any:
    """Tell whether the answer holds no e-mail address, phone number, IBAN or card number that the user did not send."""
    text, sent = (turn.output.text or "")[:_LOOKED_AT], turn.input.text or ""
    for what, pattern in _PII.items():
        if any(found not in sent for found in pattern.findall(text)):
            return False, f"The answer holds {what}."
    if any(_is_card(found) and found not in sent for found in _CARD.findall(text)):
        return False, "The answer holds a card number."
    return True


@evaluator
def same_script(turn: Trace) -> Any:
    """Tell whether the answer is in the script of the question; None where either has too little text."""
    asked, told = (_script(text or "") for text in (turn.input.text, turn.output.text))
    if asked is None or told is None:
        return None
    return (True, None) if asked == told else (False, f"The question is in {asked}, the answer in {told}.")


@evaluator
def groundedness(turn: Trace) -> Any:
    """Return the share of the answer's longer words that stand in what the turn retrieved, or was asked.

    Words of four letters and more count, and pairs of characters in scripts without spaces; None where nothing was
    retrieved.
    """
    documents = [document for span in turn.spans for document in span.documents]
    texts = [text for document in documents for text in (document.text, document.title) if text]
    answer = _terms(turn.output.text)
    if not texts or len(answer) < _FEWEST_WORDS:
        return None
    known = _terms(" ".join(texts)) | _terms(turn.input.text)
    strange = sorted(answer - known)
    return round(
        1 - len(strange) / len(answer), 4
    ), f"Not found: {', '.join(strange[:8])}." if strange else "All found."


@evaluator
def retrieval_used(turn: Trace) -> Any:
    """Return the share of retrieved documents of which a word that no other one has comes back in the answer."""
    terms = [_terms(document.text) for span in turn.spans for document in span.documents if document.text]
    answer = _terms(turn.output.text)
    if not terms or not answer:
        return None
    own = [mine - set().union(*(other for other in terms if other is not mine)) for mine in terms]
    return round(sum(bool(mine & answer) for mine in own) / len(own), 4)


@evaluator
def valid_json(turn: Trace) -> Any:
    """Tell whether an answer that looks like JSON is JSON; None for any other."""
    text = (turn.output.text or "").strip().removeprefix("```json").strip("`").strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return False, str(error)
    return True


@evaluator(on="session")
def completed(conversation: Conversation) -> Any:
    """Tell whether the session ended well, by its outcome and what the app says of it; None while it is open."""
    session = conversation.session
    if session.resolved is not None:
        return session.resolved, "The app says so."
    if session.outcome == "open":
        return None
    return session.outcome == "completed", session.outcome_reason or f"Its outcome is {session.outcome}."


@evaluator(on="session")
def smooth(conversation: Conversation) -> Any:
    """Return the share of turns without a sign of friction or an error."""
    turns = [trace for trace in conversation.traces if trace.is_turn]
    rough = [turn for turn in turns if turn.signals or turn.errors]
    reason = f"Turn {rough[0].turn} is the first that is not." if rough else None
    return (round(1 - len(rough) / len(turns), 4), reason) if turns else None


def latency_within(milliseconds: float) -> Evaluator:
    """Return an evaluator that tells whether a turn took no longer."""

    def latency_budget(turn: Trace) -> Any:
        took = turn.duration_ms
        return None if took is None else (took <= milliseconds, f"{took:,.0f} of {milliseconds:,.0f} ms.")

    return evaluator(latency_budget, version=f"{milliseconds:g} ms")


def cost_within(dollars: float) -> Evaluator:
    """Return an evaluator that tells whether a turn cost no more US dollars."""

    def cost_budget(turn: Trace) -> Any:
        cost = turn.cost
        return None if cost is None else (cost <= dollars, f"${cost:.6f} of ${dollars:.6f}.")

    return evaluator(cost_budget, version=f"${dollars:g}")


def calls_tools(expected: Mapping[str, Iterable[str]]) -> Evaluator:
    """Return an evaluator that tells whether the tools called in a session are those expected, in their order.

    Args:
        expected: Names of tools by session id; other sessions are not judged.
    """
    wanted = {id: list(names) for id, names in expected.items()}

    def tool_correctness(conversation: Conversation) -> Any:
        names = wanted.get(conversation.session.id)
        if names is None:
            return None
        called = [span.name for trace in conversation.traces for span in trace.spans if span.kind == "tool"]
        return called == names, f"Called {', '.join(called) or 'none'}; expected {', '.join(names) or 'none'}."

    return evaluator(tool_correctness, on="session")


def _terms(text: str | None) -> set[str]:
    found = words(text, _LOOKED_AT)
    pairs = {one + two for one, two in pairwise(found) if len(one) == len(two) == 1 and one > "\u2e80"}
    return {word for word in found if len(word) >= 4} | pairs


def _script(text: str) -> str | None:
    counts = {name: len(pattern.findall(text[:_LOOKED_AT])) for name, pattern in _SCRIPT.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _FEWEST_WORDS else None


def _is_card(text: str) -> bool:
    """Tell whether digits pass the check of payment cards (Luhn 1954, ISO/IEC 7812-1)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


BUILT_IN: dict[str, Evaluator] = {
    one.name: one
    for one in (answered, error_free, no_refusal, no_friction, no_personal_data, same_script, groundedness,
                retrieval_used, valid_json, completed, smooth)
}  # fmt: skip
"""Every evaluator without a parameter, by its name."""
