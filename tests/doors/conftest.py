"""The same app behind every door and porch, with a store of its own."""

import importlib.util
import sys
from pathlib import Path

import pytest

# pytest's importlib mode has no folder of the test on the path: the helper module is loaded by its file.
_spec = importlib.util.spec_from_file_location("convotrace_test_chat_apps", Path(__file__).with_name("chat_apps.py"))
chat_apps = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = chat_apps
_spec.loader.exec_module(chat_apps)


@pytest.fixture(params=list(chat_apps.ALL))
def door(request, store_url):
    """Make the app behind one door; called with options."""
    made = []

    def make(**options):
        client = chat_apps.ALL[request.param](**{"store": store_url, **options})
        made.append(client.observer)
        return client

    make.name = request.param
    make.is_wsgi = request.param in ("wsgi", "flask")
    yield make
    for observer in made:
        observer.close()


@pytest.fixture
def client(door):
    """The app behind one door, at defaults but for its store."""
    return door()
