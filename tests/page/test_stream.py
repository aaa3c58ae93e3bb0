"""The line of an answer: chunks where they left, the longest wait, and nothing where there is nothing to draw."""

from convotrace.model import Flow, Trace
from convotrace.page.stream import stream_of

MS = 10**6
FLOW = tuple(
    Flow(after * MS, size, number) for number, (after, size) in enumerate([(100, 10), (150, 20), (900, 60)], 1)
)


def test_chunks_stand_where_they_left_and_the_longest_wait_between_them():
    line = stream_of(Trace("t", "s", duration_ns=1_000 * MS, largest_gap_ns=750 * MS, flow=FLOW))
    assert (line.ticks, line.gap, line.end) == ([10.0, 15.0, 90.0], (15.0, 75.0), "1.00 s")
    assert line.words == "3 chunks from 100 ms to 900 ms, the longest wait 750 ms"
    assert line.rows == [("100 ms", "10 B", 1), ("150 ms", "20 B", 2), ("900 ms", "60 B", 3)]


def test_an_answer_in_one_chunk_has_no_line():
    assert stream_of(Trace("t", "s", duration_ns=1, flow=FLOW[:1])) is None
    assert stream_of(Trace("t", "s", duration_ns=1)) is None


def test_a_turn_that_is_over_before_its_last_chunk_was_noted_stays_on_the_line():
    line = stream_of(Trace("t", "s", duration_ns=500 * MS, flow=FLOW))
    assert max(line.ticks) == 100.0


def test_the_page_of_a_turn_draws_it_and_tells_each_chunk(ask, new_house, seed):
    from dataclasses import replace

    told = seed("hi")
    first = replace(told.traces[0], flow=FLOW, largest_gap_ns=750 * MS)
    house = new_house([replace(told, traces=(first, *told.traces[1:]))])
    page = ask(house, f"/s/{told.session.key}/t/{first.id}").body.decode()
    assert 'class="stream"' in page and page.count("<td>") >= 9
    assert "the longest wait 750 ms" in page
