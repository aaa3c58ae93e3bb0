"""`python -m convotrace.demo.replay`: posts files of conversations to a running demo app."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from convotrace.demo.posting import Summary, post_all
from convotrace.demo.recordings import Recording, UnreadableFile, read


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "base_url", default="http://127.0.0.1:8000", show_default=True, help="Where the app answers.")
@click.option(
    "--via",
    type=click.Choice(["verbs", "logs"]),
    default="verbs",
    show_default=True,
    help="How the app re-enacts recorded steps.",
)
@click.option("--limit", type=click.IntRange(1), help="At most so many conversations of each file.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Conversations at a time.")
@click.option("--pace", type=click.FloatRange(0), default=0.0, help="Seconds between two turns of one conversation.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def main(
    files: tuple[Path, ...], base_url: str, via: str, limit: int | None, workers: int, pace: float, as_json: bool
) -> None:
    """Post the conversations of FILES to a running demo app, a request a turn."""
    try:
        recordings = read(files, via, limit)
    except UnreadableFile as error:
        raise click.UsageError(str(error)) from None
    summary = with_progress(recordings, base_url, workers, pace)
    click.echo(json.dumps(summary.as_dict(), ensure_ascii=False) if as_json else as_line(summary))
    sys.exit(1 if summary.failures else 0)


def with_progress(recordings: list[Recording], base_url: str, workers: int, pace: float) -> Summary:
    """Post conversations with a progress bar on stderr."""
    total = sum(len(recording.posts) for recording in recordings)
    with click.progressbar(length=total, label="Posting", show_eta=True, show_pos=True, file=sys.stderr) as bar:
        return post_all(recordings, base_url, workers, pace, lambda: bar.update(1))


def as_line(summary: Summary) -> str:
    """Return a summary as one line, and the first failures under it."""
    facts = summary.as_dict()
    steps = ", ".join(f"{count} {kind}" for kind, count in facts["steps"].items()) or "no steps"
    line = (
        f"Posted {facts['conversations']} conversations, {facts['turns']} turns ({steps}),"
        f" {facts['errors']} errors, {facts['scores']} scores in {facts['seconds']} s."
    )
    failed = [f"{len(summary.failures)} requests failed:", *summary.failures[:5]] if summary.failures else []
    return "\n  ".join([line, *failed])


if __name__ == "__main__":
    main()
