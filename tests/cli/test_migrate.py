"""`convotrace migrate`: a store of an older release is brought up when it is asked for, after a copy."""

import json
import lzma
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.store import Store
from convotrace.store.schema import SCHEMA_VERSION

STORED = Path(__file__).parents[1] / "store" / "stored"
pytestmark = pytest.mark.sqlite


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    path.write_bytes(lzma.decompress((STORED / "schema-8.db.xz").read_bytes()))
    return path


def run(path, *arguments):
    return CliRunner().invoke(main, ["migrate", "--store", f"sqlite:///{path}", *arguments])


def schema(path):
    with sqlite3.connect(path) as db:
        (found,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return found


def test_it_says_what_there_is_to_do_and_does_it_when_asked(old):
    told = run(old, "--check")
    assert (
        told.exit_code == 1 and f"The store has schema 8; this convotrace brings it to {SCHEMA_VERSION}." in told.output
    )
    assert schema(old) == 8
    done = run(old)
    assert done.exit_code == 0 and f"from schema 8 to {SCHEMA_VERSION}; integrity: ok." in done.output
    again = run(old, "--check", "--json")
    assert again.exit_code == 0 and json.loads(again.output)["schema"] == SCHEMA_VERSION == schema(old)


def test_a_copy_is_made_first_and_is_whole(old, tmp_path):
    before = tmp_path / "before.db"
    assert run(old, "--backup", str(before)).exit_code == 0
    assert (schema(before), schema(old)) == (8, SCHEMA_VERSION) and before.stat().st_mode & 0o777 == 0o600
    store = Store.open(f"sqlite:///{before}")
    assert len(store.sessions()) > 1
    store.close()


def test_a_copy_never_takes_the_place_of_a_file_and_then_nothing_is_done(old, tmp_path):
    (tmp_path / "mine").write_text("mine")
    result = run(old, "--backup", str(tmp_path / "mine"))
    assert result.exit_code == 2 and "is there already" in result.output
    assert schema(old) == 8 and (tmp_path / "mine").read_text() == "mine"
