"""L5: as many requests as two cores give, for minutes, by Debian's `wrk`: memory flat, and all is stored or counted."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SECONDS = float(os.environ.get("CONVOTRACE_SOAK", "60"))
CONNECTIONS = 8
RISE = 4 << 20
"""Bytes by which the memory may grow from the middle of the run to its end, beside a MiB for each 100,000 requests."""
SAY = """
counter = 0
request = function()
  counter = counter + 1
  return wrk.format("POST", "/chat", {["content-type"] = "application/json"},
    string.format('{"session_id": "s%d", "message": "message %d of a soak"}', counter % 500, counter))
end
"""


@pytest.fixture
def wrk():
    found = shutil.which("wrk")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("wrk is not installed")
    return found


def resident(pid):
    """Return the bytes of a process that are in memory, but for what it maps of files, such as the store."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) << 10


def slope(seen):
    """Return by how many bytes a request memory grows, by the line that fits best."""
    middle = sum(at for at, _ in seen) / len(seen), sum(size for _, size in seen) / len(seen)
    spread = sum((at - middle[0]) ** 2 for at, _ in seen)
    return sum((at - middle[0]) * (size - middle[1]) for at, size in seen) / spread


def test_memory_stays_flat_under_all_that_two_cores_give(uvicorn, wrk, tmp_path):
    server = uvicorn(CONVOTRACE_RETENTION_BYTES=str(64 << 20))
    (tmp_path / "say.lua").write_text(SAY)
    for number in range(200):
        server.chat(f"warm{number}", "loads what is needed")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS:g}s", "-s", str(tmp_path / "say.lua"), "--latency"]
    began, seen = time.monotonic(), []
    with subprocess.Popen([*command, f"http://127.0.0.1:{server.port}"], stdout=subprocess.PIPE, text=True) as load:
        while load.poll() is None:
            time.sleep(min(5, SECONDS / 12))
            seen.append((time.monotonic() - began, resident(server.process.pid)))
        told = load.stdout.read()
    sent = int(re.search(r"(\d+) requests in", told)[1])
    rate = sent / SECONDS
    later = [(at * rate, size) for at, size in seen if at > SECONDS / 3]
    time.sleep(3)
    server.stop(signal.SIGTERM)
    report(told, seen, later, sent, rate, server.store)
    grown = slope(later) * (later[-1][0] - later[0][0])
    assert grown < RISE + sent / 1e5 * (1 << 20)
    assert "Non-2xx" not in told and "Socket errors" not in told


def report(told, seen, later, sent, rate, url):
    """Print what was measured; what was sent is stored, or was deleted by its age or size, or is counted."""
    store = Store.open(url)
    counters = [worker.counters for worker in store.workers()]
    written = sum(one["written"]["traces"] for one in counters)
    dropped = sum(number for one in counters for reasons in one["dropped"].values() for number in reasons.values())
    size = store.size()
    store.close()
    every = [f"{size / 2**20:.1f}" for _, size in seen[:: max(1, len(seen) // 12)]]
    quick, slow = re.findall(r"(?:50|99)%\s+(\S+)", told)
    print(f"\n{sent:,} requests in {SECONDS:g} s, {rate:.0f}/s; p50 {quick}, p99 {slow}")
    print(f"anonymous memory in MiB: {' '.join(every)}; {slope(later) * 1e5 / 2**20:.2f} MiB per 100,000 requests")
    print(f"written {written:,}, dropped {dropped:,}; sent {sent:,} and 200 before; the store has {size:,} bytes")
    assert 0 <= written + dropped - sent - 200 <= 4 * CONNECTIONS  # under way when the load ended
