"""Calls to other services: our ids reach the hosts that are named and no other, by every client, and nothing breaks."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

import convotrace as ct
from convotrace.capture.current import current_node
from convotrace.propagation import read_carrier, write_traceparent

OURS = ("traceparent", "tracestate", "baggage")


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that came; `/away` leads to another name of this host, `/fail` is a fault."""

    def do_GET(self):
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/there")
        else:
            self.send_response(503 if self.path == "/fail" else 200)
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make(store_url):
    made = []

    def build(**options):
        made.append(ct.ConvoTrace(**{"store": store_url, "propagate": ["127.0.0.1"], **options}))
        return made[-1]

    yield build
    for observer in made:
        observer.close()


def by_httpx(url, headers=None):
    with httpx.Client(follow_redirects=True) as client:
        return client.get(url, headers=headers).json()


def by_httpx_async(url, headers=None):
    async def get():
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return (await client.get(url, headers=headers)).json()

    return asyncio.run(get())


def by_httpx2(url, headers=None):
    httpx2 = pytest.importorskip("httpx2", reason="httpx2 is not installed")
    with httpx2.Client(follow_redirects=True) as client:
        return client.get(url, headers=headers).json()


def by_requests(url, headers=None):
    requests = pytest.importorskip("requests", reason="requests is not installed")
    with requests.Session() as session:
        return session.get(url, headers=headers).json()


def by_aiohttp(url, headers=None):
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")

    async def get():
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return json.loads(await response.read())

    return asyncio.run(get())


CLIENTS = [by_httpx, by_httpx_async, by_httpx2, by_requests, by_aiohttp]


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__)
def get(request, port):
    """Call the server by one client; returns the headers that arrived, by lower-case name."""
    request.param(f"http://127.0.0.1:{port}/before")  # so that the client is loaded, as an app has it

    def call(path="/x", host="127.0.0.1", **headers):
        return dict(request.param(f"http://{host}:{port}{path}", headers or None))

    call.client = request.param
    return call


def seen(headers):
    return {name: headers[name] for name in OURS if name in headers}


def test_a_named_host_sees_the_ids_and_the_hop_is_a_span(make, get, port):
    observer = make()
    with observer.session("ses sion", user_id="ann"), ct.span("outside") as outside:
        headers = get("/x/y")
        assert current_node.get() is outside
    caller = read_carrier(headers)
    (trace,) = observer.store.session("ses sion").traces
    hop = next(span for span in trace.spans if span.kind == "http")
    assert (f"{caller.trace_id:032x}", f"{caller.span_id:016x}", caller.ours) == (trace.id, hop.id, True)
    assert headers["baggage"] == "session.id=ses%20sion,user.id=ann"
    assert (hop.name, hop.status) == ("GET 127.0.0.1/x/y", "ok")
    assert hop.attributes["http.response.status_code"] == 200 and hop.attributes["server.port"] == port
    assert hop.parent_id == next(span.id for span in trace.spans if span.name == "outside")


def test_other_hosts_see_nothing(make, get):
    observer = make(propagate=["api.example.com", "*.example.com", "127.0.0.1:1"])
    with observer.session("s"):
        assert seen(get()) == {} and seen(get(host="localhost")) == {}
    (trace,) = observer.store.session("s").traces
    assert trace.spans == ()


@pytest.mark.parametrize(
    ("url", "seen_there"),
    [
        ("http://münchen.example/", True),
        ("http://xn--mnchen-3ya.example./", True),
        ("http://API.example.com:8443/", True),
        ("http://user:word@api.example.com/", True),
        ("http://[::1]:5/", True),
        ("http://api.example.com@elsewhere.com/", False),
        ("http://api.example.com.elsewhere.com/", False),
        ("http://elsewhere.com/?api.example.com#@api.example.com", False),
        ("http://xapi.example.com/", False),
    ],
)
def test_a_host_is_named_however_it_is_spelled_and_no_other_is(make, url, seen_there):
    observer = make(propagate=["xn--mnchen-3ya.example", "api.example.com", "[::1]"])
    arrived = []

    def answer(request):
        arrived.extend(request.headers)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client, observer.session("s"):
        client.get(url)
    assert ("traceparent" in arrived) is seen_there


def test_nothing_goes_out_outside_a_traced_request(make, get):
    observer = make()
    with observer.session("s"):
        pass
    assert seen(get()) == {}


def test_a_redirect_to_a_host_that_is_not_named_carries_nothing_of_ours(make, get):
    observer = make()
    with observer.session("s"):
        assert seen(get("/away")) == {}


def test_a_redirect_to_a_named_host_carries_our_ids(make, get):
    observer = make(propagate=["localhost"])
    with observer.session("s"):
        headers = get("/away")
    assert headers["baggage"] == "session.id=s" and read_carrier(headers).ours


def test_what_the_app_set_itself_stays(make, get):
    observer = make()
    theirs = write_traceparent(7, 8)
    with observer.session("s"):
        headers = get(traceparent=theirs, baggage="tenant=acme,session.id=theirs")
        assert seen(headers) == {"traceparent": theirs, "baggage": "tenant=acme,session.id=theirs"}
        assert get(baggage="tenant=acme")["baggage"] == "tenant=acme,session.id=s"


def test_a_traceparent_of_this_very_trace_means_that_the_call_has_a_span_already(make, get):
    observer = make()
    with observer.session("s"):
        if get.client is by_aiohttp:
            pytest.skip("what aiohttp sends is known only when it is written, inside the span")
        mine = write_traceparent(int(ct.current_trace().id, 16), 9)
        assert get(traceparent=mine)["traceparent"] == mine
    (trace,) = observer.store.session("s").traces
    assert trace.spans == ()


def test_two_objects_in_one_process_never_meet(make, get, tmp_path):
    open_hosts, closed = make(), make(store=f"sqlite:///{tmp_path}/other.db", propagate=())
    with open_hosts.session("s"):
        assert "traceparent" in get()
    with closed.session("s"):
        assert seen(get()) == {}
    (trace,) = closed.store.session("s").traces
    assert trace.spans == ()


def test_a_service_that_fails_is_seen(make, get):
    observer = make()
    with observer.session("s"):
        get("/fail")
    (trace,) = observer.store.session("s").traces
    (hop,) = trace.spans
    assert (hop.status, hop.error.message, hop.attributes["http.response.status_code"]) == ("error", "HTTP 503", 503)


def test_an_error_of_the_client_is_the_apps(make, get, deaf_port):
    observer = make()
    with observer.session("s"), pytest.raises(Exception, match=r".") as caught:
        get(host=f"127.0.0.1:{deaf_port}/nobody/")
    assert not isinstance(caught.value, (AttributeError, TypeError))
    (trace,) = observer.store.session("s").traces
    assert [span.status for span in trace.spans] in (["error"], [])


def test_the_request_object_is_left_as_it_was(make, port):
    observer = make()
    with httpx.Client() as client, observer.session("s"):
        request = client.build_request("GET", f"http://127.0.0.1:{port}/", headers={"baggage": "tenant=acme"})
        assert "traceparent" in dict(client.send(request).json())
        assert seen(request.headers) == {"baggage": "tenant=acme"}
        assert client.get(f"http://127.0.0.1:{port}/away").request.headers.get("traceparent") is None


class Odd:
    """A host option that breaks when it is asked."""

    def names(self, *_):
        raise RuntimeError


def test_a_fault_of_ours_never_reaches_the_app(make, get):
    observer = make()
    with observer.session("s"):
        current_node.get().reaches = Odd()
        assert seen(get()) == {}


def test_many_calls_at_once_each_name_their_own_span(make, port):
    observer = make()

    async def main():
        async with httpx.AsyncClient() as client:
            answers = await asyncio.gather(*(client.get(f"http://127.0.0.1:{port}/{i}") for i in range(50)))
        return [read_carrier(dict(answer.json())).span_id for answer in answers]

    with observer.session("s"):
        ids = asyncio.run(main())
        assert ct.current_span() is None
    (trace,) = observer.store.session("s").traces
    assert {span.id for span in trace.spans} == {f"{id:016x}" for id in ids} and len(set(ids)) == 50
    assert {span.parent_id for span in trace.spans} == {None}
