"""Two hands for the table of tasks: one with nothing but a keyboard, one with a pointer where no script runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store
from tests.page import furnished
from tests.page.tasks import Task

LONGEST_WAY = 400
SECOND = 10**9
WORDS = "Words of a person"
RIGHTS = ("read", "annotate", "export", "delete", "audit")


@pytest.fixture
def stocked(new_house: Callable[..., Any], serve_house: Callable[..., str], seed: Callable[..., Any]) -> Iterator[str]:
    """Serve a real store with something for each task."""
    with closing(Store.open("memory:")) as store:
        stock(store, seed(WORDS))
        yield serve_house(_house(new_house, store))


@pytest.fixture
def empty_site(new_house: Callable[..., Any], serve_house: Callable[..., str]) -> Iterator[str]:
    """Serve a store in which nothing is yet."""
    with closing(Store.open("memory:")) as store:
        yield serve_house(_house(new_house, store))


def _house(new_house: Callable[..., Any], store: Store) -> Any:
    made = furnished.house(new_house([], alerts=furnished.RULES, rights=RIGHTS), store, WORDS)
    made.forget = lambda session_id: store.forget(session=session_id)
    return made


def stock(store: Store, conversation: Any) -> None:
    """Fill a store for the tasks: one session with everything, one with many turns, one guessed, and many more."""
    furnished.furnish(store, conversation, WORDS)
    begun = time.time_ns() - 7200 * SECOND
    store.write([_turn("s0", n, begun + n * SECOND) for n in range(40)])
    store.write([_turn(f"s{n}", 100 + n, begun - n * SECOND) for n in range(1, 40)])
    store.write([_turn("guess", 200 + n, begun + n * SECOND, "history") for n in range(2)])
    store.put_dataset("mine2")
    store.fill_dataset("mine2", "errors>0")


def _turn(session: str, n: int, at_ns: int, source: str = "header") -> Change:
    said = (Payload(f"question {n}"), Payload(f"answer {n}"))
    turn = Trace(f"{n + 1:032x}", session, is_turn=True, started_ns=at_ns, duration_ns=SECOND, id_source=source,
                 input=said[0], output=said[1])  # fmt: skip
    return Change(SessionFacts(session, source), replace(turn, name="POST /chat"))


def do(page: Any, site: str, task: Task, hand: Callable[[Any, tuple[str, ...]], None]) -> None:
    """Do a task, and look that it is done."""
    page.goto(f"{site}/{task.path}")
    *steps, last = task.steps
    for step in steps:
        hand(page, step)
    if task.downloads is not None:
        with page.expect_download() as found:
            hand(page, last)
        assert found.value.suggested_filename.endswith(task.downloads)
        return
    hand(page, last)
    if task.at:
        page.wait_for_url(re.compile(f"({'|'.join(map(re.escape, task.at.split('|')))})(#t\\w+)?$"))
    if task.see:
        page.locator("body").filter(has_text=re.compile(task.see)).wait_for()
        assert re.search(task.see, page.locator("body").inner_text()), task.see


def keyboard(page: Any, step: tuple[str, ...]) -> None:
    """Do one step with a keyboard alone: Tab until it is there, and only if it can be seen to be."""
    what, where, *more = step
    wanted = page.locator(where).first
    reach(page, wanted, is_radio := what == "tick" and wanted.get_attribute("type") == "radio")
    if what == "go":
        wanted.press("Enter")  # where the focus is, and waits for the page that it leads to
    elif what == "press":
        page.keyboard.press(more[0])
    elif what == "choose":
        page.keyboard.type(more[0])
    elif what == "type":
        page.keyboard.press("Control+a")
        page.keyboard.type(more[0])
    elif not is_radio:
        page.keyboard.press("Space")
    else:
        for _ in range(10):
            if wanted.is_checked():
                break
            page.keyboard.press("ArrowRight")


def reach(page: Any, wanted: Any, is_group: bool = False) -> None:
    """Go to an element by Tab; of a group of radio buttons any is where Tab leads to."""
    wanted.wait_for(state="attached")
    for _ in range(LONGEST_WAY):
        if wanted.evaluate(_IS_GROUP_HERE if is_group else "one => one === document.activeElement"):
            assert wanted.evaluate(_IS_SEEN) or is_group, f"the focus on {wanted} cannot be seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {wanted}")


_IS_GROUP_HERE = "one => document.activeElement.name === one.name"
_IS_SEEN = """one => {
  const drawn = (style) =>
    style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  const box = one.getBoundingClientRect();
  const sight = box.width > 1 && box.height > 1 && getComputedStyle(one).opacity !== "0";
  const near = [...document.querySelectorAll(`label[for="${one.id}"]`), one.closest("label"), one.nextElementSibling];
  return sight && (drawn(getComputedStyle(one)) || drawn(getComputedStyle(one, "::after")))
    || near.some((other) => other && drawn(getComputedStyle(other)));
}"""


def pointer(page: Any, step: tuple[str, ...]) -> None:
    """Do one step with a pointer."""
    what, where, *more = step
    wanted = page.locator(where).first
    if what == "type":
        wanted.fill(more[0])
    elif what == "choose":
        wanted.select_option(label=more[0])
    elif what == "press":
        wanted.press(more[0])
    else:
        wanted.click(force=what == "tick")  # a choice lies under what is drawn for it
