"""What people make of a store: definitions of scores, annotation queues, datasets, and how far judges agree."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from convotrace.later import later
from convotrace.store.opening import Opened

if TYPE_CHECKING:
    from convotrace.insight.agreement import Agreement
    from convotrace.insight.datasets import Dataset, Item, Version
    from convotrace.insight.definitions import ScoreDefinition, ScoreStats
    from convotrace.insight.queues import Queue, Task
    from convotrace.store import datasets, definitions, queues, score_stats
else:
    datasets = later("convotrace.store.datasets")
    definitions = later("convotrace.store.definitions")
    queues = later("convotrace.store.queues")
    score_stats = later("convotrace.store.score_stats")


class Curator(ABC):
    """The part of a store that people judge and choose with."""

    @abstractmethod
    def _ready(self) -> Opened:
        """Return the open database."""

    def score_definitions(self) -> dict[str, ScoreDefinition]:
        """Return what is defined of scores, by their names."""
        return definitions.definitions(self._ready())

    def put_score_definition(self, *given: ScoreDefinition) -> None:
        """Keep definitions; those of the same names are replaced.

        Raises:
            BadRequest: There are too many.
            StoreError: The store cannot be written now.
        """
        definitions.put(self._ready(), given)

    def drop_score_definition(self, name: str) -> None:
        """Forget a definition; the scores stay."""
        definitions.drop(self._ready(), name)

    def score_stats(
        self, name: str, since_ns: int = 0, until_ns: int | None = None, q: str | None = None
    ) -> ScoreStats:
        """Return what the scores of a name in some time come to: thumbs down, mean, number, and how many passed.

        Args:
            name: Of the scores.
            since_ns: From when.
            until_ns: Until when; now when None.
            q: A filter: only the scores of the sessions that it finds.

        Raises:
            FilterError: The filter cannot be read.
            StoreError: The store cannot be read.
        """
        until = time.time_ns() + 1 if until_ns is None else until_ns
        return score_stats.score_stats(self._ready(), name, since_ns, until, q)

    def agreement(self, name: str, queue: str | None = None, q: str | None = None) -> Agreement:
        """Return how far people agree in the scores of a name: means, and kappa of what several of them judged.

        Args:
            name: Of the scores.
            queue: Only what is in this queue.
            q: Only the sessions that this filter finds.
        """
        return score_stats.agreement_of(self._ready(), name, queue, q)

    def queues(self) -> tuple[Queue, ...]:
        """Return the annotation queues by name."""
        return queues.queues(self._ready())

    def queue(self, name: str) -> Queue | None:
        """Return an annotation queue, None where there is none of this name."""
        return queues.queue(self._ready(), name)

    def put_queue(self, queue: Queue) -> None:
        """Make an annotation queue, or change what it asks for.

        Raises:
            BadRequest: There are too many.
            StoreError: The store cannot be written now.
        """
        queues.put(self._ready(), queue)

    def drop_queue(self, name: str) -> None:
        """Delete a queue with its items; the scores that were given stay."""
        queues.drop(self._ready(), name)

    def fill_queue(
        self, name: str, q: str | None = None, *, turns: str = "all", sample: float = 1.0, most: int = 1000
    ) -> int:
        """Add to a queue what a filter finds, the sessions that were active last first; return how many were new.

        Args:
            name: Of the queue.
            q: A filter, as for `sessions`.
            turns: Of a queue of turns, which: `all`, `first`, `last`, `errors` or `corrected`.
            sample: Share of what is found, chosen by id: the same at every time.
            most: Items to add at most.

        Raises:
            FilterError: The filter cannot be read.
            BadRequest: There is no such queue, or something else cannot be used.
            StoreError: The store cannot be written now.
        """
        return queues.fill(self._ready(), name, q, turns, sample, most, time.time_ns())

    def add_to_queue(
        self, name: str, session_id: str, trace_id: str | None = None, assignee: str | None = None
    ) -> bool:
        """Add one session or turn to a queue by hand; return False where it is there already.

        Raises:
            BadRequest: There is no such queue or session, or the queue is of the other kind.
            StoreError: The store cannot be written now.
        """
        return queues.add(self._ready(), name, session_id, trace_id, assignee, time.time_ns())

    def tasks(self, name: str, only: Collection[str] | None = None, is_light: bool = False) -> tuple[Task, ...]:
        """Return the items of a queue in their order, each with who was through with it.

        Args:
            name: Of the queue.
            only: Ids of the items that are wanted; all when None.
            is_light: Leave out what sessions tell: their ids, and titles.
        """
        return queues.tasks(self._ready(), name, only, is_light)

    def review(self, name: str, task_id: str, author: str, state: str, took_ns: int | None = None) -> None:
        """Note that somebody was through with an item of a queue.

        Args:
            name: Of the queue.
            task_id: Of the item.
            author: Who.
            state: `done` or `skipped`.
            took_ns: How long it took.

        Raises:
            BadRequest: There is no such item.
            StoreError: The store cannot be written now.
        """
        queues.review(self._ready(), name, task_id, author, state, time.time_ns(), took_ns)

    def assign(self, name: str, task_id: str, assignee: str | None) -> None:
        """Ask one person alone for an item of a queue; None asks everybody again."""
        queues.assign(self._ready(), name, task_id, assignee)

    def datasets(self) -> tuple[Dataset, ...]:
        """Return the datasets by name."""
        return datasets.datasets(self._ready())

    def dataset(self, name: str) -> Dataset | None:
        """Return a dataset, None where there is none of this name."""
        return datasets.dataset(self._ready(), name)

    def items(self, name: str, version: int | None = None) -> Iterator[Item]:
        """Yield the items of a version of a dataset, of the working copy where it is None.

        Raises:
            BadRequest: There is no such dataset or version.
            StoreError: The store cannot be read.
        """
        return datasets.items(self._ready(), name, version)

    def export_dataset(self, name: str, format: str = "jsonl", version: int | None = None) -> Iterator[bytes]:
        """Return the items of a dataset as the parts of a file.

        Args:
            name: Of the dataset.
            format: `jsonl` (all of each item), `openai` (messages to fine-tune with, the last one the correction where
                there is one), `csv`, or `huggingface` (a ZIP of a folder that `datasets` loads).
            version: Which; the working copy where None.

        Raises:
            BadRequest: There is no such dataset, version or format.
            StoreError: The store cannot be read.
        """
        return datasets.export(self._ready(), name, format, version)

    def put_dataset(self, name: str, about: str = "") -> None:
        """Make a dataset, or change the line about it.

        Raises:
            BadRequest: The name cannot be used, or there are too many.
            StoreError: The store cannot be written now.
        """
        datasets.make(self._ready(), name, about, time.time_ns())

    def drop_dataset(self, name: str) -> None:
        """Delete a dataset with all its versions."""
        datasets.drop(self._ready(), name)

    def fill_dataset(
        self, name: str, q: str | None = None, *, on: str = "turn", turns: str = "all", most: int = 10_000,
        queue: str | None = None,
    ) -> int:  # fmt: skip
        """Copy sessions or turns into the working copy of a dataset; return how many.

        What is there already is brought up to date: with a correction that was written meanwhile, for one.

        Args:
            name: Of the dataset.
            q: A filter, as for `sessions`.
            on: `turn` or `session`.
            turns: Which turns: `all`, `first`, `last`, `errors` or `corrected`.
            most: Items to copy at most.
            queue: Take what was judged in this queue instead.

        Raises:
            FilterError: The filter cannot be read.
            BadRequest: There is no such dataset, or something else cannot be used.
            StoreError: The store cannot be written now.
        """
        if queue is not None:
            return datasets.fill_from_queue(self._ready(), name, queue, time.time_ns())
        return datasets.fill(self._ready(), name, q, on, turns, most, time.time_ns())

    def add_to_dataset(self, name: str, session_id: str, trace_id: str | None = None) -> bool:
        """Copy one session or turn into the working copy of a dataset; return False where nothing was said in it."""
        return datasets.add(self._ready(), name, session_id, trace_id, time.time_ns())

    def remove_from_dataset(self, name: str, item_id: str) -> bool:
        """Take an item out of the working copy; versions keep it."""
        return datasets.remove(self._ready(), name, item_id)

    def expect(self, name: str, item_id: str, expected: str | None, author: str | None = None) -> None:
        """Write down what the answer of an item should have been; versions keep what they had."""
        datasets.expect(self._ready(), name, item_id, expected, author, time.time_ns())

    def commit_dataset(self, name: str, note: str = "") -> Version:
        """Make a version of the working copy as it stands; nothing changes it any more.

        Raises:
            BadRequest: There is no such dataset, or nothing has changed since its last version.
            StoreError: The store cannot be written now.
        """
        return datasets.commit(self._ready(), name, note, time.time_ns())
