"""The filter language of every list: a text into a tree of conditions, and back. SQL is not known here.

`lexing.py` and `parsing.py` read the text, `fields.py`, `terms.py` and `values.py` what may stand in it, `nodes.py`
is the tree.
"""

from convotrace.query.fields import FIELDS, Field
from convotrace.query.nodes import EVERYTHING, Ago, And, Compare, Has, Match, Moment, Node, Not, Or, Text, When, Within
from convotrace.query.parsing import parse

__all__ = [
    "EVERYTHING", "FIELDS", "Ago", "And", "Compare", "Field", "Has", "Match", "Moment", "Node", "Not", "Or",
    "Text", "When", "Within", "parse",
]  # fmt: skip
