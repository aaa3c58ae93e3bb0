"""Every task without JavaScript: links, forms and folds do it; what is live alone needs a script."""

from __future__ import annotations

import pytest

from tests.page.hands import do, empty_site, pointer, stocked
from tests.page.tasks import EMPTY, TASKS, Task, params

__all__ = ["empty_site", "stocked"]  # fixtures

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("task", params(task for task in TASKS if task.name != "skip what is above"))
def test_without_scripts_one_can(browser, stocked, open_page, task: Task):
    page = open_page(browser, stocked, java_script_enabled=False, viewport={"width": 1440, "height": 900})
    do(page, stocked, task, pointer)


def test_without_scripts_one_can_send_a_test_turn(browser, empty_site, open_page):
    do(open_page(browser, empty_site, java_script_enabled=False), empty_site, EMPTY, pointer)
