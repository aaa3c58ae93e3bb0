"""The app's copy of a scope or environ: the caller's object never holds a key of ours, and yet lacks nothing."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import islice
from operator import is_
from typing import Any

_NOTHING = object()


class Mirror:
    """A copy for the app with what is ours in it; what the app writes there is handed back to the caller's object.

    Middlewares around us read what a router or an app left there: the route, the path parameters, the user.

    Args:
        callers: The scope or environ as it came.
        ours: What the app's copy has besides, or instead.
    """

    __slots__ = ("_callers", "_given", "copy")

    def __init__(self, callers: MutableMapping[str, Any], ours: dict[str, Any]) -> None:
        self.copy: dict[str, Any] = {**callers, **ours}
        self._callers = callers
        self._given = dict(self.copy)

    def hand_back(self) -> None:
        """Write into the caller's object what the app has written into its own since the last time."""
        copy, given = self.copy, self._given
        # Nearly all that apps write are new keys, which stand behind those that were given.
        is_same = all(map(is_, copy, given)) and all(map(is_, copy.values(), given.values()))
        for name in list(islice(copy, len(given), None) if is_same else copy):
            value = copy.get(name, _NOTHING)
            if value is not _NOTHING and given.get(name, _NOTHING) is not value:
                self._callers[name] = given[name] = value
