"""The functions of users that one engine knows, and how its DuckDB gets to know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from merganser.engine.catalog import Catalog, FunctionDefinition
from merganser.engine.duck import Duck
from merganser.engine.functions.function import ScalarFunction
from merganser.engine.functions.in_force import InForce, UserFunction, using
from merganser.engine.functions.python.declarations import OF_PROCESS, Declarations
from merganser.engine.functions.python.loading import LoadProblem, load_folder, load_packages
from merganser.engine.functions.python.routine import DuckDefiner
from merganser.engine.functions.python.source import user_function
from merganser.errors import UnsupportedError

EXTENSION_DIR = "ksql.extension.dir"
ENABLED = "merganser.functions.python.enabled"
DEFAULT_DIR = "ext"


class EngineFunctions:
    """What the statements of an engine can call beside the language's own functions.

    Attributes:
        loaded: What the extension folder declared.
        problems: Files and packages whose functions are not there.
    """

    def __init__(self, duck: Duck, properties: Mapping[str, str], data_dir: Path | None) -> None:
        self._definer = DuckDefiner(duck.cursor())
        self._folder = _folder(properties, data_dir)
        self._allows_sql = is_enabled(properties)
        self.loaded = Declarations()
        self.problems: tuple[LoadProblem, ...] = ()

    def load(self) -> None:
        """Reads packages and the extension folder."""
        problems = list(_packages())
        self.loaded = Declarations()
        if self._folder is not None:
            problems += load_folder(self._folder, self.loaded)
        self.problems = tuple(problems)

    def close(self) -> None:
        """Gives the connection back."""
        self._definer.close()

    @contextmanager
    def in_force(self, catalog: Callable[[], Catalog]) -> Iterator[None]:
        """Has statements see these functions and those of the catalog."""

        def current() -> InForce:
            return InForce(
                {
                    **OF_PROCESS.functions,
                    **self.loaded.functions,
                    **{n: self._created(each) for n, each in catalog().functions.items()},
                },
                self._definer,
            )

        with using(current):
            yield

    def _created(self, definition: FunctionDefinition) -> UserFunction:
        return (_made if self._allows_sql else _disabled)(definition)


def is_enabled(properties: Mapping[str, str]) -> bool:
    """Whether a server allows functions to be made by statements."""
    return str(properties.get(ENABLED, "false")).lower() == "true"


def _folder(properties: Mapping[str, str], data_dir: Path | None) -> Path | None:
    """The extension folder, if it is there. A relative one is in the data folder."""
    given = Path(properties.get(EXTENSION_DIR, DEFAULT_DIR)).expanduser()
    if not given.is_absolute():
        if data_dir is None:
            return None
        given = data_dir / given
    return given if given.is_dir() else None


@cache
def _packages() -> tuple[LoadProblem, ...]:
    """Loads installed packages once: looking for them takes longer than starting an engine."""
    return tuple(load_packages())


_made = lru_cache(maxsize=1024)(user_function)


@lru_cache(maxsize=1024)
def _disabled(definition: FunctionDefinition) -> UserFunction:
    """A function that was made when the server allowed it: known, but not called."""
    made = user_function(definition)
    assert isinstance(made.entry, ScalarFunction)

    def refuse(_site: object) -> str:
        raise UnsupportedError(
            f"function {definition.name} was made by CREATE FUNCTION, which this server does not "
            "allow any more",
            hint=f"Set {ENABLED}=true in the server's configuration.",
        )

    entry = made.entry
    overloads = [replace(overload, duckdb=refuse) for overload in entry.overloads]
    refused = ScalarFunction(*overloads, doc=entry.doc, category=entry.category, examples={})
    return replace(made, entry=refused)
