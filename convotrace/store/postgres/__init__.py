"""The store in a PostgreSQL database, through psycopg 3; imported only where a URL names one."""

from convotrace.store.postgres.server import connect

__all__ = ["connect"]
