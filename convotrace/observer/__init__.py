"""ConvoTrace: the one place where rooms are wired together.

`core.py` is the object users make, `house.py` what it gives the page, `guard.py` how hooks of the app are called,
`tally.py` what is counted.
"""

from convotrace.observer.core import ConvoTrace, HandSession

__all__ = ["ConvoTrace", "HandSession"]
