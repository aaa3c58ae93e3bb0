"""Where conversations lose people: the last step before they leave, and how many take one step after another. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from convotrace.errors import BadRequest
from convotrace.insight.cohort import Cohort, Label, Step

MOST_STEPS = 8
_SHOWN = 12
_KINDS = ("turn", "event", "tool")

Moment = tuple[int, Label]
"""When something happened in a session, and what: `turn`, `event` or `tool` with its number or name."""


@dataclass(frozen=True)
class LastStep:
    """Something that happened in the last turn of sessions."""

    kind: str
    """`tool` `error` `retrieval` `answer` or `tag`."""
    name: str
    left: int
    """Sessions that it was the last of; of a tag, those that were abandoned or failed."""
    had: int
    """Sessions in which it happened at all."""

    @property
    def share(self) -> float | None:
        """Of the sessions in which it happened, those that it was the last of."""
        return self.left / self.had if self.had else None


@dataclass(frozen=True)
class FunnelStep:
    """How many sessions took a step after those before it."""

    step: str
    sessions: int
    share: float | None
    """Of those that took the first step."""
    of_before: float | None
    gap_ns: int | None
    """The median of the times since the step before."""


@dataclass(frozen=True)
class LastTurn:
    """What happened in the last turn of a session."""

    session_id: str
    labels: frozenset[Label]


@dataclass(frozen=True)
class Story:
    """What happened in a session, in order."""

    session_id: str
    moments: Sequence[Moment] = ()


@dataclass(frozen=True)
class Flow:
    """Where the sessions of a range lose people."""

    since_ns: int
    until_ns: int
    survival: Sequence[Step]
    last: Sequence[LastStep] = ()
    funnel: Sequence[FunnelStep] = ()
    share: float = 1.0
    """Which part of the sessions was read for the curve; below 1 its numbers are estimates."""
    read: int = 0
    """Of how many sessions the last turn was looked at."""
    told: int = 0
    """Of how many sessions each step was."""
    chosen: Sequence[str] = field(default=())
    """Ids of the sessions of what was asked for by `at`, at most 100."""


def last_steps(cohort: Cohort, turns: Iterable[LastTurn]) -> list[LastStep]:
    """Return what the last turns had in common, the commonest first.

    Args:
        cohort: The sessions whose last turns they are.
        turns: One of each that has any.
    """
    left, had = Counter[Label](), Counter[Label]()
    for turn in turns:
        left.update(turn.labels)
    for one in cohort.members:
        tools = {label for label in one.labels if label[0] in ("tool", "tag")}
        had.update(tools | {("error", "")} if one.errors else tools)
        had.update({("retrieval", "")} if ("kind", "retrieval") in one.labels else ())
        if one.outcome in ("abandoned", "failed"):
            left.update(label for label in one.labels if label[0] == "tag")
    found = []
    for (kind, name), number in left.items():
        whole = {"tool": had[kind, name], "tag": had[kind, name], "error": had["error", ""]}
        whole |= {"retrieval": had["retrieval", ""], "answer": len(cohort.members)}
        found.append(LastStep(kind, name, number, max(whole[kind], number)))
    found.sort(key=lambda step: (-step.left, step.kind, step.name))
    kinds = Counter[str]()
    kept = []
    for step in found:
        kinds[step.kind] += 1
        if kinds[step.kind] <= _SHOWN:
            kept.append(step)
    return kept


def steps_of(text: str) -> list[Label]:
    """Return the steps of a funnel as they are written, separated by commas: `turn:3`, `tool:pay`, `event:paid`.

    Raises:
        BadRequest: One cannot be read, or there are too many.
    """
    found = [_step(part.strip()) for part in text.split(",") if part.strip()]
    if len(found) > MOST_STEPS:
        raise BadRequest(f"steps has {len(found)} steps; use at most {MOST_STEPS}.")
    return found


def _step(text: str) -> Label:
    kind, colon, name = text.partition(":")
    if not colon:
        return ("event", text)
    if kind not in _KINDS or not name or (kind == "turn" and not _is_turn(name)):
        raise BadRequest(
            f"steps has {text[:40]!r}; use turn:3 for a turn, tool:name for a call, event:name or a bare name for an "
            "event, separated by commas."
        )
    return (kind, str(int(name)) if kind == "turn" else name)


def _is_turn(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10 and int(name) > 0


def funnel(stories: Sequence[Story], steps: Sequence[Label]) -> list[FunnelStep]:
    """Return how many sessions take the steps one after another, each at its first occurrence after the one before."""
    reached, gaps = [0] * len(steps), [list[int]() for _ in steps]
    for story in stories:
        before = None
        for place, at in enumerate(places(story.moments, steps)):
            reached[place] += 1
            if before is not None:
                gaps[place].append(at - before)
            before = at
    found = []
    for place, (kind, name) in enumerate(steps):
        first, earlier = reached[0], reached[place - 1] if place else 0
        found.append(FunnelStep(
            f"{kind}:{name}", reached[place], reached[place] / first if first else None,
            reached[place] / earlier if earlier else None, median_low(gaps[place]) if gaps[place] else None,
        ))  # fmt: skip
    return found


def places(moments: Sequence[Moment], steps: Sequence[Label]) -> list[int]:
    """Return when a session took each of the steps, up to the first that it did not take."""
    found: list[int] = []
    rest = iter(sorted(moments, key=lambda one: one[0]))
    for step in steps:
        at = next((at for at, label in rest if label == step), None)
        if at is None:
            break
        found.append(at)
    return found


def chosen(
    at: str, turns: Iterable[LastTurn], stories: Iterable[Story], steps: Sequence[Label],
    tags: Mapping[str, Iterable[str]],
) -> list[str]:  # fmt: skip
    """Return the ids of the sessions that one bar stands for.

    Args:
        at: `last:<kind>:<name>`, or `step:<place>` and `lost:<place>` of the funnel, from 1.
        turns: The last turns.
        stories: What happened in the sessions.
        steps: Of the funnel.
        tags: The sessions that were abandoned or failed, by tag.
    """
    what, _, rest = at.partition(":")
    if what == "last":
        kind, _, name = rest.partition(":")
        if kind == "tag":
            return list(tags.get(name, ()))
        return [turn.session_id for turn in turns if (kind, name) in turn.labels]
    if what in ("step", "lost") and rest.isascii() and rest.isdigit():
        place = int(rest[:3])
        reached = [(story.session_id, len(places(story.moments, steps))) for story in stories]
        return [id for id, number in reached if (number >= place if what == "step" else number == place - 1 > 0)]
    raise BadRequest(f"at came as {at[:40]!r}; use last:tool:name, step:2 or lost:2, as the links of the page do.")
