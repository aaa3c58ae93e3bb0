"""`convotrace link` and the command as such."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/sessions.db"
    Store.open(url).close()
    return url


def token_of(url: str) -> str:
    store = Store.open(url)
    try:
        return store.token()
    finally:
        store.close()


def test_it_prints_the_link_with_the_store_s_token(url: str) -> None:
    result = CliRunner().invoke(main, ["link", "--store", url])
    assert result.exit_code == 0
    assert result.output == f"http://127.0.0.1:8000/_sessions/?token={token_of(url)}\n"


def test_the_address_may_be_of_another_host_and_below_a_prefix(url: str) -> None:
    result = CliRunner().invoke(main, ["link", "https://shop.example/app/", "--store", url, "--json"])
    assert json.loads(result.output)["link"].startswith("https://shop.example/app/_sessions/?token=")


def test_mount_and_token_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVOTRACE_MOUNT", "/talks")
    monkeypatch.setenv("CONVOTRACE_TOKEN", "a/b")
    assert CliRunner().invoke(main, ["link"]).output == "http://127.0.0.1:8000/talks/?token=a%2Fb\n"


def test_a_store_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["link", "--store", f"sqlite:///{tmp_path}/none.db"])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ") and result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("base", ["localhost:8000", "ftp://x", "8000"])
def test_what_is_no_address_is_wrong_use(base: str) -> None:
    result = CliRunner().invoke(main, ["link", base])
    assert result.exit_code == 2
    assert "http://127.0.0.1:8000" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["demo", "-h"], ["link", "--help"], ["--version"]])
def test_help_and_version_are_answered(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0 and result.output


def test_an_unknown_command_is_wrong_use() -> None:
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2


def test_naming_the_command_loads_neither_store_nor_demo() -> None:
    code = "import sys, convotrace.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"peewee", "convotrace.demo.service", "convotrace.page"} & set(loaded)
