"""The job that writes down how sessions ended which fell silent without a word; what is concluded: `store.silence`."""

from __future__ import annotations

import logging

from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.settings import Settings
from convotrace.store import Store

_LOG = logging.getLogger("convotrace")
_MOST_NS = 20 * SECOND_NS


def concluding(settings: Settings) -> Job:
    """Return the job; the rule of the app, where it has one, is called in it."""
    idle_ns = int(settings.idle_timeout * SECOND_NS)

    def run(store: Store, now_ns: int, go_on: GoOn) -> None:
        store.conclude(idle_ns, settings.outcome, now_ns, _failed, go_on)

    return Job("silence", min(_MOST_NS, max(idle_ns // 4, SECOND_NS)), run, Store.waits_for_conclusions)


def _failed(error: Exception) -> None:
    _LOG.warning("outcome= failed, so the facts decide: %s", type(error).__name__)  # its words may hold a secret
