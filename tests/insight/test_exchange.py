"""Of a turn the ends of both texts count, without white space, however much of that there is."""

from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.history import exchange_hash

pieces = st.lists(st.text("ab \n\t", max_size=120) | st.just(" " * 140) | st.just("x" * 90), max_size=6).map("".join)


@given(pieces, pieces)
def test_what_stands_before_the_end_and_white_space_do_not_count(asked, answered):
    ends = ["".join(text[-400:].split())[-100:] for text in (asked, answered)]
    expected = exchange_hash(*ends) if any(ends) else exchange_hash(" ", " ")
    if asked or answered:
        assert exchange_hash(asked, answered) == expected
