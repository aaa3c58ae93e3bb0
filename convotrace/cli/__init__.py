"""The `convotrace` command: one file a subcommand. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import click

from convotrace.cli.alerts import alerts
from convotrace.cli.audit import audit
from convotrace.cli.backup import backup
from convotrace.cli.dataset import dataset
from convotrace.cli.demo import demo
from convotrace.cli.doctor import doctor
from convotrace.cli.evaluate import evaluate
from convotrace.cli.export import export
from convotrace.cli.forget import forget
from convotrace.cli.forward import forward
from convotrace.cli.import_ import import_
from convotrace.cli.link import link
from convotrace.cli.migrate import migrate
from convotrace.cli.prune import prune
from convotrace.cli.serve import serve
from convotrace.cli.sessions import sessions
from convotrace.cli.show import show
from convotrace.cli.stats import stats
from convotrace.cli.tail import tail


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convotrace", message="%(prog)s %(version)s")
def main() -> None:
    """See every conversation your web app holds, inside that app."""


COMMANDS = (
    alerts, audit, backup, dataset, demo, doctor, evaluate, export, forget, forward, import_, link, migrate, prune,
    serve, sessions, show, stats, tail,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
