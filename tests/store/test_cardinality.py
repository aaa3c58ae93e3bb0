"""Names without end neither fill the table of buckets nor the memory of a writer or reader; nothing of them is lost."""

import pytest

from convotrace.insight.ranges import DAY_NS
from convotrace.insight.tally import OTHER
from convotrace.store import buckets, folding, metrics
from convotrace.store.buckets import Vocabulary
from tests.store.conftest import START

NOW = START + 7200 * 10**9


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(folding, "KEYS_OF_DAY", 12)


def write(store, make, names):
    store._recorder._counter.vocabulary = Vocabulary(8)
    changes = [make.change("s", make.trace("s", at=n, route=name, cost_nano=1)) for n, name in enumerate(names)]
    for n in range(0, len(changes), 10):
        store.write(changes[n : n + 10])


def ask(store, **options):
    asked = {"by": "route", "q": "", "width": "1h", "most": 200, "points": False, "sessions": False, **options}
    return metrics.metrics(store._ready(), START, NOW, now_ns=NOW, **asked)


def rows(store):
    with store._ready().connections.reading() as connection:
        return connection.execute("SELECT count(DISTINCT key) FROM bucket WHERE kind = 4 AND res != 0").fetchone()[0]


def test_one_writer_tells_a_few_names_apart_and_counts_all(memory, make):
    write(memory, make, [f"/{n}" for n in range(300)])
    memory._recorder.count()
    memory.roll_up(now_ns=NOW)
    answer = ask(memory)
    assert len(answer.series) == 9 and answer.series[-1].key == OTHER
    assert sum(series.tally.count for series in answer.series) == answer.total.count == 300
    assert answer.series[-1].tally.cost_nano == 292
    assert rows(memory) == 9


def test_many_writers_together_fill_a_day_no_further(store, store_url, make):
    from convotrace.store import Store

    for writer in range(5):
        other = Store.open(store_url)
        write(other, make, [f"/{writer}-{n}" for n in range(20)])
        other._recorder.count()
        other.close()
    store.roll_up(now_ns=NOW)
    assert rows(store) <= 13
    assert ask(store).total.count == 100


def test_what_was_counted_among_the_others_may_be_taken_back_under_its_own_name(memory, make):
    names = [f"/{n}" for n in range(20)]
    write(memory, make, names)
    memory._recorder.count()
    memory.forget(session="s")
    answer = ask(memory)
    assert answer.total.count == 0 and all(series.tally.count == 0 for series in answer.series)


def test_long_names_are_cut_and_told_apart(memory, make):
    long = "/x" * 500
    write(memory, make, [long, long, long + "y"])
    keys = {series.key: series.tally.count for series in ask(memory).series}
    assert sorted(keys.values()) == [1, 2]
    assert all(len(key) <= buckets.LONGEST + 17 for key in keys)


def test_a_vocabulary_begins_anew_each_day():
    words = Vocabulary(2)
    words.begin(1)
    assert [words.admit(4, name) for name in "abca"] == ["a", "b", OTHER, "a"]
    assert words.admit(5, "c") == "c"
    words.begin(DAY_NS)
    assert words.admit(4, "c") == "c"


def test_many_tags_are_a_few_series_and_one_of_all_others(memory, make):
    for n in range(0, 600, 50):
        memory.write([make.change(f"s{k}", make.trace(f"s{k}", at=k), tags=(f"t{k}",)) for k in range(n, n + 50)])
    answer = ask(memory, by="tag", most=5)
    assert [series.tally.count for series in answer.series] == [1, 1, 1, 1, 1, 595]
    assert answer.total.count == 600
