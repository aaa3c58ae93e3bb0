"""Scores given by verbs, held against their definitions: typed, passed or not, and never in the way of the app."""

import convotrace as ct


def test_a_score_of_a_verb_has_the_type_of_its_definition_and_what_does_not_fit_stays(store_url, capsys):
    observer = ct.ConvoTrace(
        store=store_url, enabled=True,
        score_definitions=[
            ct.score_definition("good", min=1, max=5, pass_min=4), ct.score_definition("tone", labels=["warm", "cold"])
        ],
    )  # fmt: skip
    for value in ("4", 9, 2, "many"):
        with observer.session("s"):
            ct.set_input("hi"), ct.set_output("ho")
            ct.score("good", value)
            with ct.span("step"):
                ct.score("tone", "warm", on="span")
    with observer.session("s") as trace:
        ct.set_input("bye")
        ct.score("good", 5, on="session")
    assert trace is not None
    store = observer.store
    whole = store.session("s")
    given = [(s.value, s.type, s.passed) for t in whole.traces for s in t.scores if s.name == "good"]
    assert given == [
        (4, "numeric", True), (9, "numeric", None), (2, "numeric", False), ("many", "categorical", None)
    ]  # fmt: skip
    assert [(s.value, s.passed) for s in whole.scores] == [(5, True)]
    assert whole.session.passes == {"good": {"passed": 2, "of": 3}}
    assert store.score_definitions()["good"].pass_min == 4
    told = capsys.readouterr().err
    assert told.count("good came as 9; it takes a number from 1 to 5.") == 1 and "many" not in told
    observer.close()
