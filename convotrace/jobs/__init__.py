"""Work that goes on beside the requests, once across all processes on a store: one runner, one table of leases."""

from convotrace.jobs.work import Job, Work

__all__ = ["Job", "Work"]
