"""The usual mistakes of setting convotrace up, each found by a look and told with what to type.

What is wrong with the file of a store is found by the store itself; `doctor` prints both.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convotrace.errors import SettingsError

if TYPE_CHECKING:
    from convotrace import ConvoTrace
    from convotrace.model import Session
    from convotrace.settings import Settings
    from convotrace.store import Store

MOUNTS = Path("/proc/mounts")
_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "glusterfs", "ceph", "lustre", "afs",
            "vboxsf", "prl_fs", "drvfs", "fuse.rclone")  # fmt: skip
_LOOKED_AT, _FEW = 200, 20
_AHEAD_NS = 5 * 60 * 10**9
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Circumstances:
    """What there is to look at."""

    settings: Settings
    store: Store
    now_ns: int
    app: Any = None
    observers: Sequence[ConvoTrace] = ()

    @property
    def in_force(self) -> list[Settings]:
        """The options of the app's own objects, else those of the environment."""
        return [one.settings for one in self.observers] or [self.settings]


@dataclass(frozen=True)
class Finding:
    """One thing that was found; a hint may be meant so."""

    sentence: str
    is_hint: bool = False


def find(it: Circumstances) -> list[Finding]:
    """Return every mistake that shows."""
    sessions = list(it.store.sessions(limit=_LOOKED_AT))
    found = [one for look in _LOOKS for one in look(it)]
    return found + [one for look in _OF_SESSIONS for one in look(it, sessions)]


def order(it: Circumstances) -> Iterator[Finding]:
    """Find middlewares around ours: what they answer themselves is not seen."""
    layers = _layers(it.app)
    names = [type_name for type_name, _ in layers]
    own = next((n for n, (_, is_ours) in enumerate(layers) if is_ours), None)
    if it.app is not None and own is None:
        yield Finding("The app has no ConvoTrace among its middlewares; add it: ConvoTrace(app).")
    elif own:
        outside = ", ".join(names[:own])
        yield Finding(
            f"ConvoTrace stands inside {outside}: what that answers or refuses by itself is not recorded. "
            "Call ConvoTrace(app) after the other add_middleware(…): the last one is the outermost.", is_hint=True
        )  # fmt: skip


def exposed(it: Circumstances) -> Iterator[Finding]:
    """Find a page that strangers may read."""
    for one in it.observers:
        if one.enabled and _is_open(one):
            cure = "let auth= return False for whom you do not know." if one.settings.auth else "unset dev."
            yield Finding(f"Anybody can read the page at {one.settings.mount}, without a token: {cure}")
    for settings in it.in_force:
        if settings.dev and (settings.environment or "").lower().startswith("prod"):
            yield Finding("dev is on in production, so the page needs no token on this machine; unset CONVOTRACE_DEV.")
        if settings.token is not None and len(settings.token) < _SHORTEST_TOKEN:
            yield Finding(
                f"The page's token has {len(settings.token)} characters and can be guessed; leave it out, and one is "
                'made, or use: python -c "import secrets; print(secrets.token_urlsafe(24))"'
            )


def network_disk(it: Circumstances) -> Iterator[Finding]:
    """Find a file whose log cannot be shared, since its disk is that of another machine."""
    path = _file_of(it.store.url)
    kind = None if path is None else _kind_of_disk(path)
    if kind is not None and kind.startswith(_NETWORK):
        yield Finding(
            f"The store lies on a network disk ({kind}), where SQLite's log (WAL) damages files; name a place on a "
            "local disk, such as --store sqlite:////var/lib/app/sessions.db, or use PostgreSQL (docs/growing.md)."
        )


def sampling(it: Circumstances) -> Iterator[Finding]:
    """Find that most or all is left out."""
    for settings in it.in_force:
        if not settings.enabled and (it.observers or "CONVOTRACE_ENABLED" in os.environ):
            yield Finding("enabled is off: nothing is recorded; unset CONVOTRACE_ENABLED, or enabled=False.")
        elif settings.sample == 0:
            yield Finding("sample is 0: no session is kept but those with errors and scores; set CONVOTRACE_SAMPLE=1.")
        elif settings.sample < 1:
            yield Finding(
                f"sample is {settings.sample:g}: so much of the sessions is kept, the others cannot be found; "
                "CONVOTRACE_SAMPLE=1 keeps all.", is_hint=True
            )  # fmt: skip


def extras(it: Circumstances) -> Iterator[Finding]:
    """Find options whose packages are missing."""
    from convotrace.hooks import instrument

    for settings in it.in_force:
        if settings.otlp_receiver and not _is_there("opentelemetry.proto"):
            yield Finding('otlp_receiver reads JSON alone, most senders use protobuf: pip install "convotrace[otlp]"')
        if packages := instrument.missing(settings):
            yield Finding(f"Calls of clients that are installed become no spans: pip install {' '.join(packages)}")
        try:
            instrument.check(settings)
        except SettingsError as error:
            yield Finding(str(error))


def not_captured(it: Circumstances, sessions: Sequence[Session]) -> Iterator[Finding]:
    """Find conversations without words."""
    for settings in it.in_force:
        for name in ("content", "capture_bodies"):
            if not getattr(settings, name):
                yield Finding(f"{name} is off: unset CONVOTRACE_{name.upper()} to keep it.", is_hint=True)
    held = [one for one in sessions if one.turns]
    wordless = [one for one in held if not one.first_input and not one.last_output]
    if len(wordless) >= 5 and 2 * len(wordless) > len(held):
        yield Finding(
            f"No words were recognised in {len(wordless)} of the newest {len(held)} sessions: say where they are, "
            "ConvoTrace(app, input_text=…, output_text=…), or convotrace.set_input(text) and set_output(text)."
        )


def swallowing(it: Circumstances, sessions: Sequence[Session]) -> Iterator[Finding]:
    """Find an id that many share, and turns that have none."""
    shared = [one for one in sessions if any(w.code == "one_id_many_clients" for w in one.warnings)]
    if shared:
        first = shared[0]
        where = f"{first.id_source} {first.id_name}" if first.id_name else first.id_source
        yield Finding(
            f"One id swallows unrelated clients: {first.id[:60]!r} (from {where}) has {first.turns:,} turns, "
            f"{len(shared)} such of {len(sessions)}. Send an id for each conversation, such as the header "
            "X-Session-ID, or name your rule: ConvoTrace(app, session_id=…)."
        )
    alone = [one for one in sessions if one.id_source == "none"]
    if len(alone) >= _FEW and 2 * len(alone) > len(sessions):
        yield Finding(
            f"{len(alone)} of the newest {len(sessions)} sessions are single turns without an id: send one with each "
            "request of a conversation, such as the header X-Session-ID or a field session_id."
        )


def clock(it: Circumstances, sessions: Sequence[Session]) -> Iterator[Finding]:
    """Find what happened in the future."""
    ahead = max((one.last_ns for one in sessions), default=0) - it.now_ns
    ahead = max([ahead, *(worker.seen_ns - it.now_ns for worker in it.store.workers())])
    if ahead > _AHEAD_NS:
        yield Finding(
            f"What is stored is {ahead / 60e9:,.0f} minutes ahead of this machine's clock ({_utc(it.now_ns)}): one of "
            "the two is wrong. Set it by time servers: timedatectl set-ntp true"
        )


_LOOKS: tuple[Callable[[Circumstances], Iterator[Finding]], ...] = (order, exposed, network_disk, sampling, extras)
_OF_SESSIONS: tuple[Callable[[Circumstances, Sequence[Session]], Iterator[Finding]], ...] = (
    not_captured, swallowing, clock,
)  # fmt: skip


def _layers(app: Any) -> list[tuple[str, bool]]:
    """Return the middlewares of an app from the outside, each with whether it is ours."""
    if (added := getattr(app, "user_middleware", None)) is not None:
        return [(one.cls.__name__, one.cls.__module__.startswith("convotrace")) for one in added]
    found: list[tuple[str, bool]] = []
    layer = getattr(app, "wsgi_app", None)
    while layer is not None and len(found) < 50:
        kind = type(getattr(layer, "__self__", layer))
        is_ours = kind.__module__.startswith("convotrace") or getattr(layer, "__module__", "").startswith("convotrace")
        found.append((kind.__name__, is_ours))
        layer = None if is_ours else next((getattr(layer, n) for n in ("wsgi_app", "app") if hasattr(layer, n)), None)
    return found


def _is_open(one: ConvoTrace) -> bool:
    from convotrace.page import PageRequest

    stranger = PageRequest(path="/", headers={"host": "app.example"}, peer="203.0.113.9", dev=one.settings.dev)
    return one.page(stranger).status == 200


def _file_of(url: str) -> Path | None:
    from convotrace.store.sqlite.location import file_of, is_named

    return file_of(url) if is_named(url) else None


def _kind_of_disk(path: Path) -> str | None:
    """Return the file system that a path is on, None where this machine does not say."""
    try:
        lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return None
    place = str(path.resolve())
    fits = [
        (len(where), kind)
        for _, where, kind, *_ in lines
        if place == where or place.startswith(f"{where.rstrip('/')}/")
    ]
    return max(fits)[1] if fits else None


def _is_there(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _utc(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ns / 1e9))
