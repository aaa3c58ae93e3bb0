"""Real ratings, sent through the HTTP APIs: means, agreement, filters, pass rates and datasets equal their source."""

import http.client
import json
import time
from collections import defaultdict

import pytest

from convotrace import ConvoTrace, score_definition
from convotrace.capture.tickets import MINT
from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.demo.server import serve
from convotrace.demo.service import Service
from convotrace.demo.wsgi_app import DemoApp
from convotrace.identity import session_key
from convotrace.wsgi import ConvoTraceMiddleware

pytestmark = [pytest.mark.data, pytest.mark.slow]

TOKEN = "open-sesame-0123456789"
SCALES = ("naturalness", "appropriateness", "completeness", "faithfulness")
DEFINITIONS = [
    *(score_definition(name, min=1, max=4, pass_min=3) for name in SCALES),
    score_definition("win-rate", pass_min=1),
    score_definition("rl_f", on="session", min=0, max=1, pass_min=0.5),
]


class Api:
    """Speaks to the page as any program would."""

    def __init__(self, port):
        self.port = port

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, f"/_sessions/{path}", None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        assert response.status in (200, 201, 204), (path, response.status, answer[:200])
        return answer

    def get(self, path):
        return json.loads(self.ask("GET", path))

    def post(self, path, **body):
        return json.loads(self.ask("POST", path, body))


def _read(data, name):
    text = (data / "conversations" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def sources(data):
    """Answers of three models, rated by people and by programs."""
    return _read(data, "mtrag_eval.jsonl")


@pytest.fixture(scope="module")
def thumbed(data):
    """Conversations whose users gave a thumb."""
    return _read(data, "tm3_tickets.jsonl")


@pytest.fixture(scope="module")
def judged(sources, thumbed, tmp_path_factory):
    """Post the conversations without their ratings, and then each rating, thumb and automatic score by itself."""
    folder = tmp_path_factory.mktemp("judged")
    bare = folder / "bare.jsonl"
    with bare.open("w", encoding="utf-8") as file:
        for source in (*sources, *thumbed):
            turns = [{name: value for name, value in turn.items() if name != "feedback"} for turn in source["turns"]]
            file.write(json.dumps({**source, "turns": turns, "outcome": None}) + "\n")
    observer = ConvoTrace(store=f"sqlite:///{folder}/x.db", enabled=True, token=TOKEN, score_definitions=DEFINITIONS)
    service = Service()
    with serve(ConvoTraceMiddleware(DemoApp(service), convotrace=observer), "127.0.0.1", 0) as port:
        assert post_all(read([bare]), f"http://127.0.0.1:{port}", workers=4).failures == []
        observer.flush(60)
        api = Api(port)
        sent = [_rate(api, source) for source in sources] + [_thumb(api, source) for source in thumbed]
        assert sum(sent) == 4885
        yield api, observer
    observer.close()
    service.assistant.close()


def _ratings(sources):
    return [(source, one) for source in sources for turn in source["turns"] for one in turn.get("feedback", ())]


def _rate(api, source):
    key, sent = session_key(source["id"]), 0
    turns = [trace for trace in api.get(f"s/{key}.json")["traces"] if trace["turn"]]
    for trace, turn in zip(turns, source["turns"], strict=True):
        for one in turn.get("feedback", ()):
            told = {"name": one["name"], "value": one["value"], "author": one["by"], "trace_id": trace["id"]}
            api.post(f"s/{key}/scores", **told)
            sent += 1
    for name, value in source["outcome"]["scores"].items():
        api.post(f"s/{key}/scores", name=name, value=value)
    return sent


def _thumb(api, source):
    """Judge as an end user does, by the ticket of the turn."""
    key, sent = session_key(source["id"]), 0
    turns = [trace for trace in api.get(f"s/{key}.json")["traces"] if trace["turn"]]
    for trace, turn in zip(turns, source["turns"], strict=True):
        for one in turn.get("feedback", ()):
            ticket = MINT.issue(int(trace["id"], 16), time.time_ns())
            api.ask("POST", "feedback", {"token": ticket, "value": one["value"]})
            sent += 1
    return sent


def _model(source):
    return source["id"].rpartition("|")[2]


def test_the_ratings_of_each_model_have_the_mean_and_the_pass_rate_of_the_source(judged, sources):
    api, _ = judged
    values = defaultdict(list)
    for source, one in _ratings(sources):
        values[_model(source), one["name"]].append(float(one["value"]))
    models = {model for model, _ in values}
    assert len(models) == 3 and sum(map(len, values.values())) == 4885 - 261
    for model in models:
        told = {one["name"]: one for one in api.get(f"scores.json?q=model:{model}")["definitions"]}
        for name in (*SCALES, "win-rate"):
            given = values[model, name]
            assert told[name]["count"] == len(given)
            assert told[name]["mean"] == pytest.approx(sum(given) / len(given), abs=0.001), (model, name)
            least = 1 if name == "win-rate" else 3
            assert told[name]["pass_rate"] == pytest.approx(sum(one >= least for one in given) / len(given))
            assert told[name]["judged"] == len(given)


def test_the_thumbs_of_end_users_are_as_many_up_and_down_as_in_the_source(judged, thumbed):
    _, observer = judged
    given = [one["value"] for _, one in _ratings(thumbed)]
    stats = observer.store.score_stats("feedback")
    assert (stats.count, stats.down) == (len(given), given.count(0)) == (261, stats.down)
    assert stats.mean == pytest.approx(sum(given) / len(given))


def test_three_raters_of_a_turn_are_three_rows_with_their_agreement(judged, sources):
    api, observer = judged
    source = next(one for one in sources if len({x["by"] for t in one["turns"] for x in t.get("feedback", ())}) == 3)
    whole = api.get(f"s/{session_key(source['id'])}.json")
    rows = [score for trace in whole["traces"] for score in trace["scores"] if score["name"] == "faithfulness"]
    given = [one for turn in source["turns"] for one in turn.get("feedback", ()) if one["name"] == "faithfulness"]
    assert sorted((row["author"], row["value"]) for row in rows) == sorted((x["by"], float(x["value"])) for x in given)
    for name in SCALES:
        found = observer.store.agreement(name)
        assert found.method == "fleiss" and -1 <= found.kappa <= 1
        people = {one["by"] for _, one in _ratings(sources) if one["name"] == name}
        assert {one.name for one in found.raters} == people and found.shared > 250


def test_automatic_scores_are_on_their_sessions_and_filters_find_what_the_source_says(judged, sources):
    api, observer = judged
    names = set(sources[0]["outcome"]["scores"])
    assert len(names) == 7
    for name in names:
        assert observer.store.score_stats(name).count == 312
    for border in (0.1, 0.3, 0.7):
        expected = {source["id"] for source in sources if source["outcome"]["scores"]["rl_f"] < border}
        found = api.get(f"sessions.json?limit=1000&q=score.rl_f%3C{border}")["sessions"]
        assert {one["id"] for one in found} == expected and expected
        assert all(one["passes"]["rl_f"] == {"passed": 0, "of": 1} for one in found if one["scores"]["rl_f"] < 0.5)
    whole = api.get(f"s/{session_key(sources[0]['id'])}.json")
    assert {one["name"] for one in whole["scores"]} == names
    assert all(one["target"]["trace_id"] is None for one in whole["scores"])


def test_a_dataset_of_low_scores_with_corrections_teaches_the_correction(judged, sources):
    api, _ = judged
    low = [source for source in sources if source["outcome"]["scores"]["rl_f"] < 0.3]
    wanted = {}
    for number, source in enumerate(low):
        key = session_key(source["id"])
        last = [trace for trace in api.get(f"s/{key}.json")["traces"] if trace["turn"]][-1]
        wanted[source["id"]] = source["turns"][-1]["assistant"]
        if number % 2:
            wanted[source["id"]] = f"What the passages say about it, {number}. 地铁\n"
            api.post(
                f"s/{key}/scores", name="correction", value=wanted[source["id"]], trace_id=last["id"], author="kim"
            )
    made = api.post("datasets", name="low", q="score.rl_f<0.3", turns="last")
    assert made["copied"] == made["items"] == len(low)
    items = api.get("datasets/low.json")["of_items"]
    assert {one["session_id"]: one["expected"] or one["output"] for one in items} == wanted
    lines = api.ask("GET", "datasets/low/export?format=openai").decode().splitlines()
    assert len(lines) == len(low)
    taught = []
    for line in lines:
        found = json.loads(line)
        assert list(found) == ["messages"] and all(set(one) == {"role", "content"} for one in found["messages"])
        assert all(isinstance(one["content"], str) and one["content"] for one in found["messages"])
        roles = [one["role"] for one in found["messages"] if one["role"] != "system"]
        assert roles[-2:] == ["user", "assistant"] and set(roles) == {"user", "assistant"}
        taught.append(found["messages"][-1]["content"])
    assert sorted(taught) == sorted(wanted.values())
