"""Acting while a turn runs: hooks (`on_turn`) and budgets, with what the session has come to at hand.

`house.py` is what the observer and the doors talk to, `act.py` what acts on one trace, `calling.py` how its hooks are
called, `threads.py` where plain ones run, `known.py` the memory of sessions (this process exact, others in a second).
Loaded only where there is a hook or a budget.
"""

from convotrace.observer.acting.house import Acting

__all__ = ["Acting"]
