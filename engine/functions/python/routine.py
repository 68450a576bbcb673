"""Python callables under DuckDB names."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from merganser.engine.duck import Duck, DuckError

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class PythonRoutine:
    """One callable over Arrow columns.

    Attributes:
        name: One in the process: nothing is ever defined anew under a name in use.
        parameters: DuckDB types; there is always one, as a call without arguments tells DuckDB's
            Python no number of rows.
        returns: DuckDB type.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str
    call: Callable[..., pa.Array]

    def sql(self, *arguments: str) -> str:
        """A call."""
        return f'"{self.name}"({", ".join(arguments)})'


_ROUTINES: list[PythonRoutine] = []
"""All of them, for instances that come later."""


def routine(
    label: str, parameters: tuple[str, ...], returns: str, call: Callable[..., pa.Array]
) -> PythonRoutine:
    """A new routine. `label` is for those who read plans."""
    made = PythonRoutine(f"$python_{next(_numbers)}_{label}", parameters, returns, call)
    _ROUTINES.append(made)
    return made


@dataclass(slots=True)
class DuckDefiner:
    """Makes routines known to one DuckDB instance, each when a statement first needs it.

    It has a connection of its own: those of queries are at work in other threads.
    """

    duck: Duck
    _known: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def define(self, routine: PythonRoutine) -> None:
        """Defines a routine if the instance does not have it yet."""
        with self._lock:
            if routine.name in self._known:
                return
            try:
                self.duck.create_function(
                    routine.name, routine.call, routine.parameters, routine.returns
                )
            except DuckError as error:
                # Another engine on the same instance was faster.
                if "already" not in str(error):
                    raise
            self._known.add(routine.name)

    def close(self) -> None:
        """Gives the connection back; what was defined stays."""
        self.duck.close()


def define_all(duck: Duck) -> None:
    """Makes all routines that there are known to an instance, for those who run SQL by hand."""
    definer = DuckDefiner(duck)
    for made in _ROUTINES:
        definer.define(made)
