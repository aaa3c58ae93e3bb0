"""Queues on the page: made, filled, gone through by form, by program and by keyboard alone; definitions of scores."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from convotrace.insight.definitions import score_definition
from convotrace.insight.queues import Queue
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

START, SECOND = 1_795_355_342_000_000_000, 10**9
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


@pytest.fixture
def house(new_house, store):
    """A house over a real store: what is put into it is written at once."""

    def make(**options):
        made = new_house([], **options)
        made.store = lambda: store
        made.put = lambda change: bool(store.write([change]))
        return made

    return make


def talk(store, number=1, turns=1):
    """Write sessions of a few turns; return the ids of their last turns."""
    last = []
    for n in range(number):
        for turn in range(turns):
            id, at = f"{n * 100 + turn + 1:032x}", START + (n * 100 + turn) * 60 * SECOND
            said = (Payload(f"question {n}.{turn}"), Payload(f"answer {n}.{turn}"))
            trace = Trace(id, f"s{n}", is_turn=True, started_ns=at, duration_ns=SECOND, input=said[0], output=said[1])
            store.write([Change(SessionFacts(f"s{n}", id_source="header"), trace)])
        last.append(id)
    return last


def post(ask, house, path, fields):
    return ask(house, path, "POST", FORM, body=urlencode(fields).encode())


def send(ask, house, path, fields, status=201):
    response = ask(house, path, "POST", JSON, body=json.dumps(fields).encode())
    assert response.status == status, response.body
    return json.loads(response.body)


def where(response):
    assert response.status == 303, response.body
    return dict(response.headers)["location"]


def test_a_person_makes_a_queue_by_form_and_goes_through_it_without_scripts(ask, house, store):
    talk(store, 3, turns=2)
    store.put_score_definition(score_definition("good", min=1, max=5, pass_min=4, rubric="Helps?"))
    it = house()
    form = {"name": "q", "on": "turn", "raters": "1", "ask.good": "on", "fill": "1", "turns": "last", "sample": "1"}
    assert where(post(ask, it, "/review", form)) == "review/q"
    assert "0 of 3" in ask(it, "/review").body.decode()
    for given in ({"do": "save", "score.good": "4", "note": "fine", "took": "1500"}, {"do": "skip"}):
        page = ask(it, "/review/q", query="as=kim").body.decode()
        item = page.split('name="item" value="')[1].split('"')[0]
        assert "Helps?" in page and "answer" in page
        assert where(post(ask, it, "/review/q", {"as": "kim", "item": item, **given})) == "q?as=kim#here"
    states = sorted((one.state, one.took_ns) for task in store.tasks("q") for one in task.reviews)
    assert states == [("done", 1_500_000_000), ("skipped", None)]
    told = json.loads(ask(it, "/review/q.json").body)
    assert (told["items"], told["done"], told["people"]) == (3, 2, {"kim": 2})
    (judged,) = [s for s in store.sessions() if s.scores]
    assert (judged.scores, judged.passes) == ({"good": 4.0}, {"good": {"passed": 1, "of": 1}})
    scores = [score for trace in store.session(judged.id).traces for score in trace.scores]
    assert sorted((s.name, s.value, s.author, s.source, s.passed) for s in scores) == [
        ("good", 4, "kim", "annotator", True), ("note", "fine", "kim", "annotator", None),
    ]  # fmt: skip


def test_a_program_saves_several_raters_and_reads_their_agreement(ask, house, store):
    talk(store, 2)
    it = house()
    made = send(ask, it, "/review", {"name": "q", "scores": ["good"], "raters": 2, "fill": True})
    assert made["added"] == 2
    first, second = (task.id for task in store.tasks("q"))
    for who, values in (("a", (4, 2)), ("b", (4, 3))):
        for item, value in zip((first, second), values, strict=True):
            send(ask, it, "/review/q", {"do": "save", "as": who, "item": item, "scores": {"good": value}})
    told = json.loads(ask(it, "/review/q.json").body)
    assert told["done"] == 2 and told["agreement"]["good"]["method"] == "cohen"
    assert [one["mean"] for one in told["agreement"]["good"]["raters"]] == [3.0, 3.5]
    assert round(told["agreement"]["good"]["kappa"], 4) == 0.3333


def test_what_others_said_is_shown_after_one_s_own_judgement(ask, house, store):
    talk(store)
    store.put_queue(Queue("q", ("good",), raters=2))
    store.fill_queue("q")
    (task,) = store.tasks("q")
    it = house()
    send(ask, it, "/review/q", {"as": "ann", "item": task.id, "scores": {"good": 2}, "note": "secret of ann"})
    before = ask(it, "/review/q", query=f"as=ben&item={task.id}").body.decode()
    assert "Shown after you judged" in before and "secret of ann" not in before
    send(ask, it, "/review/q", {"as": "ben", "item": task.id, "scores": {"good": 3}})
    after = ask(it, "/review/q", query=f"as=ben&item={task.id}").body.decode()
    assert "secret of ann" in after and "Shown after you judged" not in after
    # What was given is there again, to be changed; what is given again in the same way is no second score.
    assert 'value="3" data-key="3" checked' in after
    told = send(ask, it, "/review/q", {"as": "ben", "item": task.id, "scores": {"good": 3}})
    assert told["scores"] == []


def test_a_corrected_answer_stands_under_the_turn_and_keeps_its_history(ask, house, store):
    talk(store)
    it = house()
    for text in ("yes", "Better: 7"):
        body = {"name": "correction", "value": text, "trace_id": f"{1:032x}", "author": "kim"}
        assert send(ask, it, "/s/s0/scores", body)["type"] == "text"
    assert where(post(ask, it, "/s/s0/scores", {"name": "note", "value": "5", "trace_id": f"{1:032x}"}))
    page = ask(it, "/s/s0").body.decode()
    assert page.count("Should have been") == 2 and "Better: 7" in page
    assert [s.value for s in store.session("s0").traces[0].scores] == ["yes", "Better: 7", "5"]


def test_a_score_that_is_defined_is_checked_wherever_it_comes_in(ask, house, store):
    (turn,) = talk(store)
    store.put_score_definition(score_definition("good", min=1, max=5), score_definition("feedback", pass_value=True))
    it = house()
    wrong = send(ask, it, "/s/s0/scores", {"name": "good", "value": 9, "trace_id": turn}, 400)
    assert wrong["error"] == "good came as 9; it takes a number from 1 to 5."
    wrong = send(ask, it, "/s/s0/scores", {"name": "good", "value": 3}, 400)
    assert wrong["error"] == "good judges a turn, and this is a session; send its trace_id."
    taken = send(ask, it, "/s/s0/scores", {"name": "good", "value": "4", "trace_id": turn})
    assert (taken["value"], taken["type"]) == (4, "numeric")
    store.put_queue(Queue("q", ("good",)))
    store.fill_queue("q")
    task = {"as": "kim", "item": store.tasks("q")[0].id}
    assert "from 1 to 5" in send(ask, it, "/review/q", {**task, "scores": {"good": "x"}}, 400)["error"]
    assert "Nothing was given" in send(ask, it, "/review/q", task, 400)["error"]
    assert "not asked for" in send(ask, it, "/review/q", {**task, "scores": {"other": 1}}, 400)["error"]
    assert "Nobody is named" in send(ask, it, "/review/q", {"scores": {"good": 1}}, 400)["error"]
    it.trace_of_ticket = lambda ticket: turn
    body = json.dumps({"token": "t", "value": 7}).encode()
    assert ask(it, "/feedback", "POST", JSON, body=body).status == 400
    assert ask(it, "/feedback", "POST", JSON, body=json.dumps({"token": "t", "value": True}).encode()).status == 204


def test_an_item_is_asked_of_one_person_until_it_is_everybody_s_again(ask, house, store):
    talk(store, 2)
    store.put_queue(Queue("q", ("good",)))
    store.fill_queue("q")
    it, first = house(), store.tasks("q")[0]
    assert where(post(ask, it, "/review/q", {"do": "assign", "as": "kim", "item": first.id})).endswith("#here")
    assert store.tasks("q")[0].assignee == "kim"
    page = ask(it, "/review/q", query="as=lee").body.decode()
    assert f'name="item" value="{store.tasks("q")[1].id}"' in page
    send(ask, it, "/review/q", {"do": "assign", "as": "kim", "item": first.id})
    assert store.tasks("q")[0].assignee is None


def test_a_session_and_a_turn_are_put_into_a_queue_by_hand(ask, house, store):
    talk(store, 1, turns=3)
    it = house()
    send(ask, it, "/review", {"name": "turns"}), send(ask, it, "/review", {"name": "whole", "on": "session"})
    page = ask(it, "/collect", query=urlencode({"session": "s0", "trace_id": f"{2:032x}"})).body.decode()
    assert "Turn 2 of" in page and 'action="review/turns"' in page and 'action="review/whole"' not in page
    assert send(ask, it, "/review/turns", {"do": "add", "session": "s0", "trace_id": f"{2:032x}"}) == {"added": 1}
    assert send(ask, it, "/review/whole", {"do": "add", "session": "s0"}) == {"added": 1}
    assert [(t.trace_id, t.why) for t in store.tasks("turns")] == [(f"{2:032x}", "by hand")]
    assert "answer 0.2" in ask(it, "/review/whole").body.decode()
    shown = ask(it, "/review/turns").body.decode()
    assert "answer 0.1" in shown and "answer 0.2" not in shown


def test_definitions_are_made_and_forgotten_on_the_page_but_not_those_of_the_code(ask, house, store):
    given = score_definition("mine", min=1, max=3)
    it = house(score_definitions=[given])
    store.put_score_definition(given)
    form = {"name": "tone", "type": "categorical", "labels": "warm, cold", "pass_labels": "warm", "on": "turn"}
    assert where(post(ask, it, "/scores", {**form, "min": "", "rubric": "How?"})) == "scores"
    assert store.score_definitions()["tone"].pass_labels == ("warm",)
    made = send(ask, it, "/scores", {"name": "low", "type": "numeric", "pass_max": 2.5})
    assert (made["pass_max"], made["accepts"], made["pass_rate"]) == (2.5, "a number", None)
    page = ask(it, "/scores").body.decode()
    assert "in code" in page and "one of warm, cold" in page and "≤ 2.5" in page
    where(post(ask, it, "/scores", {"name": "tone", "drop": "1"}))
    assert set(store.score_definitions()) == {"mine", "low"}
    assert "own code" in send(ask, it, "/scores", {"name": "mine", "drop": True}, 400)["error"]
    assert send(ask, it, "/scores", {"name": "x", "type": "odd"}, 400)["error"].startswith("type of x came as 'odd'")


def test_who_may_only_read_changes_nothing(ask, house, store):
    talk(store)
    store.put_queue(Queue("q"))
    store.fill_queue("q")
    store.put_dataset("d")
    it = house(rights=("read",))
    page = ask(it, "/review/q").body.decode()
    assert "Judging needs the right to annotate" in page and "<form" not in page.split("<main")[1].split("</main")[0]
    for path in ("/review", "/review/q", "/scores", "/datasets", "/datasets/d"):
        assert post(ask, it, path, {"name": "x", "do": "add"}).status == 404
        assert '<form class="stack"' not in ask(it, path).body.decode()
    assert ask(it, "/datasets/d/export").status == 404


@pytest.mark.browser
def test_a_queue_of_twenty_is_gone_through_by_keyboard_alone(browser, house, store, serve_house, open_page):
    talk(store, 20, turns=2)
    store.put_score_definition(
        score_definition("good", min=1, max=5), score_definition("tone", labels=["warm", "neutral", "cold"])
    )
    store.put_queue(Queue("q", ("good", "tone")))
    store.fill_queue("q", turns="last")
    page = open_page(browser, serve_house(house()), "/review/q")
    # Nobody is named yet: the first save asks for it, and the browser remembers.
    page.keyboard.press("4")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "as"
    page.keyboard.type("kim")
    page.keyboard.press("Enter")
    for number in range(1, 20):
        page.wait_for_selector(f"#progress >> text={number} of 20")
        page.wait_for_load_state()  # only then are keys heard
        if number == 7:
            page.keyboard.press("s")
        elif number == 9:
            page.keyboard.press("r")
            page.keyboard.type("It should have said so.")
            page.keyboard.press("Control+Enter")
        else:
            page.keyboard.press(str(number % 5 + 1))
            page.keyboard.press(str(number % 3 + 1))
            page.keyboard.press("n" if number % 2 else "Enter")
    page.wait_for_selector("text=All done")
    assert parse_qs(urlsplit(page.url).query) == {"as": ["kim"]}
    given = {}
    for task in store.tasks("q"):
        for score in store.session(task.session_id).traces[-1].scores:
            given.setdefault(score.name, []).append(score.value)
    states = [one.state for task in store.tasks("q") for one in task.reviews]
    assert (states.count("done"), states.count("skipped")) == (19, 1)
    expected = [n % 5 + 1 for n in range(1, 20) if n not in (7, 9)]
    assert sorted(given["good"]) == sorted([4, *expected]) and len(given["tone"]) == 18
    assert given["correction"] == ["It should have said so."]
    assert page.complaints == []
    page.context.close()


@pytest.mark.browser
def test_a_person_without_scripts_judges_skips_and_finds_the_next_item(browser, house, store, serve_house, open_page):
    talk(store, 3)
    store.put_queue(Queue("q", ("good",)))
    store.fill_queue("q")
    page = open_page(browser, serve_house(house()), "/review/q", java_script_enabled=False)
    page.fill("[name=as]", "kim")
    page.click("label:has([name='score.good'][value='4'])")
    page.fill("[name=correction]", "Better.")
    page.click("text=Save and next")
    assert page.inner_text("#progress b") == "1"
    page.click("button:has-text('Skip')")
    assert page.inner_text("#progress b") == "2"
    page.click("text=The item before")
    assert page.inner_text("#progress b") == "2"
    states = [[one.state for one in task.reviews] for task in store.tasks("q")]
    assert states == [["done"], ["skipped"], []]
    scores = store.session(store.tasks("q")[0].session_id).traces[0].scores
    assert sorted((score.name, score.value) for score in scores) == [("correction", "Better."), ("good", 4)]
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (320, "light"), (1440, "light")])
def test_pages_of_judging_fit_and_nothing_is_blocked(browser, house, store, serve_house, open_page, width, theme):
    talk(store, 3, turns=2)
    hostile = '"><img src=x onerror="window.run=1"> ' + "x" * 300
    store.put_score_definition(
        score_definition("<b>good</b>", min=1, max=5, rubric=hostile),
        score_definition(hostile[:90], labels=["<i>a</i>", "y" * 60]),
        score_definition("free", type="text"), score_definition("ms", pass_max=3),
    )  # fmt: skip
    store.put_queue(Queue("q", ("<b>good</b>", hostile[:90], "free", "ms"), raters=2, about=hostile))
    store.put_dataset("d", hostile)
    store.fill_queue("q"), store.fill_dataset("d"), store.commit_dataset("d", hostile)
    task = store.tasks("q")[0]
    it = house()
    for who in ("a", hostile[:100]):
        store.review("q", task.id, who, "done")
    site = serve_house(it)
    page = open_page(browser, site, viewport={"width": width, "height": 800}, color_scheme=theme)
    wide = []
    paths = ["review", "review/q", f"review/q?as=a&item={task.id}", "scores", "datasets", "datasets/d",
             "datasets/d?version=1", "collect?q=x", "collect?session=s0"]  # fmt: skip
    for path in paths:
        assert page.goto(f"{site}/{path}").status == 200
        page.wait_for_load_state()
        page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
        assert page.evaluate("window.run") is None
    assert (wide, page.complaints) == ([], [])
    page.context.close()
