"""The names that other libraries write → the fields of our records. Pure: JSON values in, records out."""

from convotrace.dialects.reading import Reading, read, said_of_trace
from convotrace.dialects.scores import Judgement
from convotrace.dialects.sessions import Said, session_of

__all__ = ["Judgement", "Reading", "Said", "read", "said_of_trace", "session_of"]
