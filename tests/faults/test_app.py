"""Faults around a running app: a locked file and its event loop, the switch, pools of processes, a damaged file."""

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
import time

import httpx
import pytest
from blockbuster import blockbuster_ctx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import convotrace as ct
import convotrace_starlette
from tests.patience import PATIENCE, Before, until

pytestmark = pytest.mark.sqlite


async def chat(request):
    asked = await request.json()
    with ct.tool("echo", arguments=asked):
        return JSONResponse({"reply": asked["message"]})


def made(url, **options):
    app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])
    return app, convotrace_starlette.ConvoTrace(app, store=url, **options)


def test_nothing_blocks_the_loop_while_the_file_is_locked(tmp_path):
    """T13: no file, lock or SQLite call in the loop's thread, and requests as quick as ever."""
    app, observer = made(f"sqlite:///{tmp_path}/x.db", redact="all", content=lambda request: True)
    lock = None

    async def talk():
        nonlocal lock
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            await client.post("/chat", json={"session_id": "s", "message": "first"})
            await asyncio.to_thread(observer.flush)
            lock = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
            lock.execute("BEGIN EXCLUSIVE")
            took = []
            with blockbuster_ctx("convotrace"):
                for number in range(200):
                    began = time.perf_counter()
                    await client.post("/chat", json={"session_id": "s", "message": f"m{number}"})
                    took.append(time.perf_counter() - began)
            return took

    took = asyncio.run(talk())
    lock.execute("ROLLBACK")
    lock.close()
    # The lock was held for all of them, and who waits for one waits as long as this test has patience.
    assert max(took) < PATIENCE / 2
    assert observer.store.session("s").session.turns == 201
    observer.close()


def test_switched_off_nothing_is_made_and_nothing_is_started(tmp_path):
    """T15."""
    before = Before()
    app, observer = made(f"sqlite:///{tmp_path}/off/x.db", enabled=False)
    client = TestClient(app)
    assert client.post("/chat", json={"session_id": "s", "message": "hi"}).json() == {"reply": "hi"}
    assert client.get("/_sessions/").status_code == 404
    observer.close()
    assert list(tmp_path.iterdir()) == []
    until(lambda: not before.new_threads())


POOLS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import convotrace as ct

def work(number):
    with ct.tool("inside"):      # no trace here: nothing of it, and no error
        return number * 2

def resumed(given):
    url, carrier = given
    observer = ct.ConvoTrace(store=url, enabled=True)
    with observer.resume(carrier, name="job"):
        ct.event("worked")
    observer.close()

if __name__ == "__main__":
    url, how = sys.argv[1:]
    context = multiprocessing.get_context(how)
    observer = ct.ConvoTrace(store=url, enabled=True)
    with observer.session("s1"):
        ct.set_input("go")
        with context.Pool(4) as pool:
            assert pool.map(work, range(100)) == [n * 2 for n in range(100)]
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(resumed, [(url, ct.carrier())] * 2))
    found = observer.store.session("s1")
    assert found.session.turns == 1 and len(found.traces) == 1, found
    observer.close()
"""


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_pools_of_processes_in_a_request_end(tmp_path, how):
    """P4: no hang at the end of a pool, and work joins its session where its carrier is handed over."""
    if how not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{how} is not here")
    program = tmp_path / "pools.py"
    program.write_text(POOLS)
    command = [sys.executable, str(program), f"sqlite:///{tmp_path}/x.db", how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_page_says_that_a_damaged_file_was_set_aside(tmp_path, caplog):
    """S4: the app goes on, the file is kept, the health view and the log say so."""
    url = f"sqlite:///{tmp_path}/x.db"
    app, observer = made(url, token="open-sesame-0123456789")
    client = TestClient(app)
    client.post("/chat", json={"session_id": "before", "message": "hi"})
    observer.close()
    data = bytearray((tmp_path / "x.db").read_bytes())
    data[:4096] = b"\x55" * 4096
    (tmp_path / "x.db").write_bytes(data)
    client.post("/chat", json={"session_id": "after", "message": "hi"})
    opened = {"authorization": "Bearer open-sesame-0123456789"}
    health = client.get("/_sessions/health.json", headers=opened).json()
    (sentence,) = [warning for warning in health["warnings"] if "damaged" in warning]
    (kept,) = [one for one in tmp_path.iterdir() if ".damaged-" in one.name and one.suffix != ".db-wal"]
    assert kept.name in sentence and kept.read_bytes() == bytes(data)
    assert sentence in client.get("/_sessions/health", headers=opened).text
    assert observer.store.session("after").session.turns == 1
    observer.close()
