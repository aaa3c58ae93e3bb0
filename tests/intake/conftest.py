"""Places to write to; the helper module of this room becomes importable as `convotrace_test_otlp`."""

import importlib.util
import sys
from pathlib import Path

import pytest

from convotrace.store import Store

_spec = importlib.util.spec_from_file_location("convotrace_test_otlp", Path(__file__).with_name("otlp.py"))
_otlp = importlib.util.module_from_spec(_spec)
sys.modules["convotrace_test_otlp"] = _otlp
_spec.loader.exec_module(_otlp)


@pytest.fixture
def memory():
    """Somewhere to write to that does what a store does."""
    return _otlp.Memory()


@pytest.fixture(params=["memory", "store"])
def place(request):
    """Somewhere to write to: a list in memory, then a store."""
    if request.param == "memory":
        yield _otlp.Memory()
        return
    store = Store.open("memory:")
    yield _otlp.InStore(store)
    store.close()
