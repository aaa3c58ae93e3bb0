"""What became of a request."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What became of a request; `health` counts them under these names."""

    TURN = "turns"
    FOLDED = "folded"
    NO_SESSION = "no_session"
    EXCLUDED = "excluded"
