"""`convotrace evaluate`: judges stored sessions now, by evaluators of the app's own or those that come with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.options import Wrong, json_option, loaded, opened, progress, say, store_option
from convotrace.errors import BadRequest, SettingsError
from convotrace.insight.evaluation import FAILED, Evaluator
from convotrace.model import Score

if TYPE_CHECKING:
    from convotrace.store import Store


@click.command()
@click.argument("names", nargs=-1)
@click.option("-q", "--query", "q", help="Only sessions of a filter, such as 'since:7d'.")
@click.option("--dataset", help="The items of a dataset instead of sessions; no result is stored.")
@click.option("--version", type=click.IntRange(1), help="Of the dataset; else its working copy.")
@click.option("--dry-run", is_flag=True, help="Store no result.")
@click.option("--fail-under", type=click.FloatRange(0, 1), help="Exit code 1 where a pass rate or mean is lower.")
@store_option
@json_option
def evaluate(
    names: tuple[str, ...], q: str | None, dataset: str | None, version: int | None, dry_run: bool,
    fail_under: float | None, store_url: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Judge stored sessions by NAMES: `package.module:function`, or evaluators that come with convotrace.

    What was judged already, by the same version, is left as it is. Without NAMES, prints those there are.
    """
    from convotrace.insight.checks import BUILT_IN

    if not names:
        click.echo("\n".join(f"{name:18}{_first_line(one)}" for name, one in BUILT_IN.items()))
        return
    if dataset is not None and q is not None:
        raise Wrong("--query chooses sessions, and --dataset has items of its own; give one of the two.")
    evaluators = _loaded(names)
    with opened(store_url) as (store, _):
        try:
            if dataset is not None:
                tallies = _judged_items(store, evaluators, dataset, version)
            else:
                tallies = _judged(store, evaluators, q, dry_run)
        except BadRequest as error:
            raise Wrong(str(error)) from None
    say({name: tally.facts() for name, tally in tallies.items()}, _table(tallies), as_json)
    too_low = fail_under is not None and any(tally.is_under(fail_under) for tally in tallies.values())
    sys.exit(1 if too_low or any(tally.failed for tally in tallies.values()) else 0)


@dataclass
class Tally:
    """What one evaluator came to."""

    passed: int = 0
    not_passed: int = 0
    failed: int = 0
    numbers: list[float] = field(default_factory=list)
    reason: str | None = None
    """Why it last came to nothing, or did not pass."""

    def add(self, score: Score) -> None:
        """Count a result."""
        if score.value == FAILED:
            self.failed += 1
        elif isinstance(score.value, bool) or score.passed is not None:
            self.passed += bool(score.passed)
            self.not_passed += not score.passed
        elif isinstance(score.value, (int, float)):
            self.numbers.append(score.value)
        if score.value == FAILED or score.passed is False:
            self.reason = score.reason

    @property
    def rate(self) -> float | None:
        """The share that passed, else the mean."""
        judged = self.passed + self.not_passed
        if judged:
            return self.passed / judged
        return sum(self.numbers) / len(self.numbers) if self.numbers else None

    def is_under(self, limit: float) -> bool:
        """Tell whether the share or mean is lower than a limit."""
        return self.rate is not None and self.rate < limit

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        results = self.passed + self.not_passed + self.failed + len(self.numbers)
        return {"results": results, "passed": self.passed, "rate": self.rate, "failed": self.failed, "why": self.reason}


def _judged(store: Store, evaluators: Sequence[Evaluator], q: str | None, dry_run: bool) -> dict[str, Tally]:
    from convotrace.jobs.evaluation import tasks, walk, write
    from convotrace.jobs.trial import judge

    tallies = {one.name: Tally() for one in evaluators}
    with progress(store.count(q), "Judging") as bar:
        for session_id in [session.id for session in walk(store, q, "started")]:
            conversation = store.session(session_id)
            if conversation is not None:
                scores = judge(list(tasks(conversation, evaluators, store, time.time_ns())), lambda: True)
                for score in scores:
                    tallies[score.name].add(score)
                if not dry_run:
                    write(store, scores, session_id)
            bar.update(1)
    return tallies


def _judged_items(store: Store, evaluators: Sequence[Evaluator], name: str, version: int | None) -> dict[str, Tally]:
    """Judge what was answered in the items of a dataset: of a turn that turn alone, and no filter is asked."""
    from convotrace.insight.datasets import as_conversation
    from convotrace.jobs.evaluation import tasks
    from convotrace.jobs.trial import judge

    free = [replace(one, when=None, sample=1.0) for one in evaluators]
    tallies = {one.name: Tally() for one in evaluators}
    found, known = store.items(name, version), store.dataset(name)
    length = known.items if known else 0
    with click.progressbar(length=length, label="Judging", show_eta=True, show_pos=True, file=sys.stderr) as bar:
        for item in found:
            asked = tasks(as_conversation(item), free, store, time.time_ns())
            own = [one for one in asked if one.target.trace_id in (None, item.trace_id) or item.trace_id is None]
            for score in judge(own, lambda: True):
                tallies[score.name].add(score)
            bar.update(1)
    return tallies


def _loaded(names: Iterable[str]) -> list[Evaluator]:
    from convotrace.jobs.evaluation import evaluators_of

    try:
        return list(evaluators_of([loaded(name) if ":" in name else name for name in names]))
    except SettingsError as error:
        raise Wrong(str(error)) from None


def _table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'evaluator':20}{'results':>9}{'rate':>8}{'failed':>8}  last reason"]
    for name, tally in tallies.items():
        facts = tally.facts()
        rate = "–" if tally.rate is None else f"{tally.rate:.3f}"
        lines.append(f"{name:20}{facts['results']:>9,}{rate:>8}{tally.failed:>8,}  {tally.reason or ''}".rstrip())
    return "\n".join(lines)


def _first_line(one: Evaluator) -> str:
    return (one.function.__doc__ or "").strip().splitlines()[0]
