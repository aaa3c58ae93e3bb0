"""ConvoTrace: the one place where rooms are wired together.

`core.py` is the object users make and wires the rest. The requests' side: `recording.py` takes a trace from its first
byte into the queue; `by_hand.py` is a trace without a door, `connection.py` the turns of a WebSocket, `asking.py` whose
request it is, `callers.py` who asked for it, `exclude.py` what is none, `cookie.py` our cookie, `mirror.py` the app's
copy of its scope. The writer's side: `writing.py` takes it from the queue to the store; `attached.py` reads its files,
`chores.py` has the jobs beside it. Both keep `ledger.py`, the books: what is open, what waits (`late.py`), what was
counted (`tally.py`). For people: `house.py` is what the page gets, `health.py` the state of it all, `announce.py` the
link on a terminal. `guard.py` calls what may fail.
"""

from convotrace.observer.by_hand import HandSession
from convotrace.observer.core import ConvoTrace

__all__ = ["ConvoTrace", "HandSession"]
