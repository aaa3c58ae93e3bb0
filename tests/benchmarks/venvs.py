"""The venvs in which peers are measured, each in one of its own under `.peers/`; made again when its list changes.

convotrace, the bare app and the floor run in one that holds what `pip install "convotrace[fast]"` brings, beside the
frameworks and servers: what a developer's venv has beside it, such as psycopg, Peewee would load as well.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FRAMEWORKS = ("starlette", "flask")


def _own() -> tuple[str, ...]:
    """Return what convotrace needs, with the extra `fast`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return (*project["dependencies"], *project["optional-dependencies"]["fast"])


# The SDK and the instrumentations name each other exactly: one release of both.
PACKAGES = {
    "own": (*_own(), "uvicorn", "gunicorn", *_FRAMEWORKS),
    "otel": (
        "opentelemetry-sdk==1.45.1", "opentelemetry-exporter-otlp-proto-http==1.45.1",
        "opentelemetry-instrumentation-asgi==0.66b1", "opentelemetry-instrumentation-wsgi==0.66b1",
        "uvicorn", "gunicorn", *_FRAMEWORKS,
    ),
    "maxim": ("maxim-py>=3.14.20", *_FRAMEWORKS),
    "langfuse": ("langfuse>=5.0.4", *_FRAMEWORKS),
}  # fmt: skip


def python(name: str) -> str:
    """Return the interpreter of a venv, made when it is not there; that which runs this for the name "".

    Raises:
        subprocess.CalledProcessError: Its packages cannot be installed.
    """
    if not name:
        return sys.executable
    mark = _folder(name) / "made-of"
    wanted = hashlib.sha256(repr((PACKAGES[name], sys.version)).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        fresh(name, PACKAGES[name])
        mark.write_text(wanted)
    return str(_folder(name) / "bin" / "python")


def fresh(name: str, packages: Sequence[str]) -> str:
    """Make a venv anew with some packages; return its interpreter.

    Raises:
        subprocess.CalledProcessError: They cannot be installed.
    """
    folder = _folder(name)
    print(f"making {folder.relative_to(ROOT)}: {', '.join(packages)}", file=sys.stderr, flush=True)
    venv.create(folder, clear=True, with_pip=True)
    found = str(folder / "bin" / "python")
    subprocess.run([found, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages], check=True)
    return found


def _folder(name: str) -> Path:
    return ROOT / ".peers" / f"bench-{name}"
