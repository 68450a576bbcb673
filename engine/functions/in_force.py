"""The functions of users that the statement at hand sees, beside those of the language.

An engine says which they are while it runs a statement (its own extension folder's, those of its
catalog), so engines in one process keep theirs apart. Where no engine has, they are those that the
program itself declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from merganser.engine.functions.function import (
        AggregateFunction,
        ScalarFunction,
        TableFunction,
    )
    from merganser.engine.functions.python.routine import PythonRoutine

LANGUAGE_AUTHOR = "Confluent"
"""Who designed the functions of the language, and is told as their author; the code is ours."""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function that a user wrote: one of the three kinds, and where it comes from.

    Attributes:
        name: In upper case.
        path: The file that it was read from; empty for one made by a statement.
    """

    name: str
    entry: ScalarFunction | AggregateFunction | TableFunction
    author: str = ""
    version: str = ""
    path: str = ""


class Definer(Protocol):
    """Makes a routine known to the DuckDB instance that will run it."""

    def define(self, routine: PythonRoutine) -> None:
        """Defines it if it is not yet."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force. `definer` is None where nothing is going to be run."""

    functions: Mapping[str, UserFunction] = field(default_factory=dict)
    definer: Definer | None = None


_CURRENT: ContextVar[Callable[[], InForce] | None] = ContextVar("functions", default=None)
_declared: Callable[[], Mapping[str, UserFunction]] = dict


def set_declared(declared: Callable[[], Mapping[str, UserFunction]]) -> None:
    """Says where the functions are that the program itself declares."""
    global _declared  # noqa: PLW0603 (set once, when the decorators are first imported)
    _declared = declared


def in_force() -> InForce:
    """The functions of users that can be called now."""
    current = _CURRENT.get()
    return current() if current is not None else InForce(_declared())


@contextmanager
def using(current: Callable[[], InForce]) -> Iterator[None]:
    """Puts other functions in force; asked again at each look-up, for a script may add some."""
    token = _CURRENT.set(current)
    try:
        yield
    finally:
        _CURRENT.reset(token)
