"""The house keeps its floors: imports go down, rooms have no circles, third-party packages stay in their rooms."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "base": 1,  # model, quick, errors, options, settings
    "propagation": 1,  # header texts; it imports nothing, and identity reads baggage by it
    "query": 2, "dialects": 2, "pricing": 2, "identity": 2, "redaction": 2,
    "exchange": 3, "insight": 3, "export": 3,
    "store": 4,
    "recorder": 5, "intake": 5,
    "capture": 6, "page": 6,
    "hooks": 7, "jobs": 7,
    "observer": 8,
    "asgi": 9, "wsgi": 9,
    "face": 10,
    "convotrace_fastapi": 11, "convotrace_flask": 11, "convotrace_starlette": 11, "testing": 11,
    "demo": 12,
    "cli": 13,
}  # fmt: skip
IN_BASE = {"__main__": "cli"} | dict.fromkeys(
    ("later", "model", "quick", "errors", "formats", "options", "settings"), "base"
)
GUESTS = {
    # Which rooms may import a package that is not of the standard library; "*" is any.
    "orjson": {"*"}, "pandas": {"store"},
    "peewee": {"store"}, "isal": {"store"}, "playhouse": {"store"}, "psycopg": {"store"},
    "jinja2": {"page"}, "markdown_it": {"page"}, "markupsafe": {"page"}, "nh3": {"page"},
    "structlog": {"hooks", "demo"}, "opentelemetry": {"hooks", "intake", "export"},
    "flask": {"convotrace_flask"}, "fastapi": {"convotrace_fastapi"}, "starlette": {"convotrace_starlette"},
    "click": {"cli", "demo"}, "rich": {"cli"}, "uvicorn": {"cli", "demo"},
    "pytest": {"testing"},
}  # fmt: skip


def modules(root):
    """Return every module of a tree by its dotted name."""
    found = {}
    for base in (root, root / "integrations"):
        for path in base.glob("convotrace*/**/*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module):
    """Return the room of a module of ours."""
    package, _, inside = module.partition(".")
    if package != "convotrace":
        return package
    name = inside.partition(".")[0]
    return IN_BASE.get(name, name) or "face"


def imports(path, module, known):
    """Yield every module named by an import, wherever in the file it stands, `TYPE_CHECKING` or not."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(filter(None, [above, node.module]))
            yield from (name if (name := f"{origin}.{alias.name}") in known else origin for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func) and node.args:
            yield from _named(node.args[0])


def _named(argument):
    # `import_module("…")` and `__import__("…")`; what is looked up by name in a table is held by its strings.
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def faults(root):
    """Return a sentence for each import that the house forbids."""
    known = modules(root)
    found, inside = [], {}
    for module, path in known.items():
        room = room_of(module)
        if room not in FLOORS:
            found.append(f"{module} is in no room of the house")
            continue
        for target in set(imports(path, module, known)):
            top = target.partition(".")[0]
            if top == "convotrace" or f"{top}" in known:
                found += _own_fault(module, room, target)
                if room_of(target) == room and target != module:
                    inside.setdefault(module, set()).add(target)
            elif top not in sys.stdlib_module_names and not {room, "*"} & GUESTS.get(top, set()):
                found.append(f"{module} imports {target}, which has no place in {room}")
    return found + _circles(inside)


def _own_fault(module, room, target):
    other = room_of(target)
    if other == room or (other in FLOORS and FLOORS[other] < FLOORS[room]):
        return []
    return [f"{module} (floor {FLOORS[room]}) imports {target} (floor {FLOORS.get(other)})"]


def _circles(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"a circle: {' → '.join(error.args[1])}"]
    return []


def test_every_import_goes_to_a_lower_floor_or_stays_in_its_room():
    assert faults(ROOT) == []


def test_the_house_is_not_empty():
    rooms = {room_of(module) for module in modules(ROOT)}
    assert len(modules(ROOT)) > 50 and {"base", "store", "page", "observer", "face", "cli", "convotrace_flask"} <= rooms


PLANTED = {
    # A file, its text, and what is said about it; None where the import is allowed.
    "up": ("convotrace/store/a.py", "import convotrace.page", "imports convotrace.page (floor 6)"),
    "up, named": ("convotrace/store/a.py", "from convotrace.capture import x", "imports convotrace.capture (floor 6)"),
    "up, a submodule": ("convotrace/store/a.py", "from convotrace import wsgi", "imports convotrace.wsgi (floor 9)"),
    "up, relative": ("convotrace/store/a.py", "from ..page import x", "imports convotrace.page (floor 6)"),
    "up, in a function": (
        "convotrace/store/a.py", "def f():\n    import convotrace.observer", "imports convotrace.observer (floor 8)"
    ),
    "up, for types": (
        "convotrace/recorder/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from convotrace.page import x",
        "imports convotrace.page (floor 6)",
    ),
    "up, by string": (
        "convotrace/store/a.py", "import importlib\nimportlib.import_module('convotrace.page')", "(floor 6)"
    ),
    "sideways": ("convotrace/page/a.py", "import convotrace.capture", "imports convotrace.capture (floor 6)"),
    "to the face": ("convotrace/observer/a.py", "import convotrace", "imports convotrace (floor 10)"),
    "to a porch": ("convotrace/store/a.py", "import convotrace_flask", "imports convotrace_flask (floor 11)"),
    "a guest": ("convotrace/page/a.py", "import peewee", "imports peewee, which has no place in page"),
    "a framework": ("convotrace/asgi.py", "from starlette.types import Scope", "has no place in asgi"),
    "a stranger": ("convotrace/store/a.py", "import requests", "imports requests, which has no place in store"),
    "no room": ("convotrace/cellar/a.py", "", "is in no room"),
    "a circle": ("convotrace/store/a.py", "from convotrace.store.b import x", "a circle: "),
    "down": ("convotrace/page/a.py", "from convotrace.store import Store", None),
    "in its room": ("convotrace/page/a.py", "import convotrace.page.b", None),
    "a guest at home": ("convotrace/store/a.py", "import peewee, orjson, json", None),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "sentence"), PLANTED.values(), ids=PLANTED)
def test_a_planted_import_is_found(tmp_path, path, text, sentence):
    for name in (
        "__init__",
        "wsgi",
        "page/__init__",
        "page/b",
        "capture/__init__",
        "store/__init__",
        "observer/__init__",
    ):
        plant(tmp_path / f"convotrace/{name}.py", "")
    plant(tmp_path / "integrations/convotrace_flask/__init__.py", "")
    plant(tmp_path / "convotrace/store/b.py", "import convotrace.store.a")
    plant(tmp_path / path, text)
    found = faults(tmp_path)
    assert found == [] if sentence is None else len(found) == 1 and sentence in found[0]


def plant(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


WATCH = """
import sys, threading
opened = []
def hook(event, args):
    if event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so")) and "__pycache__" not in str(args[0]):
        opened.append(str(args[0]))
    elif event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir"):
        opened.append(event)
sys.addaudithook(hook)
threads = threading.active_count()
import convotrace
heavy = {name.partition(".")[0] for name in sys.modules} & {
    "flask", "werkzeug", "fastapi", "starlette", "django", "peewee", "playhouse", "sqlite3", "jinja2", "markdown_it",
    "nh3",    "click", "rich", "pydantic", "uvicorn", "pytest", "structlog", "opentelemetry",
}
print(sorted(heavy), opened, threading.active_count() - threads)
"""


def test_importing_convotrace_loads_no_framework_starts_no_thread_and_opens_no_file(tmp_path):
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCH],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.stdout, run.stderr) == ("[] [] 0\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("door", ["asgi", "wsgi"])
def test_importing_a_door_loads_none_of_what_only_the_writer_needs(door):
    late = (
        "exchange.chat", "exchange.table", "dialects", "insight", "store", "page", "intake", "hooks.opentelemetry",
        "model.traces", "model.sessions", "model.changes", "model.answers", "model.metrics",
    )  # fmt: skip
    names = ["asyncio", *(f"convotrace.{name}" for name in late)]
    code = f"import sys, convotrace.{door}; print([name for name in {names} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_the_watch_sees_what_it_watches_for(tmp_path):
    """The test above can fail: the same watch over a package that does everything it must not."""
    plant(tmp_path / "convotrace.py", "import sqlite3, threading, time\nopen('note.txt', 'w').close()\n"
          "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n")  # fmt: skip
    run = subprocess.run([sys.executable, "-B", "-c", WATCH], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.stdout == "['sqlite3'] ['note.txt'] 1\n"
