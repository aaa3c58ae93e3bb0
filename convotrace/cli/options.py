"""What several commands share: the store option, units in words, how things are printed."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from convotrace.errors import ConvoTraceError
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.store import Store
    from convotrace.store.removal import Removed

_F = TypeVar("_F", bound=Callable[..., Any])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BYTES |= {f"{unit}i": 1 << 10 * power for power, unit in enumerate("kmgt", 1)}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)\s*"


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Return the ns of an option such as 30d or 12h."""
    found = None if value is None else re.fullmatch(_NUMBER + "([smhdw])", value.strip().lower())
    if value is not None and found is None:
        raise click.BadParameter(f"{value!r} is no duration; write it as 30d, 12h, 90m or 2w.")
    return found and int(float(found[1]) * _SECONDS[found[2]] * 10**9)


def size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Return the bytes of an option such as 500MB or 1GiB."""
    found = None if value is None else re.fullmatch(_NUMBER + "([kmgt]i?|)b?", value.strip().lower())
    if value is not None and found is None:
        raise click.BadParameter(f"{value!r} is no size; write it as 500MB, 1GiB or a number of bytes.")
    return found and int(float(found[1]) * _BYTES[found[2]])


def store_option(command: _F) -> _F:
    """Add `--store`."""
    words = "Store URL, such as sqlite:///path/to/file.db.  [default: CONVOTRACE_STORE, else the app's default]"
    return click.option("--store", "store_url", help=words)(command)


def json_option(command: _F) -> _F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


class Wrong(click.ClickException):
    """What the user named is not there or cannot be used: one sentence, exit code 2."""

    exit_code = 2


@contextmanager
def opened(url: str | None) -> Iterator[tuple[Store, Settings]]:
    """Open a store that is there, with the settings of the environment.

    One that cannot be opened ends the command with 2, what goes wrong with it afterwards with 1.
    """
    # The store brings Peewee: `convotrace --help` does without it.
    from convotrace.store import Store

    try:
        settings = Settings.of({"store": url} if url else {})
        store = Store.open(settings.store, create=False)
    except ConvoTraceError as error:
        raise Wrong(str(error)) from None
    try:
        yield store, settings
    except ConvoTraceError as error:
        raise click.ClickException(str(error)) from None
    finally:
        store.close()


def loaded(name: str) -> Any:
    """Return what a name such as `main:app` stands for: an attribute of a module.

    Raises:
        Wrong: It cannot be loaded.
    """
    # As `python -m` does: the app's own modules are found from where the command runs.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise Wrong(f"{name} cannot be loaded: {type(error).__name__}: {error}.") from None


def progress(length: int, label: str) -> Any:
    """Return a progress bar for stderr, a context manager; where that is no terminal, nothing is shown."""
    # With a file that is none, Click prints the label alone.
    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=length, label=label, show_eta=True, show_pos=True, file=file)


def say(facts: Mapping[str, Any], sentence: str, as_json: bool) -> None:
    """Print facts as JSON, or a sentence for people."""
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else sentence)


def amount(removed: Removed) -> str:
    """Return in words how much was deleted."""
    counts = (removed.sessions, removed.traces, removed.spans)
    sessions, traces, spans = map(plural, counts, ("session", "trace", "span"))
    return f"{sessions} with {traces} and {spans}"


def in_bytes(number: float) -> str:
    """Return bytes in words."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


def plural(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
