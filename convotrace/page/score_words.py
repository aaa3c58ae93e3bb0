"""A score in words and signs: whose it is, whether it is a thumb, whether it is bad news."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.insight.queues import WRITTEN
from convotrace.model import Event, Score
from convotrace.page.format import score as scored

_SOURCES = {"end_user": "end user", "annotator": "annotator", "evaluator": "evaluator", "code": "code"}
_UP, _DOWN = (True, 1, "up"), (False, 0, -1, "down")
_THUMBS = frozenset({"feedback", "thumbs", "user feedback"})


def whose(score: Score) -> str:
    """Return who or what gave a score."""
    return " ".join(
        part for part in (_SOURCES.get(score.source, score.source), score.author or score.evaluator) if part
    )


def words(score: Score) -> str:
    """Return the value of a score: a person says yes or no, a check passes or fails."""
    if isinstance(score.value, bool) and score.source in ("end_user", "annotator"):
        return "yes" if score.value else "no"
    return scored(score.value)


def thumbs(score: Score) -> bool | None:
    """Return whether a score is a thumb up or down of an end user; None where it is neither."""
    if score.source != "end_user" or score.name.lower() not in _THUMBS:
        return None
    return True if score.value in _UP else False if score.value in _DOWN else None


def tone(score: Score) -> str:
    """Return good, bad or nothing: colour is a claim."""
    if thumbs(score) is not None:
        return "good" if thumbs(score) else "bad"
    if score.passed is False or score.value is False:
        return "bad"
    is_low = isinstance(score.value, (int, float)) and not isinstance(score.value, bool) and 0 <= score.value < 0.5
    return "good" if score.passed or score.value is True else "bad" if is_low else ""


@dataclass(frozen=True)
class Named:
    """What a turn's scores of one name come to: one score, or those of several people."""

    score: Score
    name: str
    several: int = 0
    """How many people's, where it is more than one's."""
    words: str = ""
    """Their mean; of words, how often each was given."""
    breakdown: str = ""
    """Who gave what."""
    tone: str = ""


def is_written(score: Score) -> bool:
    """Tell whether a score is a note or a corrected answer."""
    return score.name in WRITTEN


def by_name(scores: Sequence[Score]) -> list[Named]:
    """Return scores as they are shown: of several by one person the newest, of several people's what they come to."""
    newest = {(one.name, one.source, one.author): one for one in scores if not is_written(one)}
    groups: dict[str, list[Score]] = defaultdict(list)
    for one in newest.values():
        groups[one.name].append(one)
    return [shown for name, group in groups.items() for shown in _shown(name, group)]


def _shown(name: str, group: Sequence[Score]) -> list[Named]:
    people = [one for one in group if one.source == "annotator"]
    alone = [Named(one, name) for one in group if one.source != "annotator" or len(people) == 1]
    if len(people) < 2:
        return alone
    breakdown = ", ".join(f"{one.author or 'somebody'} {words(one)}" for one in people)
    tones = {tone(one) for one in people}
    return [
        Named(people[0], name, len(people), together(people), breakdown, tones.pop() if len(tones) == 1 else ""),
        *alone,
    ]


def together(scores: Sequence[Score]) -> str:
    """Return what several scores of one name come to: their mean, or how often each word was given."""
    numbers = [number for one in scores if (number := _number(one.value)) is not None]
    if len(numbers) == len(scores):
        return scored(sum(numbers) / len(numbers))
    counted = Counter(words(one) for one in scores)
    return ", ".join(f"{value} × {number}" if number > 1 else value for value, number in counted.most_common())


def _number(value: float | bool | str) -> float | None:
    """Return a value as a number, also one that came as its text."""
    try:
        return float(value)
    except ValueError:
        return None


def log_tone(event: Event) -> str:
    """Return bad for an error line, warning for a warning, nothing for the rest."""
    level = (event.level or "").lower()
    return "bad" if level in ("error", "critical", "exception", "fatal") else "warning" if level[:4] == "warn" else ""
