"""Runs an evaluator beside the app: in a thread of its own, for a limited time, whatever it does."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from convotrace.insight.evaluation import Evaluator, Judged, failure, result
from convotrace.model import Conversation, Score, Target
from convotrace.store.native import Signal, start_thread

AT_ONCE = 4
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Task:
    """One judgement to be made."""

    evaluator: Evaluator
    judged: Judged
    conversation: Conversation
    target: Target


class _Running:
    """One evaluator at work; what it comes to after its time is nobody's."""

    def __init__(self, task: Task) -> None:
        self.task, self.began = task, time.monotonic_ns()
        self._done = Signal()
        self._answer: Any = None
        self._raised: BaseException | None = None
        start_thread(self._run, f"convotrace-{task.evaluator.name}")

    def _run(self) -> None:
        try:
            answer = self.task.evaluator(self.task.judged, self.task.conversation)
            self._answer = asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
        except BaseException as error:  # an evaluator of others may raise anything
            self._raised = error
        self._done.set()

    def score(self) -> Score | None:
        """Wait for the answer as long as it has time, and return it as a score."""
        left = self.task.evaluator.timeout - (time.monotonic_ns() - self.began) / 1e9
        ended = self._done.wait(left)
        took, now = time.monotonic_ns() - self.began, time.time_ns()
        told = (self.task.evaluator, self.task.target)
        turns = self.task.conversation.session.turns
        if not ended:
            return failure(*told, f"It had no answer after {self.task.evaluator.timeout:g} s.", now, took, turns)
        if self._raised is not None:
            return failure(*told, _sentence(self._raised), now, took, turns)
        try:
            return result(*told, self._answer, now, took, turns)
        except Exception as error:  # an answer may be an object that raises when it is looked at
            return failure(*told, _sentence(error), now, took, turns)


def judge(tasks: Sequence[Task], go_on: Callable[[], bool]) -> list[Score]:
    """Return what evaluators come to, a few at a time; those that have nothing to say are left out.

    Args:
        tasks: What is to be judged, by whom.
        go_on: Asked before each few; False leaves out the rest.
    """
    scores: list[Score] = []
    for start in range(0, len(tasks), AT_ONCE):
        if not go_on():
            break
        running = [_Running(task) for task in tasks[start : start + AT_ONCE]]
        scores += [score for one in running if (score := one.score()) is not None]
    return scores


async def _awaited(answer: Any) -> Any:
    return await answer


def _sentence(error: BaseException) -> str:
    try:
        return f"It raised {type(error).__name__}: {error}"[:_LONGEST_REASON]
    except Exception:
        return f"It raised {type(error).__name__}."
