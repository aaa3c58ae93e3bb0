"""An open trace that is current for the test, as a door makes it, and what it becomes when it is written."""

import pytest

from convotrace.capture.current import _held, current_node
from convotrace.identity import Identity
from convotrace.recorder import Assembler, OpenTrace
from convotrace.settings import Settings


@pytest.fixture
def trace():
    trace = OpenTrace(None, 0)
    trace.found = Identity("s1", "code")
    token = current_node.set(trace)
    yield trace
    current_node.reset(token)
    assert not _held


@pytest.fixture
def written(trace):
    """Return the change that the trace becomes."""
    return lambda: Assembler(Settings.of({}, environ={}), b"secret").assemble(trace)[1]
