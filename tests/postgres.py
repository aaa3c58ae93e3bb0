"""A real PostgreSQL server of our own, in a temporary folder, for as long as a test run."""

import os
import shlex
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

SETTINGS = {
    "listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "shared_buffers": "64MB", "max_connections": "100", "lc_messages": "C",
}  # fmt: skip
_numbers = count(1)


def tools():
    """Return the folder of the newest server that is installed, None where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return None if found is None else Path(found).parent


class Server:
    """One server; it listens on a socket in its folder alone."""

    def __init__(self, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="convotrace-pg-"))
        self._settings = {**SETTINGS, "unix_socket_directories": str(self.folder), **settings}
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self.start()
        self._end = subprocess.Popen(["sh", "-c", self._ending()], stdin=subprocess.PIPE, start_new_session=True)
        self._run("createdb", "-h", str(self.folder), "-U", "postgres", "app")

    def start(self):
        """Start it and wait until it answers."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self._run("pg_ctl", "-D", "data", "-w", "-s", "-l", "log", "-o", options, "start")

    def stop(self, mode="fast"):
        """Stop it and wait until it has."""
        self._run("pg_ctl", "-D", "data", "-w", "-s", "-m", mode, "stop")

    def remove(self):
        """Stop it and leave nothing behind."""
        self._end.communicate(timeout=120)

    def url(self, host=None, **options):
        """Return the URL of a store that does not exist yet."""
        options = {"schema": f"store_{os.getpid()}_{next(_numbers)}", **options}
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return (
            f"postgresql://postgres@{host}/app?{query}"
            if host
            else f"postgresql://postgres@/app?host={self.folder}&{query}"
        )

    def _ending(self):
        """Return a script that removes all when its input ends: also where the tests were killed."""
        stop = shlex.join(self._command("pg_ctl", "-D", f"{self.folder}/data", "-s", "-m", "immediate", "stop"))
        return f"cat >/dev/null; cd /; {stop} 2>/dev/null; rm -rf {shlex.quote(str(self.folder))}"

    def _command(self, tool, *arguments):
        command = [str(tools() / tool), *arguments]
        return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command

    def _run(self, tool, *arguments):
        command = self._command(tool, *arguments)
        # Its output goes nowhere: the server would hold a pipe open.
        done = subprocess.run(
            command, cwd=self.folder, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
        if done.returncode:
            log = self.folder / "log"
            raise RuntimeError(f"{tool} failed: {log.read_text()[-2000:] if log.exists() else ''}")
