"""How a session ended, and where it rubbed, from the verbs of an app to the lists and pages that show it."""

import convotrace as ct


def test_a_call_of_a_declared_tool_is_found_as_an_escalation():
    observer = ct.ConvoTrace(store="memory:", handoff_tools=["call_a_human"], enabled=True)
    with observer.session("handed over"), ct.tool("call_a_human", arguments={"why": "angry"}):
        ct.set_input("Let me talk to somebody!")
    with observer.session("not"), ct.tool("look_up"):
        ct.set_input("Where is my parcel?")
    store = observer.store
    assert [one.id for one in store.sessions("outcome:escalated has:escalation")] == ["handed over"]
    assert store.session("handed over").session.outcome_reason == "the tool call_a_human was called"
    assert store.session("not").session.outcome == "open"
    observer.close()


def test_a_turn_shows_its_signs_of_friction_with_their_reasons():
    observer = ct.ConvoTrace(store="memory:", enabled=True)
    for question in ("When will my refund for order 4711 arrive?", "And when will my refund for order 4711 arrive?"):
        with observer.session("s"):
            ct.set_input(question)
            ct.set_output("I do not know that.")
            with ct.tool("refunds", arguments={"order": 4711}):
                pass
    found = observer.store.session("s")
    assert [s.name for s in found.traces[1].signals] == ["rephrased", "repeated_answer", "repeated_call"]
    assert found.traces[1].signals[0].why == "The user said nearly the same in turn 1."
    assert found.traces[0].signals == () and found.session.signals == found.traces[1].signals
    observer.close()
