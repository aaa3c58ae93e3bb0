"""For the tests of apps that use convotrace: the `convotrace` pytest fixture reads the sessions that a test made."""

from convotrace.testing.recorded import Recorded

__all__ = ["Recorded"]
