"""`convotrace backup`: a copy of the store, whole and as of one moment, while the app goes on."""

from __future__ import annotations

from pathlib import Path

import click

from convotrace.cli.options import in_bytes, json_option, opened, say, store_option


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@store_option
@json_option
def backup(path: Path, store_url: str | None, as_json: bool) -> None:
    """Write a copy of the store to PATH, a new file that only you can read.

    It opens as a store of its own: --store sqlite:///PATH. A plain `cp` of a store in use may be torn.
    """
    with opened(store_url) as (store, _):
        size = store.backup(path)
    say({"path": str(path), "bytes": size}, f"Wrote {path}, {in_bytes(size)}.", as_json)
