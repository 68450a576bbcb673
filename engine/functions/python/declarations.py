"""The functions that Python code declares, put together by name.

Code that an engine loads (an extension folder, an installed package) declares into a set of the
engine's own, all other code into that of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from merganser.engine.functions.function import (
    AGGREGATES,
    SCALARS,
    TABLES,
    AggregateFunction,
    ScalarFunction,
    TableFunction,
)
from merganser.engine.functions.in_force import UserFunction, set_declared
from merganser.engine.functions.python.aggregate import PythonAggregate, bind_aggregate
from merganser.engine.functions.python.hints import DefinitionError
from merganser.engine.functions.python.scalar import PythonOverload
from merganser.errors import NameTakenError

CATEGORY = "USER"

Part = PythonOverload | PythonAggregate


@dataclass(frozen=True, slots=True)
class About:
    """What is told of a function.

    Attributes:
        origin: Where its Python object is: declared once more from there, it is replaced.
    """

    doc: str = ""
    category: str = CATEGORY
    author: str = ""
    version: str = ""
    path: str = ""
    origin: str = ""


class Declarations:
    """Functions by name, each with its overloads."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[Part, About]]] = {}
        self._functions: dict[str, UserFunction] = {}
        self._lock = threading.Lock()

    @property
    def functions(self) -> Mapping[str, UserFunction]:
        """All of them, by upper-case name."""
        return self._functions

    def take(self, other: Declarations) -> None:
        """Adds all that others declared, or nothing if one of them cannot be.

        Raises:
            NameTakenError: As `add`.
        """
        before = dict(self._parts), self._functions
        try:
            for name, parts in other._parts.items():
                for part, about in parts:
                    self.add(name, part, about)
        except NameTakenError:
            self._parts, self._functions = before
            raise

    def remove(self, name: str) -> None:
        """Forgets a function."""
        with self._lock:
            self._parts.pop(name.upper(), None)
            self._functions = {n: f for n, f in self._functions.items() if n != name.upper()}

    def add(self, name: str, part: Part, about: About) -> None:
        """Adds an overload.

        Raises:
            NameTakenError: The language has a function of that name, or there is one of another
                kind or with the same parameters.
        """
        name = name.upper()
        if name in SCALARS.own or name in AGGREGATES.own or name in TABLES.own:
            raise NameTakenError(f"function {name} is one of the language")
        with self._lock:
            known = [
                (old, told)
                for old, told in self._parts.get(name, [])
                if not (about.origin and told.origin == about.origin and _alike(old, part))
            ]
            for old, _ in known:
                if _kind(old) != _kind(part):
                    raise NameTakenError(f"function {name} is already a function of another kind")
                if _alike(old, part):
                    raise NameTakenError(f"function {name}{_shown(part)} is declared twice")
            known.append((part, about))
            functions = {**self._functions, name: _function(name, known)}
            self._parts[name] = known
            self._functions = functions  # A new one each time: readers take no lock.


def _kind(part: Part) -> str:
    if isinstance(part, PythonAggregate):
        return "AGGREGATE"
    return "TABLE" if part.table else "SCALAR"


def _shown(part: Part) -> str:
    signature = part.shown if isinstance(part, PythonAggregate) else part.signature
    return f"({', '.join(map(str, signature.parameters))})"


def _alike(one: Part, other: Part) -> bool:
    return _kind(one) == _kind(other) and _shown(one) == _shown(other)


def _function(name: str, known: list[tuple[Part, About]]) -> UserFunction:
    first = known[0][1]
    doc = next((about.doc for _, about in known if about.doc), "")
    aggregates = [part for part, _ in known if isinstance(part, PythonAggregate)]
    overloads = [part.overload() for part, _ in known if isinstance(part, PythonOverload)]
    entry: ScalarFunction | AggregateFunction | TableFunction
    if aggregates:
        entry = AggregateFunction(
            tuple(str(part.shown) for part in aggregates),
            lambda arguments: bind_aggregate(name, aggregates, arguments),
            doc=doc,
            category=first.category,
        )
    elif _kind(known[0][0]) == "TABLE":
        entry = TableFunction(*overloads, doc=doc, examples={})
    else:
        entry = ScalarFunction(*overloads, doc=doc, category=first.category, examples={})
    return UserFunction(
        name,
        entry,
        next((about.author for _, about in known if about.author), ""),
        next((about.version for _, about in known if about.version), ""),
        first.path,
    )


OF_PROCESS = Declarations()
set_declared(lambda: OF_PROCESS.functions)

_COLLECTING: ContextVar[Declarations | None] = ContextVar("declarations", default=None)


def declarations() -> Declarations:
    """Where code that runs now declares into."""
    return _COLLECTING.get() or OF_PROCESS


@contextmanager
def collecting(found: Declarations) -> Iterator[None]:
    """Has what is declared inside go to `found`."""
    token = _COLLECTING.set(found)
    try:
        yield
    finally:
        _COLLECTING.reset(token)


def checked_name(name: str) -> str:
    """A function's name in upper case.

    Raises:
        DefinitionError: SQL cannot call it by that name.
    """
    upper = name.upper()
    if not upper.isidentifier() or not upper.isascii():
        raise DefinitionError(f'"{name}" cannot be the name of a function')
    return upper
