"""The filter language: what a text means, what it is written back as, and what is said of a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest, FilterError
from convotrace.query import (
    EVERYTHING,
    FIELDS,
    Ago,
    And,
    Compare,
    Has,
    Match,
    Moment,
    Not,
    Or,
    Text,
    When,
    Within,
    parse,
)
from convotrace.query.nodes import joined
from convotrace.query.parsing import DEEPEST, MOST_CHARACTERS, MOST_TERMS
from convotrace.query.values import LARGEST

SECOND = 10**9
A, B, C = Text("a"), Text("b"), Text("c")

texts = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
names = st.text(min_size=1, max_size=8)
moments = st.one_of(
    st.integers(0, LARGEST).map(Ago),
    st.integers(-LARGEST, LARGEST).map(Moment),
    st.just(Moment(1_795_651_200 * SECOND)),
)


@st.composite
def terms(draw):
    field = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
    name = draw(names) if field.name.endswith(".") else ""
    if field.measure == "word":
        prefix = draw(st.booleans())
        return Match(field.name, draw(texts) if not prefix else draw(st.text(max_size=9)), prefix, name)
    if field.measure == "choice":
        return Match(field.name, draw(st.sampled_from(field.choices)))
    if field.measure == "also":
        return Has(draw(st.sampled_from(field.choices)))
    if field.measure == "time":
        return When(field.name, draw(moments))
    if field.measure == "range":
        bounds = draw(st.tuples(st.none() | moments, st.none() | moments).filter(any))
        return Within(field.name, *bounds)
    whole = field.measure != "score"
    number = st.integers(0, LARGEST) if whole else st.floats(allow_nan=False, allow_infinity=False)
    return Compare(field.name, draw(st.sampled_from(["=", ">", ">=", "<", "<="])), draw(number), name)


leaves = st.one_of(st.builds(Text, texts, st.booleans()), terms())
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: joined(And, parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: joined(Or, parts)),
    ),
    max_leaves=8,
)


@given(trees)
def test_a_tree_written_as_text_is_read_as_the_same_tree(tree):
    if len(str(tree)) <= MOST_CHARACTERS:
        assert parse(str(tree)) == tree


_WORDS = r'user tag meta. score.x turns since has : = != > <= AND OR NOT - ( ) " * \ 5 2s 24h 2026-11-26 a 地铁 % //'
PIECES = [*_WORDS.split(), " ", "\0", "\ud800", "'"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_read_or_refused_with_a_place_in_it_and_a_hint(q):
    try:
        tree = parse(q)
    except FilterError as error:
        assert 0 <= error.position <= len(q)
        assert error.hint and error.hint in str(error)
    else:
        assert len(str(tree)) > MOST_CHARACTERS or parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("q", "tree"),
    [
        ("", EVERYTHING),
        (" \n", EVERYTHING),
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("(a b) c", And((A, B, C))),
        ("NOT a b", And((Not(A), B))),
        ("-(a OR b)", Not(Or((A, B)))),
        ("-a", Not(A)),
        ("well-known", Text("well-known")),
        ('"well known"', Text("well known")),
        (r'"say \"hi\" \\"', Text('say "hi" \\')),
        ("flig*", Text("flig", prefix=True)),
        ('"flig*"', Text("flig*")),
        ("and or not", And((Text("and"), Text("or"), Text("not")))),
        ('"AND"', Text("AND")),
        ("10:30", Text("10:30")),
        ("https://example.com/a:b", Text("https://example.com/a:b")),
        ("Error: late", And((Text("Error:"), Text("late")))),
        ("价格:3", Text("价格:3")),
    ],
)  # fmt: skip
def test_texts_and_their_connections(q, tree):
    assert parse(q) == tree


@pytest.mark.parametrize(
    ("q", "tree"),
    [
        ("user:ann", Match("user", "ann")),
        ("user=ann", Match("user", "ann")),
        ("USER:Ann", Match("user", "Ann")),
        ("user!=ann", Not(Match("user", "ann"))),
        ("user:a:b", Match("user", "a:b")),
        ('user:"ann b"*', Match("user", "ann b", prefix=True)),
        ("user:*", Match("user", "", prefix=True)),
        ('tag:"*"', Match("tag", "*")),
        ("meta.plan:pro", Match("meta.", "pro", name="plan")),
        ('meta."my plan":pro', Match("meta.", "pro", name="my plan")),
        ("kind:TOOL", Match("kind", "tool")),
        ("turns>5", Compare("turns", ">", 5)),
        ("turns:>5", Compare("turns", ">", 5)),
        ("turns:5", Compare("turns", "=", 5)),
        ("turns!=5", Not(Compare("turns", "=", 5))),
        ("tokens>=1.5k", Compare("tokens", ">=", 1500)),
        ("tokens<2M", Compare("tokens", "<", 2_000_000)),
        ("cost>0.05", Compare("cost", ">", 50_000_000)),
        ("cost<=$1.5", Compare("cost", "<=", 1_500_000_000)),
        ("duration>150ms", Compare("duration", ">", 150_000_000)),
        ("duration<1h30m", Compare("duration", "<", 5400 * SECOND)),
        ("idle>0.5s", Compare("idle", ">", SECOND // 2)),
        ("score.Bert-KPrec<0.5", Compare("score.", "<", 0.5, "Bert-KPrec")),
        ("score.passed:true", Compare("score.", "=", 1.0, "passed")),
        ("score.x>-1e-3", Compare("score.", ">", -0.001, "x")),
        ("fb:down", Match("fb", "down")),
        ("has:error", Has("error")),
        ("since:24h", When("since", Ago(86400 * SECOND))),
        ("since:2026-11-26", When("since", Moment(1_795_651_200 * SECOND))),
        ("until:2026-11-26T01:00+01:00", When("until", Moment(1_795_651_200 * SECOND))),
        ("until:1970-01-01T00:00:00.000000001Z", When("until", Moment(1))),
    ],
)
def test_terms(q, tree):
    assert parse(q) == tree


@pytest.mark.parametrize(
    ("q", "position", "hint"),
    [
        ("usr:ann", 0, "Did you mean user?"),
        ("hello turn>3", 6, "Did you mean turns?"),
        ("zzzz:1", 0, 'in quotes to look for it as text: "zzzz:1"'),
        ("meta:pro", 0, "meta.plan:pro"),
        ("user.name:ann", 0, "user:ann"),
        ("kind:tol", 5, "Did you mean tool?"),
        ("has:errors", 4, "Did you mean error?"),
        ("resolved:maybe", 9, "true, false, unknown"),
        ("user>ann", 0, "It takes : = !="),
        ("has!=error", 0, "It takes : ="),
        ("user:", 5, "user:ann"),
        ('user:""', 5, "user:ann"),
        ("user:a*b", 6, 'user:"a*b"'),
        ("turns>many", 6, "such as 5 or 10k"),
        ("turns>1.5", 6, "whole number"),
        ("turns>99999999999999999999", 6, "whole number"),
        ("turns>5*", 7, "turns>5"),
        ("duration>5", 9, "150ms, 2s, 5m"),
        ("cost>cheap", 5, "US dollars"),
        ("score.x<low", 8, "true or false"),
        ("score.x<1e999", 8, "true or false"),
        ("since:yesterday", 6, "24h or 7d"),
        ("since:2026-13-01", 6, "2026-11-26"),
        ("a AND", 5, "Write a term"),
        ("AND a", 0, "Write a term"),
        ("a OR OR b", 5, "Write a term"),
        ("NOT", 3, "Write a term"),
        ("()", 1, "Write a term"),
        ("(a", 0, "Add a )"),
        ("a)", 1, "Remove it"),
        ('say "hi', 4, 'Add a second "'),
        ('""', 0, "between the quotation marks"),
        ("began:24h", 6, "from one moment to another, either of which may be left out: began:"),
        ("active:..", 7, "active:2h..1h"),
        ("failing:1h..soon", 12, "Write a time before now"),
        ("(" * (DEEPEST + 1), DEEPEST, f"at most {DEEPEST} levels"),
        ("-" * 5000, MOST_CHARACTERS, "at most 2,000 characters"),
        ("a " * (MOST_TERMS + 1), 2 * MOST_TERMS, f"at most {MOST_TERMS}"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_refused_where_it_is_wrong(q, position, hint):
    with pytest.raises(BadRequest) as caught:
        parse(q)
    assert caught.value.position == position
    assert hint in caught.value.hint
    assert f"at character {position + 1}." in str(caught.value)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_the_example_of_a_field_is_a_use_of_it(field):
    tree = parse(field.example)
    assert (tree.what in field.choices) if isinstance(tree, Has) else tree.field == field.name


def test_a_moment_before_now_depends_on_now_and_a_date_does_not():
    assert parse("since:2m").moment.at(500 * SECOND) == 380 * SECOND
    assert parse("since:1970-01-02").moment.at(0) == 86400 * SECOND
