"""P7: two hundred times a process that writes is killed at a random moment; the file is whole each time."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ROUNDS = int(os.environ.get("CONVOTRACE_KILLS", "200"))

WRITER = """
import sys, time
import convotrace as ct
observer = ct.ConvoTrace(store=sys.argv[1], enabled=True)
number = 0
with observer.session("warm"):
    ct.set_input("loads what is needed")
observer.flush()
print("ready", flush=True)
while True:
    with observer.session(f"s{number % 7}"):
        with ct.tool("work", arguments={"n": number}):
            ct.set_input(f"{sys.argv[2]}-{number} " + "x" * (number % 3000))
    number += 1
    print(number, time.time(), flush=True)
    time.sleep(0.001)
"""


def test_two_hundred_kills_leave_the_file_whole_and_lose_a_second_at_most(tmp_path):
    store, chance = f"sqlite:///{tmp_path}/killed.db", random.Random(7)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    Store.open(store).close()
    lost_at_most, turns = 0.0, 0
    for round in range(ROUNDS):
        command = [sys.executable, "-c", WRITER, store, str(round)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.05, 0.6))
            process.send_signal(signal.SIGKILL)
            killed = time.time()
            said = [line.split() for line in process.stdout.read().splitlines()[:-1]]
        turns += len(said)
        lost_at_most = max(lost_at_most, check(tmp_path / "killed.db", store, round, said, killed))
    print(f"{ROUNDS} kills, {turns} turns, integrity_check ok each time; none lost was older than {lost_at_most:.2f} s")
    assert lost_at_most < 1 and turns > 20 * ROUNDS


def check(path, url, round, said, killed):
    """Return how many seconds before the kill the oldest turn was done that is not in the file."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = connection.execute("SELECT input_text FROM trace WHERE input_text LIKE ?", (f"{round}-%",)).fetchall()
    connection.close()
    stored = {int(text.split()[0].split("-")[1]) for (text,) in found}
    missing = [float(at) for number, at in said if int(number) - 1 not in stored]
    if round % 20 == 0:
        store = Store.open(url)
        assert not any(trace.status == "running" for trace in store.session("s0").traces) if stored else True
        store.close()
    return killed - min(missing) if missing else 0.0
