"""Work that goes on beside the requests, once across all processes on a store: one runner, one table of leases.

`work.py` tells which jobs of one store are due, `runner.py` is the thread that runs those of every store;
`retention.py`, `roll_ups.py` and `text_index.py` are the jobs, and `alerts.py`, whose notices `delivery.py` takes to
`webhooks.py`; `rule_files.py` reads rules, `rehearsal.py` tries one on the past.
"""

from convotrace.jobs.work import Job, Work

__all__ = ["Job", "Work"]
