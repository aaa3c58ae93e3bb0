"""Run the tests of this folder in venvs of their own: `python -m tests.peers [pytest arguments]`.

The venvs stand in `.peers/` and are made again when what they hold changes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENVS = {"api": HERE, "sdk": HERE, "phoenix": HERE / "test_phoenix.py", "described": HERE / "test_described.py"}
"""Each with the tests that run in it."""
NEEDED = ("pytest>=8", "pytest-randomly>=3.15", "hypothesis>=6.100", "httpx>=0.27", "httpx2>=2")


def ready(name: str) -> Path:
    """Return the interpreter of a venv that holds a list of packages and this project."""
    folder = ROOT / ".peers" / name
    python, mark = folder / "bin" / "python", folder / "made-of"
    lists = "".join((HERE / f"{part}.txt").read_text() for part in VENVS)
    wanted = hashlib.sha256(f"{lists}{NEEDED}{(ROOT / 'pyproject.toml').read_text()}".encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        project = ["-e", f"{ROOT}[fastapi,starlette,flask]"]
        subprocess.run([*pip, *project, *NEEDED, "-r", str(HERE / f"{name}.txt")], check=True)
        mark.write_text(wanted)
    return python


def main() -> int:
    """Run pytest in each venv; return the first code that is not 0."""
    codes = []
    for name, tests in VENVS.items():
        print(f"tests/peers in .peers/{name}", flush=True)
        command = [str(ready(name)), "-m", "pytest", "-m", "peers", str(tests), *sys.argv[1:]]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}"}
        codes.append(subprocess.run(command, cwd=ROOT, env=env, check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
