"""What a trace was the first to bring stands in its row, under names that no other content has."""

from hypothesis import given
from hypothesis import strategies as st

from convotrace.store.bundles import CHAIN, PLAIN, at_place, bundle, bundled, joint, new_mark, parts_of, place_of
from convotrace.store.packing import bundle_in, press, trace_row
from convotrace.store.rows import TraceRow

contents = st.lists(st.tuples(st.sampled_from([PLAIN, CHAIN]), st.binary(max_size=200)), max_size=20)


@given(contents, st.integers(0, 2**63 - 1), st.none() | st.text(st.characters(exclude_categories=["Cs"])))
def test_contents_come_back_as_they_were(held, tk, said):
    mark = new_mark()
    made = bundle(mark, held)
    columns = [*TraceRow(**dict.fromkeys(TraceRow._fields))._replace(tk=tk, input_text=said, work="[]")]
    press(columns, made)
    row = TraceRow._make(columns)
    assert trace_row(row).pressed is None
    assert trace_row(row, with_bundle=True)._replace(pressed=None) == trace_row(row)
    found = bundled(5, tk, bundle_in(row.pressed, said, None))
    assert [(one.sid, one.codec, one.size, one.body) for one in found] == [(5, c, len(data), data) for c, data in held]
    assert {at_place(one.hash) for one in found} <= {tk}
    assert len({one.hash for one in found}) == len(held)


@given(st.lists(st.tuples(st.binary(max_size=50), st.binary(min_size=16, max_size=16))), st.binary(max_size=50))
def test_the_parts_of_a_value_come_back_as_they_were(pairs, rest):
    parts = [part for pair in pairs for part in pair] + [rest]
    assert parts_of(joint(parts)) == parts


def test_what_is_bundled_again_for_the_same_trace_has_other_names():
    held = [(PLAIN, b'"a"'), (PLAIN, b'"b"')]
    one, other = (bundled(1, 7, bundle(new_mark(), held)) for _ in range(2))
    assert not {row.hash for row in one} & {row.hash for row in other}
    assert place_of(7) == one[0].hash[:8]
