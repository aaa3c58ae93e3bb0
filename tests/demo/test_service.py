"""The demo over HTTP: its routes on the standard library, its page, its server."""

import io
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from convotrace.demo.server import CannotListen, serve
from convotrace.demo.service import Service, asset, page
from convotrace.demo.wsgi_app import DemoApp


@pytest.fixture
def app() -> Iterator[DemoApp]:
    service = Service()
    yield DemoApp(service)
    service.assistant.close()


def ask(app: DemoApp, method: str, path: str, data: Any = None, query: str = "") -> tuple[int, dict[str, str], bytes]:
    """Call a WSGI app as a strict server would."""
    body = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"}
    answered: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        answered.append((status, headers))
        return lambda chunk: None

    chunks = validator(app)(environ, start)
    try:
        content = b"".join(chunks)
    finally:
        chunks.close()  # type: ignore[attr-defined]
    status, headers = answered[0]
    return int(status[:3]), dict(headers), content


def test_a_message_is_answered_with_reply_and_turn(app: DemoApp) -> None:
    data = {"session_id": "s", "message": "Where is K-1042?"}
    first, second = (json.loads(ask(app, "POST", "/chat", data)[2]) for _ in range(2))
    assert "NP-55310" in first["reply"]
    assert (first["turn"], second["turn"]) == (1, 2)


def test_a_streamed_answer_is_the_same_text_in_events(app: DemoApp) -> None:
    _, headers, body = ask(app, "POST", "/chat/stream", {"session_id": "s", "message": "Where is K-1042?"})
    events = [json.loads(event.removeprefix("data: ")) for event in body.decode().split("\n\n") if event]
    assert headers["Content-Type"].startswith("text/event-stream")
    assert events[-1] == {"done": True}
    said = json.loads(ask(app, "GET", "/history", query="session_id=s")[2])["messages"]
    assert said[-1] == {"role": "assistant", "text": "".join(event["delta"] for event in events[:-1])}


def test_the_history_holds_what_was_said_and_not_the_model_s_notes(app: DemoApp) -> None:
    ask(app, "POST", "/chat", {"session_id": "s", "message": "Where is K-1042?"})
    said = json.loads(ask(app, "GET", "/history", query="session_id=s")[2])["messages"]
    assert [message["role"] for message in said] == ["user", "assistant"]
    assert json.loads(ask(app, "GET", "/history")[2]) == {"messages": []}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/chat", {"session_id": "s"}),
        ("/chat", {"session_id": "s", "message": " "}),
        ("/chat", ["no object"]),
        ("/chat", b"no json"),
        ("/chat/stream", {"message": "no session"}),
        ("/rate", {"session_id": "s", "value": "up"}),
        ("/replay", {"session_id": "s"}),
    ],
)
def test_a_request_that_lacks_something_is_told_so(app: DemoApp, path: str, data: Any) -> None:
    status, _, body = ask(app, "POST", path, data)
    assert status == 400
    assert "must be" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/x", 404), ("POST", "/x", 404), ("PUT", "/chat", 405), ("GET", "/assets/../chat.html", 404)],
)
def test_what_is_not_there_is_said_to_be_missing(app: DemoApp, method: str, path: str, status: int) -> None:
    assert ask(app, method, path)[0] == status


def test_a_thumb_is_taken(app: DemoApp) -> None:
    assert ask(app, "POST", "/rate", {"session_id": "s", "value": False})[0] == 200


def test_the_page_names_only_files_that_exist_and_has_no_inline_code() -> None:
    links: list[str] = []
    inline: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values = dict(attrs)
            links.extend(values[name] or "" for name in ("src", "href") if name in values)
            inline.extend(name for name, _ in attrs if name == "style" or name.startswith("on"))
            if tag == "style" or (tag == "script" and "src" not in values):
                inline.append(tag)

    Reader().feed(page().decode())
    assert links and all(asset(link.removeprefix("assets/")) for link in links)
    assert inline == []


def test_the_script_of_the_page_puts_texts_in_as_text() -> None:
    found = asset("chat.js")
    assert found is not None
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", found[0].decode())


@pytest.mark.parametrize("name", ["../service.py", "chat.html", "nothing.css", "", "/etc/passwd"])
def test_no_other_file_is_served(name: str) -> None:
    assert asset(name) is None


def test_the_server_answers_over_http_and_a_crash_is_a_500_without_noise(
    app: DemoApp, capfd: pytest.CaptureFixture[str]
) -> None:
    def post(base: str, message: str) -> int:
        data = json.dumps({"session_id": "s", "message": message}).encode()
        try:
            with urllib.request.urlopen(base + "/chat", data, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    with serve(app, "127.0.0.1", 0) as port:
        assert post(f"http://127.0.0.1:{port}", "hello") == 200
        assert post(f"http://127.0.0.1:{port}", "invoice for K-1042") == 500
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_passed_over_for_the_next_one(app: DemoApp) -> None:
    with serve(app, "127.0.0.1", 0) as taken, serve(app, "127.0.0.1", taken) as port:
        assert taken < port < taken + 20


def test_when_all_ports_are_taken_it_says_how_to_name_another(app: DemoApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convotrace.demo.server.TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(CannotListen, match="--port"), serve(app, "127.0.0.1", port):
            pass


def test_an_address_of_another_machine_is_said_to_be_none_of_ours(app: DemoApp) -> None:
    with pytest.raises(CannotListen, match=r"Cannot listen on 192\.0\.2\.1"), serve(app, "192.0.2.1", 8000):
        pass
