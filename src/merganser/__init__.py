"""Merganser: streaming SQL on Kafka for Python.

`scalar_function`, `aggregate_function` and `table_function` make Python functions functions of SQL
(docs/python-functions.md).
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merganser.engine.functions.python.decorators import (
        aggregate_function,
        scalar_function,
        table_function,
    )

try:
    __version__ = version("merganser")
except PackageNotFoundError:  # A source tree on the path that was never installed.
    __version__ = "0.0.0"

__all__ = ["__version__", "aggregate_function", "scalar_function", "table_function"]

_DECORATORS = "merganser.engine.functions.python.decorators"


if not TYPE_CHECKING:  # Type checkers would take any name.

    def __getattr__(name: str) -> object:
        """The decorators, when they are first asked for: the command line needs no DuckDB."""
        if name not in __all__:
            raise AttributeError(f"module {__name__} has no attribute {name}")
        return getattr(import_module(_DECORATORS), name)
