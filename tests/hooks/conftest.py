"""An open trace that is current, hooks that leave nothing behind, and programs run bare and wrapped."""

import logging
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import structlog

from convotrace.capture.current import current_node
from convotrace.hooks import turns
from convotrace.recorder import OpenTrace

ROOT = Path(__file__).parents[2]
WRAP = """
import sys
from convotrace import hooks
from convotrace.capture.current import current_node
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings
trace = OpenTrace(None, 0)
def begin():
    hooks.install(Settings.of({}, environ={}))
    current_node.set(trace)
def lines():
    # What was noted, for the test to see that there was something to see.
    return len(trace.events) + len(trace.spans)
"""
BARE = """
def begin():
    pass
def lines():
    return 0
"""


@pytest.fixture
def trace():
    trace = OpenTrace(None, 0)
    token = current_node.set(trace)
    yield trace
    current_node.reset(token)


@pytest.fixture(autouse=True)
def untouched():
    """Put back what hooks change in the process: the record factory and structlog's configuration."""
    factory, wanted = logging.getLogRecordFactory(), dict(turns.wanted)
    _reset_structlog()  # tests of other rooms leave our processor in its defaults
    yield
    logging.setLogRecordFactory(factory)
    turns.wanted.update(wanted)
    _reset_structlog()


def _reset_structlog():
    structlog.reset_defaults()
    defaults = structlog.get_config()["processors"]
    defaults[:] = [processor for processor in defaults if not getattr(processor, "captures_lines", False)]


@pytest.fixture
def outputs(tmp_path):
    """Run a program bare and wrapped; return (stdout, stderr) of both, and how many lines the wrapped one noted."""

    def run(program):
        found = []
        after = "\nopen('noted', 'w').write(str(lines()))\n"
        (tmp_path / "program.py").write_text("from prelude import begin, lines\n" + textwrap.dedent(program) + after)
        for prelude in (BARE, WRAP):
            (tmp_path / "prelude.py").write_text(prelude)
            env = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
            run = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, timeout=60)
            found.append(tuple(_timeless(stream) for stream in (run.stdout, run.stderr)))
        return *found, int((tmp_path / "noted").read_text())

    return run


def _timeless(stream):
    stream = re.sub(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*Z?", b"<time>", stream)
    return re.sub(rb"0x[0-9a-f]+", b"0x<address>", stream)
