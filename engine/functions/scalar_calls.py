"""How a scalar call is computed: by a function of the language or a user, else by DuckDB's own."""

from __future__ import annotations

from collections.abc import Mapping

from merganser.engine.expression import Call
from merganser.engine.functions.duckdb_scalars import DuckdbScalar, duckdb_scalars
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES, Overload


def is_known(name: str) -> bool:
    """Whether the language or a user has a function of that name, in upper case."""
    return name in SCALARS or name in AGGREGATES or name in TABLES


def borrowed_functions() -> Mapping[str, DuckdbScalar]:
    """DuckDB's scalar functions that can be called: the others' names are taken."""
    return {name: entry for name, entry in duckdb_scalars().items() if not is_known(name)}


def borrowed_function(name: str) -> DuckdbScalar | None:
    """DuckDB's function of that name, in upper case, if there is no other and it has one."""
    return None if is_known(name) else duckdb_scalars().get(name)


def overload_of(call: Call) -> Overload:
    """The overload that a bound call chose."""
    if call.borrowed:
        return duckdb_scalars()[call.name].overload
    return SCALARS[call.name].overloads[call.overload]
