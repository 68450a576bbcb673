"""What the decorators take, and what is told of a function by it."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merganser.engine.functions.python.aggregate import Step
from merganser.engine.functions.python.declarations import CATEGORY, About, checked_name


@dataclass(frozen=True, slots=True)
class Options:
    """What the decorators of all kinds take.

    Attributes:
        name: In SQL; by default the Python name (class `JoinTexts` is JOIN_TEXTS). Letter case does
            not count.
        aliases: More names.
        types: SQL types of the parameters where the hints do not say them; `"STRING..."` takes any
            number, `"T"` any type, `"INT!"` an INT that is not NULL.
        returns: SQL type of the result, for a table function of one row.
        null_call: Whether the function is called with None; else the result is NULL then (an
            aggregate leaves the row out).
        description: By default the docstring.
        author: By default `__author__` of the module.
        version: By default `__version__` of the module.
    """

    name: str | None = None
    aliases: Sequence[str] = ()
    types: Sequence[str] | None = None
    returns: str | None = None
    null_call: bool = True
    description: str | None = None
    category: str = CATEGORY
    author: str | None = None
    version: str | None = None

    def names(self, default: str) -> list[str]:
        """Name and aliases in upper case."""
        return [checked_name(name) for name in (self.name or default, *self.aliases)]

    def about(self, source: Callable[..., object] | type) -> About:
        """What is told of the function that is made of a Python function or class."""
        module = sys.modules.get(source.__module__)
        known = getattr(source, "__globals__", None) or vars(module) if module else {}
        code = getattr(source, "__code__", None)
        path = code.co_filename if code is not None else known.get("__file__", "")
        doc = self.description if self.description is not None else inspect.getdoc(source)
        return About(
            (doc or "").strip(),
            self.category,
            self.author if self.author is not None else str(known.get("__author__", "")),
            self.version if self.version is not None else str(known.get("__version__", "")),
            str(path),
            f"{source.__module__}.{source.__qualname__}",
        )


class OptionNames(typing.TypedDict, total=False):
    """`Options`, for type checkers."""

    name: str | None
    aliases: Sequence[str]
    types: Sequence[str] | None
    returns: str | None
    null_call: bool
    description: str | None
    category: str
    author: str | None
    version: str | None


class StepOptions(OptionNames, total=False):
    """The parts of an aggregate, as functions."""

    initialise: typing.Required[Callable[[], object]]
    add: typing.Required[Step]
    merge: typing.Required[Step]
    result: Step
    undo: Step
