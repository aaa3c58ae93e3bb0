"""Run the core tests beside the oldest dependencies that are allowed, and on other interpreters: `make test-versions`.

`python -m tests.versions [pytest arguments]`. Venvs stand in `.versions/`, made again when pyproject.toml changes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = "fastapi,starlette,flask,postgres,cli,otlp,fast"
TOOLS = ("pytest", "pytest-randomly", "hypothesis", "blockbuster", "httpx", "httpx2", "requests", "aiohttp", "uvicorn",
         "websockets", "wsproto", "gevent", "gunicorn", "python-multipart", "playwright")  # fmt: skip
"""What tests need, in the newest releases: how old those may be is no promise to users."""
CORE = "not slow and not data and not servers and not suites and not peers and not postgres and not browser"


def interpreters() -> dict[str, str]:
    """Return every CPython on this machine that is supported, by its version."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    found: dict[str, str] = {}
    for minor in range(11, 15):
        for folder in folders:
            python = Path(folder, f"python3.{minor}")
            if python.exists() and _works(python, minor):
                found.setdefault(f"3.{minor}", str(python))
    return found


def _works(python: Path, minor: int) -> bool:
    asked = subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True)
    return asked.stdout.strip() == str(minor)


def ready(name: str, python: str, lowest: bool) -> Path:
    """Return the interpreter of a venv with this project and the oldest or newest of what it depends on."""
    folder = ROOT / ".versions" / name
    made, mark = folder / "bin" / "python", folder / "made-of"
    wanted = hashlib.sha256(f"{TOOLS}{(ROOT / 'pyproject.toml').read_text()}".encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        subprocess.run([uv(), "venv", "-q", "--clear", "--python", python, str(folder)], check=True)
        install = [uv(), "pip", "install", "-q", "--python", str(made)]
        oldest = ["--resolution", "lowest-direct"] if lowest else []
        subprocess.run([*install, *oldest, "-e", f"{ROOT}[{EXTRAS}]"], check=True)
        subprocess.run([*install, *TOOLS], check=True)
        mark.write_text(wanted)
    return made


def uv() -> str:
    """Return the path of `uv`, in a venv of its own: pip cannot choose the oldest release."""
    folder = ROOT / ".versions" / "uv"
    if not (folder / "bin" / "uv").exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "uv"], check=True)
    return str(folder / "bin" / "uv")


def main() -> int:
    """Run pytest in each; return the first code that is not 0."""
    codes = []
    there = interpreters()
    # The oldest releases know nothing of the newest interpreters: they are tried on the oldest one.
    kinds = [(version, False) for version in there] + [(version, True) for version in list(there)[:1]]
    for version, lowest in kinds:
        name = f"{version}-{'lowest' if lowest else 'newest'}"
        print(f"Python {version}, {'oldest' if lowest else 'newest'} dependencies", flush=True)
        python = ready(name, there[version], lowest)
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}"}
        command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", CORE, *sys.argv[1:]]
        codes.append(subprocess.run(command, cwd=ROOT, env=env, check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
