"""What ships: the wheel alone, in a fresh environment, runs the README's snippets word for word, and the demo."""

import http.client
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"`main\.py`:\n\n```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bin(wheel, tmp_path_factory):
    """The commands of a fresh environment that has the wheel and nothing of the repository."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, wheel], check=True)
    return folder / "bin"


def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {
        "convotrace", "convotrace_fastapi", "convotrace_flask", "convotrace_starlette",
    }  # fmt: skip


def test_the_demo_runs_on_the_core_dependencies_alone(bin, tmp_path):
    done = subprocess.run(
        [bin / "convotrace", "demo", "--once", "--fast"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(re.findall(r"^(\w+) +(\d+ +\d+)$", done.stdout, re.MULTILINE))
    posted, stored = rows["sessions"].split()
    assert posted == stored and int(posted) >= 12


def test_a_porch_without_its_framework_says_what_to_install(bin, tmp_path):
    done = subprocess.run(
        [bin / "python", "-c", "import sys; sys.modules['flask'] = None; import convotrace_flask"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert 'convotrace_flask needs Flask: pip install "convotrace[flask]"' in done.stderr


@pytest.mark.parametrize(("snippet", "extra", "server"), [(0, "fastapi", "uvicorn"), (1, "flask", "flask")])
def test_the_readmes_snippet_works_word_for_word(bin, wheel, tmp_path, free_port, listening, snippet, extra, server):
    install = [bin / "python", "-m", "pip", "install", "-q", f"convotrace[{extra}] @ {wheel.as_uri()}"]
    subprocess.run([*install, *(["uvicorn"] if server == "uvicorn" else [])], check=True)
    (tmp_path / "main.py").write_text(SNIPPETS[snippet])
    port = str(free_port())
    command = {
        "uvicorn": [bin / "uvicorn", "main:app", "--port", port, "--log-level", "warning"],
        "flask": [bin / "flask", "--app", "main", "run", "--port", port],
    }[server]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            listening(int(port), process)
            body = json.dumps({"session_id": "s1", "message": "hello"})
            assert json.loads(_ask(port, "POST", "/chat", body)) == {"reply": "You said: hello"}
            link = [bin / "convotrace", "link", f"http://localhost:{port}"]
            url = subprocess.run(link, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
            token = url.partition("token=")[2]
            page = _ask(port, "GET", "/_sessions/s/s1", headers={"Authorization": f"Bearer {token}"})
            assert "You said: hello" in page
        finally:
            process.terminate()


def _ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
    connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer
