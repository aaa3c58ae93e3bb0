"""Makes the helper module of this room importable as `convotrace_test_wire`."""

import importlib.util
import sys
from pathlib import Path

# pytest's importlib mode has no folder of the test on the path: the helper module is loaded by its file.
_spec = importlib.util.spec_from_file_location("convotrace_test_wire", Path(__file__).with_name("wire.py"))
_wire = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _wire
_spec.loader.exec_module(_wire)
