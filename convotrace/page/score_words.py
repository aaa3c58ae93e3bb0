"""A score in words and signs: whose it is, whether it is a thumb, whether it is bad news."""

from __future__ import annotations

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


def log_tone(event: Event) -> str:
    """Return bad for an error line, warning for a warning, nothing for the rest."""
    level = (event.level or "").lower()
    return "bad" if level in ("error", "critical", "exception", "fatal") else "warning" if level[:4] == "warn" else ""
