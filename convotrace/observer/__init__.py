"""ConvoTrace: the one place where rooms are wired together.

`core.py` is the object users make, `by_hand.py` a trace without a door, `connection.py` the turns of a WebSocket,
`asking.py` whose request it is, `callers.py` who asked for it, `cookie.py` our cookie, `mirror.py` the app's copy of
its scope, `late.py` what is written unasked, `house.py` what the page gets, `health.py` the state of it all,
`announce.py` the link on a terminal, `guard.py` how hooks are called, `tally.py` what is counted.
"""

from convotrace.observer.by_hand import HandSession
from convotrace.observer.core import ConvoTrace

__all__ = ["ConvoTrace", "HandSession"]
