"""Work in other threads belongs to the request that started it: by `bind`, or by itself; and nothing stays behind."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import convotrace as ct
from convotrace.capture import binding
from convotrace.capture.current import current_node


@pytest.fixture
def make(store_url):
    made = []

    def build(**options):
        made.append(ct.ConvoTrace(**{"store": store_url, **options}))
        return made[-1]

    yield build
    for observer in made:
        observer.close()


def work():
    with ct.tool("work"):
        return ct.current_trace().id if ct.current_trace() else None


def parents(observer, session="s"):
    (trace,) = observer.store.session(session).traces
    names = {span.id: span.name for span in trace.spans}
    return {span.name: names.get(span.parent_id) for span in trace.spans}


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def in_thread_of_a_class(function):
    class Worker(threading.Thread):
        def run(self):
            self.found = function()

    thread = Worker()
    thread.start()
    thread.join()
    assert "run" not in thread.__dict__
    return thread.found


def in_timer(function):
    found = []
    timer = threading.Timer(0, lambda: found.append(function()))
    timer.start()
    timer.join()
    return found[0]


def in_pool(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def in_executor(function):
    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, function)

    return asyncio.run(main())


WAYS = [in_thread, in_thread_of_a_class, in_timer, in_pool, in_executor]


@pytest.mark.parametrize("way", WAYS)
def test_bound_work_belongs_to_the_span_it_was_bound_in(make, way):
    observer = make()
    with observer.session("s"), ct.span("outside"):
        assert way(ct.bind(work)) == ct.current_trace().id
    assert parents(observer) == {"outside": None, "work": "outside"}


@pytest.mark.parametrize("way", WAYS)
def test_threads_belong_to_their_request_by_themselves_where_that_is_asked_for(make, way):
    observer = make(instrument=["threading"])
    with observer.session("s"), ct.span("outside"):
        assert way(work) == ct.current_trace().id
        assert ct.current_span().name == "outside"
    assert parents(observer) == {"outside": None, "work": "outside"}


def test_threads_of_an_app_that_does_not_ask_are_left_alone(make, tmp_path):
    asks, asks_not = make(instrument="installed"), make(store=f"sqlite:///{tmp_path}/other.db")
    with asks.session("s"):
        assert in_thread(work) is not None
    with asks_not.session("s"):
        assert in_thread(work) is None and in_pool(work) is None


def test_a_worker_of_a_pool_keeps_nothing_of_the_request_that_began_it(make):
    observer = make(instrument=["threading"])
    with ThreadPoolExecutor(1) as pool:
        with observer.session("one"):
            one = pool.submit(work).result()
        assert pool.submit(current_node.get).result() is None
        with observer.session("two"):
            assert pool.submit(work).result() not in (None, one)
        assert pool.submit(work).result() is None


def test_a_coroutine_function_stays_one_when_it_is_bound(make):
    observer = make()

    async def later():
        await asyncio.sleep(0)
        return work()

    with observer.session("s"):
        inside, own = ct.bind(later), ct.current_trace().id
    assert asyncio.iscoroutinefunction(inside)
    assert asyncio.run(inside()) == own and ct.current_trace() is None


class Closed:
    """Answers each look at it with an error, as a proxy does that is bound to nothing."""

    def __call__(self):
        return 5

    def __getattr__(self, name):
        raise RuntimeError(name)

    __class__ = property(lambda self: 1 / 0)


class Hidden(threading.Thread):
    """Hides what it holds."""

    def __getattribute__(self, name):
        if name == "__dict__":
            raise RuntimeError(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("way", [in_pool, in_executor, lambda function: ct.bind(function)()])
def test_a_callable_that_cannot_be_looked_at_runs_as_it_does_without_us(make, way):
    observer = make(instrument=["threading"])
    with observer.session("s"):
        assert way(Closed()) == 5


def test_a_thread_that_hides_what_it_holds_runs_as_it_does_without_us(make):
    observer, ran = make(instrument=["threading"]), []
    with observer.session("s"):
        thread = Hidden(target=ran.append, args=(1,))
        thread.start()
        thread.join()
        with pytest.raises(AttributeError, match="_initialized"):
            threading.Thread.start(5)
    assert ran == [1]


def test_outside_a_request_bind_gives_the_function_itself():
    assert ct.bind(work) is work and ct.bind(None) is None


def test_an_error_in_bound_work_is_the_apps_and_what_was_current_comes_back(make):
    observer = make(instrument=["threading"])
    with observer.session("s"):
        fails = ct.bind(lambda: 1 / 0)
    with observer.session("t"):
        node = current_node.get()
        with pytest.raises(ZeroDivisionError):
            fails()
        assert current_node.get() is node
        with pytest.raises(TypeError), ThreadPoolExecutor(1) as pool:
            pool.submit(None).result()


def test_a_thread_that_cannot_start_is_left_as_it_was(make):
    observer = make(instrument=["threading"])
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with observer.session("s"), pytest.raises(RuntimeError, match="once"):
        thread.start()
    assert "run" not in thread.__dict__


def test_what_a_thread_adds_after_the_request_is_written_too(make):
    observer = make(instrument=["threading"])
    go = threading.Event()
    with observer.session("s"):
        thread = threading.Thread(target=lambda: (go.wait(), work()))
        thread.start()
    observer.flush()
    go.set()
    thread.join()
    assert parents(observer) == {"work": None}


def test_a_thread_that_lives_on_holds_a_shell_in_the_end_and_adds_nothing_more(make):
    observer = make(instrument=["threading"])
    go, used, done = threading.Event(), threading.Event(), []

    def poll():
        with ct.tool("first", arguments="x" * 100_000):
            pass
        used.set()
        go.wait()
        with ct.tool("late"):
            ct.event("more")
        ct.tag("more")
        done.append((ct.current_trace() and ct.carrier(), current_node.get()))

    with observer.session("s"):
        thread = threading.Thread(target=poll)
        thread.start()
        used.wait()
        trace = current_node.get()
    observer.flush()
    binding.let_go(trace.ended + binding.GRACE)
    before = trace.closed, trace.size() > 100_000
    binding.let_go(trace.ended + binding.GRACE + 1)
    after = trace.closed, list(trace.spans)
    go.set()
    thread.join()
    assert (before, after) == ((False, True), (True, []))
    ((carrier, node),) = done
    assert node is trace and carrier == {}
    assert (trace.spans, trace.events, trace.tags) == ([], [], [])
    assert parents(observer) == {"first": None}


def test_a_bound_function_called_after_that_runs_outside_any_request(make):
    observer = make()
    with observer.session("s"):
        late = ct.bind(work)
        trace = current_node.get()
    observer.flush()
    binding.let_go(trace.ended + 2 * binding.GRACE)
    assert late() is None


def test_being_bound_keeps_no_trace_alive(make):
    observer = make()
    with observer.session("s"):
        ct.bind(work)()
        gone = weakref.ref(current_node.get())
    observer.flush()
    gc.collect()
    assert gone() is None
    binding.let_go(0)
    assert all(found() is not None for found in binding._bound.values())


def test_a_task_a_thread_of_asyncio_and_a_group_of_anyio_keep_the_session(make):
    anyio = pytest.importorskip("anyio", reason="anyio is not installed")
    observer = make()

    async def main():
        with observer.session("s"):
            own = ct.current_trace().id
            found = [await asyncio.create_task(asyncio.to_thread(work)), await asyncio.to_thread(work)]
            found.append(await anyio.to_thread.run_sync(work))
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, lambda: found.append(work()))
            return found == [own] * 4, await anyio.to_thread.run_sync(lambda: current_node.get() is not None)

    assert asyncio.run(main()) == (True, True)
    assert current_node.get() is None
