"""Run it: `make chaos`, or `python -m tests.chaos --seconds 60`. Exit code 1 where a promise is broken."""

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from convotrace import Store
from tests.chaos.faults import Chaos
from tests.chaos.load import SESSIONS, Load

HERE = Path(__file__).parent
WINDOW = 1.0
"""Seconds before a kill whose turns may be lost: the promise of the README."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="of chaos; as long before it with its bursts alone")
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    parser.add_argument(
        "--bare", action="store_true", help="without the middleware: what kills and bursts cost any app"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disk = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True)
        has_disk = disk.returncode == 0
        try:
            return run(f"{folder}/chaos.db", asked.seconds, asked.rate, has_disk, asked.bare)
        finally:
            if has_disk:
                subprocess.run(["umount", "-l", folder], check=True)


def run(store, seconds, rate, disk, bare):
    port = free_port()
    server = serve(store, port, bare)
    try:
        load = Load(port)
        wait_for(load)
        bursts = Chaos(load, server.pid, store, 5, disk, harmless=True)
        calm = under(bursts, load, rate, seconds)
        chaos = Chaos(load, server.pid, store, 5, disk)
        rough = under(chaos, load, rate, seconds)
        time.sleep(3)
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=30)[0]
    latency("without", calm, bursts)
    latency("in chaos", rough, chaos)
    compare(calm, bursts, rough, chaos)
    return 0 if bare else judge(store, load, chaos, said)


def under(chaos, load, rate, seconds):
    """Return what was answered of a steady load while something was done to its server."""
    chaos.thread.start()
    answered = load.run(rate, seconds)
    chaos.stop()
    return answered


def latency(title, sent, chaos):
    """Print how long requests took: in all of a run, and while and after each thing that was done."""
    found = {title: sent}
    for one in sent:
        found.setdefault(f"- {chaos.phase(one.at - one.took, one.at)}", []).append(one)
    for name, some in found.items():
        at = "  ".join(f"p{share * 100:g} {quantile(some, share) * 1e3:6.1f} ms" for share in (0.5, 0.99))
        print(f"{name:12} {len(some):6,} requests  {at}")


def compare(calm, bursts, rough, chaos):
    """Print by how much longer requests took in chaos: those in bursts, which wait for each other, and all others."""
    for name, is_meant in (("all", None), ("in bursts", True), ("outside of bursts", False)):
        ratio = quantile(part(rough, chaos, is_meant), 0.99) / quantile(part(calm, bursts, is_meant), 0.99)
        print(f"p99 of {name} in chaos: x {ratio:.2f} that of the same load without")


def part(sent, chaos, in_bursts):
    """Return what was sent while a burst was under way, or not; all where that makes no difference."""
    return [
        one for one in sent
        if in_bursts is None or (chaos.phase(one.at - one.took, one.at) == "burst") == in_bursts
    ]  # fmt: skip


def judge(path, load, chaos, said):
    store = Store.open(f"sqlite:///{path}")
    stored = {trace.input.text for n in range(SESSIONS) for trace in found(store, f"s{n}")}
    dropped = Counter()
    for worker in store.workers():
        for reasons in (worker.counters.get("dropped") or {}).values():
            dropped.update(reasons)
    missing = [sent for sent in load.answered if sent.text not in stored]
    taken = [s for s in missing if s.pid in chaos.killed and s.at > chaos.killed[s.pid] - WINDOW]
    lost, counted = len(missing) - len(taken), sum(dropped.values())
    others = [s for s in missing if s not in taken]
    ages = [chaos.killed[s.pid] - s.at for s in others if s.pid in chaos.killed]
    whole = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    print(f"sent and answered {len(load.answered):,} (unanswered {load.unanswered}); did {chaos.done}")
    print(
        f"stored {len(stored & {s.text for s in load.answered}):,}; counted as dropped {counted} {dict(dropped)};"
        f" taken along by kill -9 within {WINDOW:g} s {len(taken)}; neither {max(0, lost - counted)}"
    )
    if others:
        older = f"up to {max(ages):.1f} s before their kill" if ages else ""
        print(f"of workers that were killed {len(ages)} {older}, of others {len(others) - len(ages)}")
    print(f"file {'whole' if whole else 'DAMAGED'}; the server said: {said.decode()[-400:] or 'nothing'}")
    store.close()
    return 0 if whole and lost <= counted else 1


def found(store, session):
    conversation = store.session(session)
    return () if conversation is None else conversation.traces


def quantile(sent, share):
    took = sorted(one.took for one in sent)
    return took[int(len(took) * share)]


def serve(store, port, bare):
    command = [sys.executable, "-m", "gunicorn", "app:app", "-b", f"127.0.0.1:{port}", "--workers", "4",
               "--worker-class", "gthread", "--threads", "8", "--log-level", "critical"]  # fmt: skip
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path, "CONVOTRACE_STORE": f"sqlite:///{store}"}
    env |= {"CONVOTRACE_ENABLED": "0"} if bare else {}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_for(load):
    deadline = time.monotonic() + 20
    while not load.answered and time.monotonic() < deadline:
        load.post()
        time.sleep(0.2)
    load.unanswered = 0


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
