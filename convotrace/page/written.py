"""Templates that write plain text: what a value is escaped to is joined at once, so it needs to be no `Markup`.

A page writes a thousand values, and making objects of a class of their own is a tenth of its time. It calls hundreds
of macros as well, of which all is known that Jinja asks each anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from types import BuiltinMethodType
from typing import Any

from jinja2 import Environment, Template
from jinja2.runtime import Context, Macro
from markupsafe import Markup, escape

_IS_SPECIAL = re.compile("[&<>'\"]").search


def written(value: Any) -> str:
    """Return a value as it stands in HTML, the same as `escape`; what holds nothing to escape is it already."""
    if type(value) is Markup:
        return value
    return value if type(value) is str and not _IS_SPECIAL(value) else escape(value)


class Written(Template):
    """A template whose values are written by `written`."""

    @classmethod
    def _from_namespace(
        cls, environment: Environment, namespace: MutableMapping[str, Any], globals: MutableMapping[str, Any]
    ) -> Template:
        # What is compiled calls `escape` for nothing but what it writes.
        namespace["escape"] = written
        return super()._from_namespace(environment, namespace, globals)


class Calling(Context):
    """Calls macros, and methods of built-in types, as Jinja does, without looking for what they want to be given."""

    def call(self, obj: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls."""
        kind: type = type(obj)
        if kind is Macro:
            args = (self.eval_ctx, *args)
        elif kind is not BuiltinMethodType:
            return super().call(obj, *args, **kwargs)
        kwargs.pop("_block_vars", None)
        kwargs.pop("_loop_vars", None)
        return obj(*args, **kwargs)
