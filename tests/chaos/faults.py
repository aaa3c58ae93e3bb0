"""What goes wrong: a lock that is held, a worker that is killed, a burst, a full disk; one after the other."""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

HELD, FULL = 3.0, 3.0
TAKES = {"lock": HELD, "full disk": FULL}
AFTER = 3.0
"""Seconds after a fault that still belong to it: a worker starts again, a queue empties."""


class Chaos:
    """Does harm in a thread of its own until it is told to stop; harmless, it only sends its bursts, as often."""

    def __init__(self, load, master, store, every, disk, harmless=False):
        self._load, self._master, self._store, self._every = load, master, store, every
        self._disk, self._harmless = disk, harmless
        self._stop = threading.Event()
        self.killed = {}
        self.done = {"locks": 0, "kills": 0, "bursts": 0, "full disks": 0}
        self.phases = []
        self.thread = threading.Thread(target=self._run)

    def phase(self, began, ended):
        """Return what was done to the server while a request ran, `between` for nothing."""
        return next((name for name, start, end in self.phases if began < end and start < ended), "between")

    def stop(self):
        """End it after what it does now."""
        self._stop.set()
        self.thread.join()

    def _run(self):
        steps = [("lock", self._lock), ("kill", self._kill), ("burst", self._burst)]
        steps += [("full disk", self._fill)] if self._disk else []
        number = 0
        while not self._stop.wait(self._every):
            name, step = steps[number % len(steps)]
            number += 1
            began = time.time()
            if self._harmless and name != "burst":
                self._stop.wait(TAKES.get(name, 0))
                continue
            step()
            self.phases.append((name, began, time.time() + AFTER))

    def _lock(self):
        connection = sqlite3.connect(self._store, timeout=5, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(HELD)
            connection.execute("ROLLBACK")
            self.done["locks"] += 1
        except sqlite3.OperationalError:
            pass
        finally:
            connection.close()

    def _kill(self):
        found = subprocess.run(["pgrep", "-P", str(self._master)], capture_output=True, text=True)
        workers = [int(pid) for pid in found.stdout.split() if int(pid) not in self.killed]
        if workers:
            self.killed[workers[0]] = time.time()
            os.kill(workers[0], signal.SIGKILL)
            self.done["kills"] += 1

    def _burst(self):
        self._load.burst(300)
        self.done["bursts"] += 1

    def _fill(self):
        ballast = Path(self._store).parent / "ballast"
        try:
            with open(ballast, "wb", buffering=0) as file:
                while True:
                    file.write(b"\0" * (1 << 16))
        except OSError:
            self.done["full disks"] += 1
        time.sleep(FULL)
        ballast.unlink(missing_ok=True)
