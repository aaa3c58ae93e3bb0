"""Files of conversations → the requests that post them, and what a store must hold afterwards.

Two formats, one JSON object a line with `id` and `turns`: recorded ones, whose turns have `steps` and `assistant` and
are re-enacted, and plain ones, whose turns have only `user` (and `thumbs`) and are really answered.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

OVERSIZED = 200_000
"""Requests near what a middleware captures by default name their session in the path and their texts by verbs."""
_ABOUT = ("source", "domain", "language")


class UnreadableFile(ValueError):
    """A file that is not in one of the two formats."""


@dataclass(frozen=True)
class Post:
    """One request: where to, its body, the status it must get, and what it adds to the store."""

    path: str
    body: bytes
    status: int = 200
    adds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Recording:
    """One conversation as the requests that post it, in order."""

    id: str
    posts: tuple[Post, ...]


def read(paths: Iterable[Path], via: str = "verbs", limit: int | None = None, suffix: str = "") -> list[Recording]:
    """Read files of conversations.

    Args:
        paths: JSON Lines files.
        via: How recorded steps are re-enacted, `"verbs"` or `"logs"`.
        limit: At most so many conversations of each file.
        suffix: Put behind every id, so that a second run makes new sessions.

    Raises:
        UnreadableFile: A line is no conversation.
    """
    return [_checked(data, via, suffix) for path in paths for data in _conversations(path, limit)]


def _conversations(path: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if limit is not None and number > limit:
                return
            if line.strip():
                yield _conversation(line, f"{path.name}, line {number}")


def _conversation(line: str, place: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise UnreadableFile(f"{place} is no JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not isinstance(data.get("turns"), list):
        raise UnreadableFile(f'{place} is no conversation: it needs a text "id" and a list "turns"')
    return data


def _checked(data: dict[str, Any], via: str, suffix: str) -> Recording:
    try:
        return _recording(data, via, suffix)
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile(f"conversation {data['id']} has a turn that is not in the format: {error!r}") from None


def _recording(data: dict[str, Any], via: str, suffix: str) -> Recording:
    posts: list[Post] = []
    for index, turn in enumerate(data["turns"]):
        posts += [_replayed(data, index, via, suffix)] if "steps" in turn else _chatted(data, turn, suffix)
    return Recording(data["id"] + suffix, tuple(posts))


def _chatted(data: Mapping[str, Any], turn: Mapping[str, Any], suffix: str) -> list[Post]:
    session_id = data["id"] + suffix
    body = {"session_id": session_id, "message": turn["user"], "user_id": data.get("user_id")}
    posts = [_post("/chat", body, turn.get("status", 200), ["turns"])]
    if "thumbs" in turn:
        posts.append(_post("/rate", {"session_id": session_id, "value": turn["thumbs"] == "up"}, adds=["scores"]))
    return posts


def _replayed(data: Mapping[str, Any], index: int, via: str, suffix: str) -> Post:
    turn, session_id = data["turns"][index], data["id"] + suffix
    body = {"session_id": session_id, "message": turn["user"], "user_id": data.get("user_id"), "via": via}
    body["script"] = script = _script(data, index)
    adds = Counter(["turns", *(step["kind"] for step in script["steps"])])
    adds["errors"] += sum(step.get("error") is not None for step in script["steps"])
    adds["scores"] += len(script["feedback"]) + len((script["outcome"] or {}).get("scores") or ())
    post = _post("/replay", body, adds=adds)
    if len(post.body) < OVERSIZED:
        return post
    script["oversized"] = True
    return _post(f"/replay?session_id={quote(session_id, safe='')}", body, adds=adds)


def _script(data: Mapping[str, Any], index: int) -> dict[str, Any]:
    turn, last = data["turns"][index], len(data["turns"]) - 1
    first = index == 0
    return {
        "index": index,
        "steps": [_slim(step) for step in turn["steps"]],
        "assistant": turn["assistant"],
        "feedback": turn.get("feedback") or [],
        "system": data.get("system") if first else None,
        "about": {name: data[name] for name in _ABOUT if name in data} if first else None,
        "outcome": data.get("outcome") if index == last else None,
    }


def _slim(step: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the provider's raw answer of a step, but for the cached tokens that only it counts."""
    raw = step.get("raw")
    usage = raw.get("usage") if isinstance(raw, Mapping) else None
    details = {name: value for name, value in (usage or {}).items() if name.endswith("_details")}
    slim = {name: value for name, value in step.items() if name != "raw"}
    if details and step.get("usage"):
        slim["usage"] = {**details, **step["usage"]}
    return slim


def _post(path: str, body: Mapping[str, Any], status: int = 200, adds: Iterable[str] = ()) -> Post:
    # A lone surrogate has no UTF-8 form, only JSON's own escape.
    text = json.dumps(body, ensure_ascii=False)
    raw = text.encode() if text.isascii() or _encodes(text) else json.dumps(body).encode()
    return Post(path, raw, status, adds if isinstance(adds, Counter) else Counter(adds))


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False
