"""Real servers on loopback: uvicorn, gunicorn, nginx; each started for a test and stopped after it."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Server:
    """A server process and a client for it."""

    def __init__(self, process, port, store=None):
        self.process = process
        self.port = port
        self.store = store

    def request(self, method, path, body=None, headers=None):
        """Send a request; return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if data is not None else {}
        connection.request(method, path, data, {**sent, **(headers or {})})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, body

    def chat(self, session_id, message):
        """Post a message; return the reply."""
        status, _, body = self.request("POST", "/chat", {"session_id": session_id, "message": message})
        assert status == 200
        return json.loads(body)["reply"]

    def stop(self, how=signal.SIGTERM):
        """Stop the server and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(20)


@pytest.fixture
def start(tmp_path, free_port, listening):
    """Start a server by its command; `{port}` in it is replaced."""
    running = []

    def start(*command, store=None, **environment):
        port = free_port()
        store = store or f"sqlite:///{tmp_path}/served.db"
        env = {
            **os.environ,
            "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "CONVOTRACE_STORE": store,
            **environment,
        }
        env.pop("PYTEST_VERSION", None)
        env.pop("PYTEST_CURRENT_TEST", None)
        process = subprocess.Popen(
            [part.format(port=port) for part in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        server = Server(process, port, store)
        running.append(server)
        listening(port, process)
        return server

    yield start
    for server in running:
        server.stop(signal.SIGKILL)
        server.process.stdout.close()


@pytest.fixture
def uvicorn(start):
    """Start uvicorn with the FastAPI app."""
    return lambda *more, **env: start(
        sys.executable,
        "-m",
        "uvicorn",
        "served:fastapi_app",
        "--port",
        "{port}",
        "--log-level",
        "warning",
        *more,
        **env,
    )


@pytest.fixture
def gunicorn(start):
    """Start gunicorn with the Flask app."""
    return lambda *more, **env: start(
        sys.executable,
        "-m",
        "gunicorn",
        "served:flask_app",
        "-b",
        "127.0.0.1:{port}",
        "--log-level",
        "error",
        *more,
        **env,
    )


@pytest.fixture
def nginx(tmp_path, free_port, listening):
    """Start nginx with a bare `proxy_pass` to a port, as its documentation shows it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is missing, and CI=true demands it")
        pytest.skip("nginx is not installed")
    running = []

    def start(upstream, location="/", target=""):
        port = free_port()
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n"
            f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
            f"server {{ listen 127.0.0.1:{port}; location {location} "
            f"{{ proxy_pass http://127.0.0.1:{upstream}{target}; }} }} }}\n"
        )
        process = subprocess.Popen([found, "-c", config, "-p", tmp_path], stderr=subprocess.PIPE)
        server = Server(process, port)
        running.append(server)
        listening(port, process)
        return server

    yield start
    for server in running:
        server.stop(signal.SIGQUIT)
        server.process.stderr.close()
