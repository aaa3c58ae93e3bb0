"""Mutation testing of what decides whose words these are and who sees them: `python -m tests.mutants [TARGET]`.

Each small change of a module is tried against its tests in a forked process; one that no test notices is printed. It
takes minutes (`--every N` tries a part of them), so `make test` does not run it.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_GUARD = "tests/page/test_guard.py"
_PAGE = [_GUARD, "tests/page/test_access.py", "tests/page/test_link.py", "tests/page/test_otlp.py"]
TARGETS = {
    # Modules, each with the tests that hold it, the quickest first.
    "identity": [("convotrace.identity", ["tests/identity/test_ids.py", "tests/identity/test_chain.py"])],
    "access": [
        ("convotrace.page.access", _PAGE),
        ("convotrace.page.link", [_GUARD, "tests/page/test_link.py"]),
        ("convotrace.capture.tickets", ["tests/capture/test_tickets.py"]),
        ("convotrace.observer.cookie", ["tests/observer/test_cookie.py"]),
    ],
}
WANTED = 0.9
"""The share of mutants that tests must notice."""
_PATIENCE = 60
"""Seconds of its own time that the tests of a mutant may take; ten times as many on the clock, for one that waits."""
_OTHER: dict[type, type] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in the place of a node, each with what was changed."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
        other = copy.deepcopy(node)
        other.ops[0] = _OTHER[type(node.ops[0])]()
        yield "comparison", other
    elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in _OTHER:
        other = copy.deepcopy(node)
        other.op = _OTHER[type(node.op)]()
        yield "operator", other
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", node.operand
    elif isinstance(node, (ast.If, ast.IfExp)):
        other = copy.deepcopy(node)
        other.test = ast.UnaryOp(ast.Not(), other.test)
        yield "condition", other
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Constant):
        yield from _constants(node)


def _constants(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield "constant", ast.Constant(node.value + 1)
    elif isinstance(node.value, str):
        yield "text", ast.Constant(f"{node.value}~")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield a module with one change each, and the line and kind of the change; texts that are documentation stay."""
    tree = ast.parse(source)
    for path, node in _places(tree):
        for what, other in changes(node):
            made = copy.deepcopy(tree)
            holder, name, number = _holder(made, path)
            if number is None:
                setattr(holder, name, other)
            else:
                getattr(holder, name)[number] = other
            yield f"{node.lineno} {what}: {ast.unparse(node).splitlines()[0][:70]}", ast.fix_missing_locations(made)


Path_ = tuple[tuple[str, int | None], ...]


def _places(node: ast.AST, path: Path_ = ()) -> Iterator[tuple[Path_, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, (ast.JoinedStr, ast.FormattedValue)):
            continue
        for number, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_documentation(child):
                here = (*path, (name, number))
                yield here, child
                yield from _places(child, here)


def _is_documentation(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _holder(tree: ast.AST, path: Path_) -> tuple[ast.AST, str, int | None]:
    for name, number in path[:-1]:
        value = getattr(tree, name)
        tree = value if number is None else value[number]
    return tree, *path[-1]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a tree instead of its file."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(self, name, path=None, target=None):
        """Return where the module comes from, None for any other."""
        return importlib.util.spec_from_loader(name, self, origin=name) if name == self.name else None

    def exec_module(self, module):
        """Fill the module."""
        exec(compile(self.tree, self.name, "exec"), module.__dict__)  # what else is a mutant for


def survives(name: str, tree: ast.Module, tests: list[str]) -> bool:
    """Tell whether all tests pass with a module that was changed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = _tried(name, tree, tests)
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _tried(name: str, tree: ast.Module, tests: list[str]) -> int:
    import pytest

    # By its own time first: on a machine that is busy with others, a mutant that survives must not seem to hang.
    signal.setitimer(signal.ITIMER_PROF, _PATIENCE)
    signal.alarm(10 * _PATIENCE)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.meta_path.insert(0, Finder(name, tree))
    # Before pytest, whose own hook would load it from its file.
    importlib.import_module(name)
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-m", "not browser", *tests]))


def tried(target: str, name: str, tests: list[str], every: int) -> tuple[int, int]:
    """Try the mutants of a module, print those that survive, and return how many were noticed, of how many."""
    source = ROOT.joinpath(*name.split(".")).with_suffix(".py").read_text()
    if not survives(name, ast.parse(source), tests):
        raise SystemExit(f"{name}: its tests fail without any change")
    total = killed = 0
    for what, tree in list(mutants(source))[::every]:
        total += 1
        if survives(name, tree, tests):
            print(f"{target}: {name}:{what}", flush=True)
        else:
            killed += 1
    print(f"{target}: {name}: {killed} of {total}", flush=True)
    return killed, total


def main(arguments: list[str]) -> int:
    """Try all mutants of the targets named, or of all; return 1 where too few are noticed."""
    _load_once()
    every = int(arguments[arguments.index("--every") + 1]) if "--every" in arguments else 1
    code = 0
    for target in [one for one in arguments if one in TARGETS] or TARGETS:
        began = time.monotonic()
        found = [tried(target, name, tests, every) for name, tests in TARGETS[target]]
        killed, total = (sum(numbers) for numbers in zip(*found, strict=True))
        took = time.monotonic() - began
        print(f"{target}: {killed} of {total} mutants noticed, {killed / total:.1%}, in {took:.0f} s", flush=True)
        code = max(code, int(killed / total < WANTED))
    return code


def _load_once() -> None:
    """Load what all children need and nobody changes: each would take longer to load it than to run its tests."""
    for name in ("pytest", "hypothesis.strategies", "jinja2", "markdown_it", "nh3", "orjson", "wsgiref.simple_server"):
        importlib.import_module(name)
    # Neither pytest's plugins of others nor their hooks are wanted: hypothesis and the fixtures do without.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
