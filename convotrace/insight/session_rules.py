"""Rules over one session as it unfolds: when it alerts, and why. Pure; `rules` has those over all turns of a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convotrace.errors import SettingsError
from convotrace.insight.rules import Notice
from convotrace.model import Conversation, Score


@dataclass(frozen=True)
class SessionRule:
    """A rule over one session as it unfolds; made by `session_alert`."""

    name: str
    failures: int | None = None
    same_failures: int | None = None
    repeated_calls: int | None = None
    cost: float | None = None
    tokens: int | None = None
    latency: float | None = None
    signals: tuple[str, ...] = ()
    feedback_down: bool = False
    score: tuple[str, float] | None = None
    q: str | None = None
    notify: Callable[[Notice], Any] | None = None

    def words(self) -> str:
        """Return in words when it alerts."""
        limits = {
            "errors": self.failures, "equal failures of a tool": self.same_failures, "equal calls": self.repeated_calls,
            "US dollars": self.cost, "tokens": self.tokens, "ms a turn": self.latency,
        }  # fmt: skip
        told = [f"{limit:g} {what}" for what, limit in limits.items() if limit is not None]
        told += [signal.replace("_", " ") for signal in self.signals] + ["a thumb down"] * self.feedback_down
        told += [f"{self.score[0]} below {self.score[1]:g}"] if self.score else []
        return f"in one session: {', '.join(told)}"


def session_alert(
    name: str, *, failures: int | None = None, same_failures: int | None = None, repeated_calls: int | None = None,
    cost: float | None = None, tokens: int | None = None, latency: float | None = None, signals: Sequence[str] = (),
    feedback_down: bool = False, score: tuple[str, float] | None = None, q: str | None = None,
    notify: Callable[[Notice], Any] | None = None,
) -> SessionRule:  # fmt: skip
    """Make a rule over one session as it unfolds; give it to `ConvoTrace(alerts=[…])`. Any of these alerts, once.

    Args:
        name: What it is called.
        failures: From so many errors on.
        same_failures: Where a tool fails in the same way so many times.
        repeated_calls: Where a tool is called with the same arguments so many times.
        cost: Above so many US dollars.
        tokens: Above so many tokens, input and output together.
        latency: Where a turn takes longer, in milliseconds.
        signals: Where a turn shows one of these signs of friction.
        feedback_down: Where the user gives a thumb down.
        score: Name and limit: where a score is below it.
        q: A filter; only sessions that it finds.
        notify: Called with each notice, beside the webhooks.

    Raises:
        SettingsError: None of these was given.
    """
    rule = SessionRule(
        name, failures, same_failures, repeated_calls, cost, tokens, latency, tuple(signals), feedback_down, score, q,
        notify,
    )  # fmt: skip
    if replace(rule, q=None, notify=None) == SessionRule(name):
        raise SettingsError(f"session_alert {name!r} says nothing to alert for; give failures=3, cost=1.0 or the like.")
    return rule


def trouble(rule: SessionRule, it: Conversation) -> tuple[float, float, str] | None:
    """Return the value, its limit and the reason for which a session alerts, None where it does not."""
    session = it.session
    turns = [trace for trace in it.traces if trace.is_turn]
    counted = [
        (rule.failures, session.errors, "{} errors in this session"),
        (rule.same_failures, _most(it, "same_failure"), "a tool failed in the same way {} times"),
        (rule.repeated_calls, _most(it, "repeated_call"), "a tool was called with the same arguments {} times"),
    ]
    for least, value, words in counted:
        if least is not None and value >= least:
            return value, least, words.format(value)
    spent = [
        (rule.cost, session.cost, "it cost ${:.4f}"),
        (rule.tokens, _tokens(it), "it took {:,} tokens"),
        (rule.latency, max((turn.duration_ms or 0 for turn in turns), default=0), "a turn took {:,.0f} ms"),
    ]
    for most, spent_value, words in spent:
        if most is not None and spent_value is not None and spent_value > most:
            return spent_value, most, words.format(spent_value)
    return _said(rule, it)


def _said(rule: SessionRule, it: Conversation) -> tuple[float, float, str] | None:
    for signal in it.session.signals:
        if signal.name in rule.signals:
            return 1, 1, signal.why
    if rule.feedback_down and it.session.feedback["down"]:
        return it.session.feedback["down"], 1, "the user gave a thumb down"
    if rule.score is not None:
        name, limit = rule.score
        low = [one.value for one in _scores(it) if one.name == name and _is_number(one.value) and one.value < limit]
        if low:
            return float(min(low)), limit, f"{name} is {min(low):g}"
    return None


def _scores(it: Conversation) -> list[Any]:
    return [*it.scores, *(score for trace in it.traces for score in trace.scores)]


def _is_number(value: Score | Any) -> bool:
    return isinstance(value, (int, float))


def _tokens(it: Conversation) -> int | None:
    known = [count for count in (it.session.input_tokens, it.session.output_tokens) if count is not None]
    return sum(known) if known else None


def _most(it: Conversation, sign: str) -> int:
    """Return how often the same tool had a sign, at most; the first time, which shows none, counts."""
    counts: dict[str, int] = {}
    for trace in it.traces:
        names: Mapping[str, str] = {span.id: span.name for span in trace.spans}
        for signal in trace.signals:
            if signal.name == sign:
                tool = names.get(signal.span_id or "", "")
                counts[tool] = counts.get(tool, 1) + 1
    return max(counts.values(), default=0)
