"""Items of a dataset as bytes: JSON Lines, OpenAI's form for fine-tuning, CSV, a folder for Hugging Face `datasets`.

Each format takes the items one by one, so that a dataset of any size needs the memory of one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from convotrace.export.records import dump
from convotrace.export.tables import line_of
from convotrace.model import Json

FORMATS = ("jsonl", "openai", "csv", "huggingface")
"""What a dataset can be written as; the last one is a folder of files."""

COLUMNS = (
    "id", "kind", "session_id", "trace_id", "turn", "input", "output", "expected", "author", "messages", "documents",
    "scores", "metadata",
)  # fmt: skip

_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.jsonl
tags:
- conversational
---

# {name}

{about}

{items:,} items, {version}. Each line of `data/train.jsonl` is one:

| field | what it holds |
|---|---|
| `id` | the same in every version |
| `kind` | `turn` or `session` |
| `session_id`, `trace_id`, `turn` | where it comes from |
| `messages` | what was said, `role` and `content`; the last one is the answer to learn |
| `input` | the last thing the user said |
| `output` | what the app answered |
| `expected` | what it should have answered, null where nobody said |
| `documents` | texts that were retrieved |
| `scores`, `metadata` | as JSON text, since their names differ from item to item |

    from datasets import load_dataset
    data = load_dataset("path/to/this/folder", split="train")
"""


class Item(Protocol):
    """The part of an item that is written."""

    @property
    def messages(self) -> Sequence[Mapping[str, str]]:
        """Return what was said before the answer."""

    @property
    def taught(self) -> Sequence[Mapping[str, str]]:
        """Return the same with the answer to learn; nothing where there is none."""

    def facts(self) -> dict[str, Json]:
        """Return all of it as JSON."""


class Named(Protocol):
    """The part of a dataset that its card tells."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def about(self) -> str:
        """Return a line about it."""


def lines(items: Iterable[Item], format: str) -> Iterator[bytes]:
    """Yield the lines of a file, the header of CSV first.

    Args:
        items: Of a dataset.
        format: `jsonl`, `openai` or `csv`.
    """
    if format == "csv":
        yield line_of(COLUMNS).encode()
    make = _LINES[format]
    for item in items:
        if line := make(item):
            yield line


def files(dataset: Named, version: int | None, items: Iterable[Item]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the files of a folder that `datasets.load_dataset(folder)` reads, each with its path and its parts.

    Args:
        dataset: Which it is.
        version: Of which version; the working copy where None.
        items: Its items, read once.
    """
    count = 0

    def rows() -> Iterator[bytes]:
        nonlocal count
        for item in items:
            count += 1
            yield _row(item)

    # The card tells how many there are, so it comes last.
    yield "data/train.jsonl", rows()
    words = "the working copy" if version is None else f"version {version}"
    text = _CARD.format(name=dataset.name, about=_one_line(dataset.about), items=count, version=words)
    yield "README.md", [text.encode("utf-8", "replace")]


def zipped(members: Iterable[tuple[str, Iterable[bytes]]], folder: str) -> bytes:
    """Return a folder as one ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, parts in members:
            # The same bytes for the same items: no moment of today stands in it.
            info = zipfile.ZipInfo(f"{folder}/{path}")
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as file:
                for part in parts:
                    file.write(part)
    return target.getvalue()


def _whole(item: Item) -> bytes:
    return dump(item.facts()) + b"\n"


def _openai(item: Item) -> bytes:
    """Return a line to fine-tune with; nothing for an item without an answer, which teaches none."""
    return dump({"messages": list(item.taught)}) + b"\n" if item.taught else b""


def _csv(item: Item) -> bytes:
    facts = item.facts()
    return line_of([facts[name] for name in COLUMNS]).encode()


def _row(item: Item) -> bytes:
    """Return a line whose columns have one type in every item, as tables of Arrow ask for."""
    facts = item.facts()
    texts = {name: dump(facts[name]).decode() for name in ("scores", "metadata")}
    return dump({**facts, **texts, "messages": list(item.taught or item.messages)}) + b"\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


_LINES: dict[str, Callable[[Item], bytes]] = {"jsonl": _whole, "openai": _openai, "csv": _csv}
