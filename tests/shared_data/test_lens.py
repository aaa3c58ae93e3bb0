"""The context lens over real conversations in Chinese; ten findings were checked by hand against the texts."""

import json
from itertools import pairwise

import pytest

from convotrace.insight.lens import lens
from convotrace.model import Document, Payload, Span, Trace

pytestmark = pytest.mark.data


def _turns(source):
    for number, turn in enumerate(source["turns"], 1):
        spans = [_retrieval(step, f"{number:08x}{at:08x}") for at, step in enumerate(turn["steps"])]
        texts = {"input": Payload(turn["user"]), "output": Payload(turn["assistant"])}
        yield Trace(f"{number:032x}", source["id"], is_turn=True, turn=number, spans=tuple(spans), **texts)


def _retrieval(step, span_id):
    found = tuple(Document(one["document_id"], one.get("text")) for one in step["output"])
    return Span(span_id, "t", step["name"], "retrieval", query=step["input"], documents=found)


@pytest.fixture(scope="module")
def seen(data):
    """Return what the lens sees, by conversation."""
    lines = (data / "conversations" / "crosswoz_zh.jsonl").read_text(encoding="utf-8").splitlines()
    return {source["id"]: lens(list(_turns(source))) for source in map(json.loads, lines)}


CHECKED = [
    # Conversation, turn, entity, the turn that found it first, where it is now, its words in the answer.
    ("10086", 2, "维也纳3好酒店(北京南站洋桥店)", 1, "retrieved", []),
    ("10086", 4, "白乙化烈士纪念馆", 3, "retrieved", ["白乙化烈士纪念馆"]),
    ("10086", 5, "维也纳3好酒店(北京南站洋桥店)", 1, "said", []),
    # The answer names a park whose name begins with this one's.
    ("10103", 4, "地坛", 1, "said", []),
    ("123", 4, "大运河森林公园", 3, "said", ["大运河森林公园"]),
    ("12354", 6, "大观园", 1, "said", ["大观园"]),
    ("12354", 6, "7天优品酒店(北京国贸劲松地铁站店)", 3, "said", ["7天优品酒店(北京国贸劲松地铁站店)"]),
    ("184", 2, "贵源柒彩酒楼", 1, "said", ["贵源柒彩酒楼"]),
    # The answer names another garden with four characters in common.
    ("1748", 6, "世界花卉大观园", 1, "said", []),
    ("1748", 6, "韩美林艺术馆", 5, "retrieved", ["韩美林艺术馆"]),
]


@pytest.mark.parametrize(("number", "turn", "name", "since", "state", "words"), CHECKED)
def test_a_finding_is_what_a_person_found(seen, number, turn, name, since, state, words):
    found = seen[f"crosswoz-val-{number}"][turn - 1]
    (holding,) = (one for one in found.documents if one.source.name == name)
    answer = found.trace.output.text
    assert (holding.source.since, holding.state) == (since, state)
    assert [answer[start:end] for start, end in holding.places] == words


def test_every_later_turn_names_what_is_still_in_context(seen):
    turns = [(one, after) for conversation in seen.values() for one, after in pairwise(conversation)]
    assert len(turns) == 1071 - 129
    for before, after in turns:
        # What was said stays; only what was found and never named has left.
        said = {holding.source for holding in before.held if holding.state == "said" or holding.places}
        assert said <= {holding.source for holding in after.held}
