"""From a store URL to a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from convotrace.errors import StoreError

MEMORY = "memory:"
_SQLITE = "sqlite:///"


def is_named(url: str) -> bool:
    """Tell whether a URL names a file, or memory."""
    return url == MEMORY or (url.startswith(_SQLITE) and len(url) > len(_SQLITE))


def file_of(url: str) -> Path | None:
    """Return the absolute path that a URL names, None for a store in memory."""
    return None if url == MEMORY else Path(os.path.abspath(url[len(_SQLITE) :]))


def make_ready(path: Path, create: bool) -> None:
    """Make the folder and the file where they are missing, closed to everybody else.

    Raises:
        StoreError: There is no file and none may be made, or it cannot be made.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; name a file in it, such as sqlite:///{path}/sessions.db.")
    if path.exists():
        return
    if not create:
        raise StoreError(f"There is no store at {path}; name the one your app writes, by its URL or CONVOTRACE_STORE.")
    try:
        _make_folder(path.parent)
        # SQLite gives its -wal and -shm files the mode of the database.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror}); name a place that can be written.") from error


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from another one put in its place, None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def size(path: Path) -> int:
    """Return the bytes of a database and of what is written ahead of it."""
    return _bytes(path) + wal_size(path)


def wal_size(path: Path) -> int:
    """Return the bytes of the log that is written ahead of a database."""
    return _bytes(Path(f"{path}-wal"))


def _bytes(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    # Only in a folder of our own making: conversations must not slip into the app's repository.
    (folder / ".gitignore").write_text("*\n")
