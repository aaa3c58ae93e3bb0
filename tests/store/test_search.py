"""What was said is found, in any script, right after it was said; what was deleted is not, whoever deleted it how."""

import json
import random
import re
import string
import subprocess
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.model import Change, Failure, Payload, Score, SessionFacts, Target
from convotrace.store import Store, indexing
from convotrace.store.retention import Limits
from tests.store.conftest import START, Make
from tests.store.test_forgetting import copies
from tests.store.test_processes import command, environment

HOSTILE = [
    '"', '""', '"""', "*", "**", "a*b", "-", "--", "NEAR(", "NEAR(a b, 5)", "col:", "input:x", "{input output}: x",
    "AND AND", "OR", "NOT", "a AND", "a OR b NOT c", "(", ")", "((((", "^a", "a + b", "a\0b", "\ud800", "%", "_", "\\",
    "'; DROP TABLE trace; --", "speech:1", "rank", "x" * 500, "x " * 20, "-a", "\ufdd1a\ufdd2", "\ufdd0\"a\"",
    "⁂", "１２",
]  # fmt: skip
"""Syntax of FTS5 and SQL, and texts at the limits."""


def say(make, asked, answered="", session="s", **fields):
    return make.change(session, make.trace(session, input=Payload(asked), output=Payload(answered), **fields))


def found(store, q, **options):
    """Return session and turn of every hit."""
    return [(hit.session.id, hit.turn) for hit in store.search(q, **options)]


def is_sound(store):
    with store._opened.connections.writing() as connection:
        store._opened.speech.check(connection)
    return True


@pytest.mark.parametrize(
    "q", ["地铁", "故宫", "informacion", "INFORMACIÓN", "iphone手机", "Inform*", '"esta aqui"', "坐地铁 aquí"]
)
def test_any_script_is_found_without_accents_and_case(memory, make, q):
    memory.write([say(make, "我想坐地铁去故宫，iPhone手机", "La información está aquí"), say(make, "no such thing")])
    assert found(memory, q) == [("s", 1)]


@pytest.mark.parametrize("q", ["铁地", "ubway", '"two words"', "地铁 -故宫", "aqui -inform*", "xyz*"])
def test_what_nobody_said_is_not_found(memory, make, q):
    memory.write([say(make, "我想坐地铁去故宫，subway", "La información está aquí: words two")])
    assert found(memory, q) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("วันนี้ฉันไปตลาด", "ตลาด"), ("東京タワーへ行く", "タワー"), ("안녕하세요", "하세"), ("हिन्दी में", "हिन्दी"),
        ("𠀋𠂢𠂤", "𠂢𠂤"),
    ],
)  # fmt: skip
def test_scripts_of_other_peoples_are_found(memory, make, text, part):
    memory.write([say(make, text)])
    assert found(memory, part) == [("s", 1)]


def test_a_hit_says_where_and_marks_what(memory, make):
    span = make.span(kind="tool", status="error", error=Failure("TimeoutError", "the gate was closed"))
    memory.write([say(make, "Where is gate 9?", "Your gate:  地铁 9", spans=(span,))])
    (hit,) = memory.search("gate")
    assert [(p.where, p.text, p.marks) for p in hit.found] == [
        ("input", "Where is gate 9?", ((9, 13),)),
        ("output", "Your gate:  地铁 9", ((5, 9),)),
        ("error", "TimeoutError: the gate was closed", ((18, 22),)),
    ]
    assert (hit.session.id, hit.turn, len(hit.trace_id)) == ("s", 1, 32)


def test_a_long_text_is_shown_around_what_was_found(memory, make):
    memory.write([say(make, "before " * 200 + "needle" + " after" * 200)])
    ((passage,),) = (hit.found for hit in memory.search("needle"))
    ((start, end),) = passage.marks
    assert (passage.text[start:end], passage.text[0], passage.text[-1]) == ("needle", "…", "…")
    assert len(passage.text) < 200


def test_turns_are_numbered_as_in_the_session(memory, make):
    later, earlier = make.trace(at=100, input=Payload("two")), make.trace(at=50, input=Payload("one"))
    memory.write([make.change(trace=later), make.change(trace=earlier)])
    assert (found(memory, "one"), found(memory, "two")) == ([("s", 1)], [("s", 2)])


def test_pages_follow_each_other_without_gap_or_double(memory, make):
    memory.write([say(make, "hello", session=f"s{number}") for number in range(25)])
    seen, after = [], None
    while True:
        page = memory.search("hello", limit=10, after=after)
        seen += [hit.session.id for hit in page]
        after = page.next
        if after is None:
            break
    assert seen == [f"s{number}" for number in reversed(range(25))]


@pytest.mark.parametrize("after", ["x", "", "W10", "é", "WyJzZWFyY2giLDEuNV0"])
def test_a_cursor_of_something_else_is_refused(memory, after):
    with pytest.raises(BadRequest, match="no cursor"):
        memory.search("x", after=after)


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_limit_that_cannot_be_is_refused(memory, limit):
    with pytest.raises(BadRequest, match="limit"):
        memory.search("x", limit=limit)


@pytest.mark.parametrize("q", HOSTILE)
def test_hostile_syntax_is_words_or_refused(memory, make, q):
    memory.write([say(make, q, "a b x")])
    try:
        hits = memory.search(q)
    except BadRequest as refused:
        assert "\n" not in str(refused)
    else:
        assert all(hit.session.id == "s" for hit in hits)


def test_thousands_of_random_texts_never_raise_anything_else(memory, make):
    memory.write([say(make, "a b c地铁")])
    chance = random.Random(4)
    pieces = [*string.printable, *HOSTILE, "地", "é", "\u0301", "ab ", "NOT ", "\udc80"]
    refused = 0
    for _ in range(5_000):
        try:
            memory.search("".join(chance.choices(pieces, k=chance.randint(1, 12))))
        except BadRequest:
            refused += 1
    assert 0 < refused < 5_000


@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_any_text_is_stored_and_asked_for_without_raising(text):
    with_store(lambda store: (store.write([say(Make(), text, text)]), ask(store, text)))


def ask(store, text):
    try:
        return store.search(text)
    except BadRequest:
        return None


def with_store(run):
    store = Store.open("memory:")
    try:
        run(store)
        assert is_sound(store)
    finally:
        store.close()


@given(st.text(st.sampled_from("地铁故宫去我想坐，。a 9é"), min_size=2, max_size=40), st.data())
def test_every_part_of_a_chinese_text_is_found(text, data):
    start = data.draw(st.integers(0, len(text) - 2))
    part = text[start : data.draw(st.integers(start + 2, len(text)))]

    def run(store):
        store.write([say(Make(), text)])
        assert found(store, f'"{part}"') == [("s", 1)]

    if any("一" <= character <= "龥" for character in part) and not set("a9é") & set(part):
        with_store(run)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["say", "again", "move", "note", "rename", "forget", "unname", "index", "outside", "prune"]),
        st.integers(0, 3), st.integers(0, 3),
    ),
    max_size=25,
)  # fmt: skip
WORDS = ["apple", "地铁", "información", "zebra"]


@given(STEPS)
def test_the_index_holds_what_the_rows_hold_whatever_happens_to_them(steps):
    """Rewritten, moved, noted, forgotten, pruned, in any order, indexed or not: the index equals a new one."""

    def run(store):
        make = Make()
        for what, a, b in steps:
            step(store, make, what, f"s{a}", b)
            assert is_sound(store)
        for word in WORDS:
            assert {hit.trace_id for hit in store.search(word)} == by_reading(store, word)

    with_store(run)


def step(store, make, what, session, number):
    """Do one thing to a store."""
    traces = [trace for one in store.sessions() for trace in store.session(one.id).traces]
    trace = traces[number % len(traces)] if traces else None
    note = Score(
        f"n{number}", "note", "text", f"x {WORDS[number]}", START, Target(session, None), comment=WORDS[number]
    )
    if what == "say":
        store.write([say(make, WORDS[number], f"the {WORDS[-number]}", session, user_id=f"u{number}")])
    elif what == "index":
        list(store.index())
    elif what == "forget":
        store.forget(session=session)
    elif what == "unname":
        store.forget(user=f"u{number}")
    elif what == "prune":
        list(store.prune(Limits(rows=2, active_ns=0), START + 10**15))
    elif what == "outside":
        store.write([Change(SessionFacts(session, scores=(note,)))])
    elif trace is not None:
        change = Change(SessionFacts(trace.session_id), trace, trace.session_id)
        if what == "again":
            change = replace(change, trace=replace(trace, output=Payload(WORDS[number])))
        elif what == "note":
            note = replace(note, target=Target(trace.session_id, trace.id))
            change = Change(SessionFacts(trace.session_id, scores=(note,)))
        elif what == "move":
            moved = replace(trace, session_id=session)
            change = Change(SessionFacts(session), moved, trace.session_id)
        store.write([change])


def by_reading(store, word):
    """Return the traces that hold a word, found by reading everything."""
    found = set()
    for one in store.sessions():
        conversation = store.session(one.id)
        for trace in conversation.traces:
            texts = [trace.input.text, trace.output.text, *(score.comment for score in trace.scores)]
            if trace is conversation.traces[0]:
                texts += [score.comment for score in conversation.scores if score.target.trace_id is None]
            if any(word in (text or "") for text in texts):
                found.add(trace.id)
    return found


def test_a_running_turn_is_found_by_what_it_says_now(memory, make):
    running = make.trace(input=Payload("question"), output=Payload("half an ans"), status="running", duration_ns=None)
    memory.write([make.change(trace=running)])
    assert found(memory, "half") == [("s", 1)]
    done = replace(running, output=Payload("whole answer"), status="ok", duration_ns=1)
    memory.write([make.change(trace=done, written_as="s")])
    assert (found(memory, "half"), found(memory, "whole")) == ([], [("s", 1)])


def test_comments_are_found_at_their_turn_and_those_of_a_session_at_its_first(memory, make):
    memory.write([make.change(), make.change()])
    second = memory.session("s").traces[1]
    on_turn = Score("a", "stars", "numeric", 2, START, Target("s", second.id), comment="far too slow")
    on_session = Score("b", "review", "text", "rude tone", START, Target("s"))
    memory.write([make.outside(scores=(on_turn, on_session))])
    assert (found(memory, "slow"), found(memory, "rude")) == ([("s", 2)], [("s", 1)])
    ((passage,),) = (hit.found for hit in memory.search("slow"))
    assert passage.where == "note"
    memory.write([make.outside(scores=(replace(on_turn, comment="quick"),))])
    assert (found(memory, "slow"), found(memory, "quick")) == ([], [("s", 2)])


@pytest.mark.parametrize("many", [1, 2000])
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("zebra", ["a"]), ("zeb*", ["a"]), ("zeb", []), ("地铁", ["b", "a"]), ('"the zebra"', ["a"]), ("-zebra", ["b"]),
        ("zebra OR quiet", ["b", "a"]), ("slow turns>2", ["a"]), ("'; --", []),
    ],
)  # fmt: skip
def test_a_list_is_filtered_by_what_any_turn_says(memory, make, monkeypatch, q, expected, many):
    monkeypatch.setattr(indexing, "_MANY", many)
    said = [say(make, "first", "one", "a"), say(make, "the zebra 坐地铁", "two", "a"), say(make, "x", "last", "a")]
    note = Score("n", "stars", "numeric", 1, START, Target("a"), comment="slow")
    memory.write([*said, make.outside("a", scores=(note,)), say(make, "quiet", "坐地铁去", "b")])
    assert [session.id for session in memory.sessions(q)] == expected


def test_what_is_not_indexed_is_told(store, store_url, make, monkeypatch):
    monkeypatch.setattr("convotrace.store.indexing._CATCH_UP", 0.05)
    for place in ("sqlite.connections", "postgres.driver"):
        monkeypatch.setattr(f"convotrace.store.{place}.LOCK_PATIENCE", 0.1)
    store.write([say(make, "hello") for _ in range(3)])
    other = Store.open(store_url)
    with other._ready().connections.writing():
        page = store.search("hello")
        assert (len(page), page.waiting) == (0, 3)
    other.close()
    page = store.search("hello")
    assert (len(page), page.waiting) == (3, 0)


@pytest.mark.sqlite
def test_no_byte_of_forgotten_words_is_left_in_the_index(store, store_url, make):
    words = " ".join(f"canary-7f3a {number}" for number in range(50))
    for number in range(30):
        store.write([say(make, words, session="canary"), say(make, f"other {number}", session=f"o{number}")])
        assert store.search("other").waiting == 0
    assert found(store, "canary")
    with store._opened.connections.reading() as connection:
        terms = "SELECT count(*) FROM speech_data WHERE instr(block, CAST('canary' AS BLOB))"
        assert connection.execute(terms).fetchone()[0] > 0
        connection.execute("SELECT 1")
    store.forget(session="canary")
    with store._opened.connections.reading() as connection:
        assert connection.execute(terms).fetchone()[0] == 0
    assert copies(store_url) == {}
    assert (found(store, "canary"), len(store.search("other"))) == ([], 30)


@pytest.mark.sqlite
def test_tidying_by_the_way_wipes_what_pruning_left(store, make):
    store.write([say(make, f"word{number}") for number in range(200)])
    list(store.index())
    list(store.prune(Limits(rows=0, active_ns=0), START + 10**15))
    store.tidy_index()
    with store._opened.connections.reading() as connection:
        left = connection.execute("SELECT sum(length(block)) FROM speech_data").fetchone()[0]
    assert left < 200


def test_a_process_that_was_killed_leaves_the_rest_to_the_next(store, store_url, make):
    store.write([say(make, f"hello {number}", session=f"s{number % 7}") for number in range(1500)])
    body = """
import itertools, signal
for _ in itertools.islice(Store.open(url).index(), 3):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(command(store_url, body), env=environment(), check=False, timeout=60)
    assert done.returncode == -9
    with store._opened.connections.reading() as connection:
        left = connection.execute("SELECT count(*) FROM trace WHERE indexed = 0").fetchone()[0]
    assert left == 1200
    assert sum(store.index()) == 1200
    assert is_sound(store)
    assert len(store.search("hello", limit=200)) == 200


def test_processes_that_fill_and_write_at_once_share_the_work(store, store_url):
    body = """
for _ in range(10):
    ours = Store.open(url)
    ours.write([change(f"{os.getpid()}-{n}") for n in range(20)])
    taken = sum(ours.index())
    assert ours.search("hi").waiting < 1000
    ours.close()
"""
    running = [subprocess.Popen(command(store_url, body), env=environment()) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    list(store.index())
    assert is_sound(store)
    assert len(all_hits(store, "hi")) == 800


@pytest.mark.sqlite
def test_a_copy_is_searched_like_the_original(store, make, tmp_path):
    store.write([say(make, "地铁", session=f"s{number}") for number in range(5)])
    list(store.index())
    store.forget(session="s1")
    store.backup(tmp_path / "copy.db")
    copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
    assert found(copy, "地铁") == found(store, "地铁") == [("s4", 1), ("s3", 1), ("s2", 1), ("s0", 1)]
    assert is_sound(copy)
    copy.close()


def folded(text):
    """Return a text without accents and case."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def all_hits(store, q):
    """Return the trace of every hit on every page."""
    hits, after = [], None
    while True:
        page = store.search(q, limit=200, after=after)
        hits += [hit.trace_id for hit in page]
        after = page.next
        if after is None:
            assert len(set(hits)) == len(hits)
            return set(hits)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("crosswoz_zh", ["地铁", "故宫", "门票", "北京", "酒店"]),
        ("tau2_es", ["información", "informacion", "instalacion"]),
        ("tau2_en", ["flight", "Reservation"]),
    ],
)  # fmt: skip
def test_real_conversations_are_found_as_substring_search_finds_them(data, memory, make, file, words):
    said = {}
    for line in (data / "conversations" / f"{file}.jsonl").read_text().splitlines():
        conversation = json.loads(line)
        for turn in conversation["turns"]:
            change = say(make, turn["user"] or "", turn["assistant"] or "", session=conversation["id"])
            memory.write([change])
            said[change.trace.id] = [folded(turn["user"] or ""), folded(turn["assistant"] or "")]
    list(memory.index())
    for word in words:
        is_chinese = not folded(word).isascii()
        # In scripts with spaces a word is found by its beginning, not by its middle.
        wanted = re.compile(("" if is_chinese else r"(?<![^\W_])") + re.escape(folded(word)))
        expected = {trace_id for trace_id, texts in said.items() if any(map(wanted.search, texts))}
        assert expected
        assert all_hits(memory, word if is_chinese else f"{word}*") == expected
