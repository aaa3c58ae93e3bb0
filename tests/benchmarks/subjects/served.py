"""The app of one subject for a real server: `uvicorn tests.benchmarks.subjects.served:app`, gunicorn likewise.

What it is stands in the environment: `BENCH_VARIANT`, `BENCH_DOOR`, `BENCH_FOLDER`, `BENCH_SINK`.
"""

import os

from tests.benchmarks.subjects import Place, make
from tests.benchmarks.subjects.apps import APPS

_place = Place(os.environ["BENCH_DOOR"], os.environ["BENCH_FOLDER"], os.environ["BENCH_SINK"])
app = APPS[_place.door](make(os.environ["BENCH_VARIANT"], _place))
