"""`convotrace alerts`: tries rules on what is stored, lists them, pauses them."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from convotrace.cli.options import Wrong, duration, json_option, opened, progress, say, store_option
from convotrace.cli.words import on_one_line
from convotrace.errors import BadRequest, SettingsError
from convotrace.export.records import iso_seconds

if TYPE_CHECKING:
    from convotrace.insight.rehearsal import Rehearsal

_SHOWN = 20


@click.group()
def alerts() -> None:
    """Try alert rules on what is stored; list and pause them."""


@alerts.command("test")
@click.argument("sources", nargs=-1, required=True)
@click.option("--rule", "names", multiple=True, help="Only the rule of this name; may be given more than once.")
@click.option("--since", default="24h", show_default=True, callback=duration, help="How far back: 6h, 24h, 7d.")
@store_option
@json_option
def test(sources: tuple[str, ...], names: tuple[str, ...], since: int, store_url: str | None, as_json: bool) -> None:
    """Tell what rules would have told of what is stored.

    SOURCES are files (`rules.toml`) and names in modules (`my_app.alerts:RULES`).
    """
    from convotrace.jobs.rehearsal import rehearse

    rules = _chosen(_loaded(sources), names)
    now_ns = time.time_ns()
    with opened(store_url) as (store, _), progress(len(rules), "Rules") as bar:
        try:
            found = []
            for rule in rules:
                found.append(rehearse(store, rule, now_ns - since, now_ns))
                bar.update(1)
        except BadRequest as error:
            raise Wrong(str(error)) from None
    say({"rules": [_facts(one) for one in found]}, "\n".join(line for one in found for line in _lines(one)), as_json)


@alerts.command("list")
@click.argument("sources", nargs=-1)
@store_option
@json_option
def list_(sources: tuple[str, ...], store_url: str | None, as_json: bool) -> None:
    """Print the rules of SOURCES in words, and those that are paused in the store."""
    rules = _loaded(sources) if sources else []
    with opened(store_url) as (store, _):
        paused = store.paused_rules()
    told = {rule.name: rule.words() for rule in rules}
    told |= {name: "paused; in no file that was named" for name in paused if name not in told}
    lines = [
        f"{'paused' if name in paused else 'in force':9} {on_one_line(name, 40)}: {words}"
        for name, words in told.items()
    ]
    facts = [{"name": name, "words": words, "paused": name in paused} for name, words in told.items()]
    say({"rules": facts}, "\n".join(lines) or "No rule is paused; name a file to see its rules.", as_json)


@alerts.command()
@click.argument("rule")
@store_option
@json_option
def pause(rule: str, store_url: str | None, as_json: bool) -> None:
    """Pause a RULE, by its name, in every process on the store."""
    with opened(store_url) as (store, _):
        store.pause_rule(rule)
    say(
        {"rule": rule, "paused": True},
        f"{on_one_line(rule, 60)} is paused; `convotrace alerts resume` lets it go on.",
        as_json,
    )


@alerts.command()
@click.argument("rule")
@store_option
@json_option
def resume(rule: str, store_url: str | None, as_json: bool) -> None:
    """Let a paused RULE go on."""
    with opened(store_url) as (store, _):
        was = rule in store.paused_rules()
        store.resume_rule(rule)
    words = "goes on" if was else "was not paused"
    say({"rule": rule, "paused": False}, f"{on_one_line(rule, 60)} {words}.", as_json)


def _loaded(sources: Sequence[str]) -> list[Any]:
    from convotrace.jobs.rule_files import read

    # As `python -m` does: the app's own modules are found from where the command runs.
    sys.path.insert(0, os.getcwd())
    rules: list[Any] = []
    for source in sources:
        try:
            rules += read(source) if source.endswith(".toml") else _named(source)
        except SettingsError as error:
            raise Wrong(str(error)) from None
    return rules


def _named(source: str) -> Sequence[Any]:
    module, colon, attribute = source.partition(":")
    if not colon:
        raise Wrong(f"{source!r} is no source of rules; name a .toml file, or my_app.alerts:RULES.")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise Wrong(f"{source} cannot be loaded: {type(error).__name__}: {error}.") from None
    rules = list(found) if isinstance(found, (list, tuple)) else [found]
    if not all(hasattr(rule, "words") and hasattr(rule, "name") for rule in rules):
        raise Wrong(f"{source} is no rule; use one made by alert(…) or session_alert(…), or a list of these.")
    return rules


def _chosen(rules: Sequence[Any], names: Sequence[str]) -> list[Any]:
    missing = next((name for name in names if name not in {rule.name for rule in rules}), None)
    if missing is not None:
        raise Wrong(f"There is no rule {missing!r}; there are {', '.join(rule.name for rule in rules)}.")
    return [rule for rule in rules if not names or rule.name in names]


def _facts(one: Rehearsal) -> dict[str, Any]:
    notices = [
        {"at": iso_seconds(notice.at_ns), "kind": notice.kind, "value": notice.value, "threshold": notice.threshold,
         "reason": notice.reason, "sessions": list(notice.sessions)}
        for notice in one.notices
    ]  # fmt: skip
    return {
        "rule": one.rule, "words": one.words, "alerts": one.alerts, "looked": one.looked,
        "every_ms": one.every_ns / 1e6, "is_cut": one.is_cut, "notices": notices,
    }  # fmt: skip


def _lines(one: Rehearsal) -> list[str]:
    looked = (
        f"{one.looked:,} moments, {one.every_ns / 60e9:g} min apart" if one.every_ns else f"{one.looked:,} sessions"
    )
    lines = [
        f"{on_one_line(one.rule, 40)}: {one.words}",
        f"  {one.alerts:,} alert{'' if one.alerts == 1 else 's'} in {looked}",
    ]
    for notice in one.notices[:_SHOWN]:
        who = f"  {on_one_line(notice.sessions[0], 40)}" if notice.sessions else ""
        lines.append(f"  {iso_seconds(notice.at_ns)}  {notice.kind:9}  {on_one_line(notice.reason, 100)}{who}")
    left = len(one.notices) - _SHOWN
    return [*lines, f"  and {left:,} more"] if left > 0 else lines
