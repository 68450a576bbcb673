"""SHOW FUNCTIONS: every function with its category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.functions.duckdb_scalars import CATEGORY
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES
from merganser.engine.functions.scalar_calls import borrowed_functions
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function in a list; `kind` is SCALAR, AGGREGATE or TABLE."""

    name: str
    kind: str
    category: str


@dataclass(frozen=True, kw_only=True)
class FunctionNames(Answer):
    """Functions by name."""

    wire_type: ClassVar[str] = "function_names"
    functions: tuple[FunctionName, ...]

    def fields(self) -> dict[str, object]:
        return {
            "functions": [
                {"name": function.name, "type": function.kind, "category": function.category}
                for function in self.functions
            ]
        }

    def tables(self) -> Sequence[Table]:
        by_category = sorted(self.functions, key=lambda entry: (entry.category, entry.name))
        rows: list[tuple[str, str]] = []
        for category, entries in groupby(by_category, key=lambda entry: entry.category):
            if rows:
                rows.append(("", ""))
            rows.extend((entry.name, category) for entry in entries)
        footer = "For more about a function, run: DESCRIBE FUNCTION <Function Name>;"
        return [Table(("Function Name", "Category"), tuple(rows), footer=footer)]


@handles(ast.ListFunctions)
def list_functions(statement: ast.ListFunctions, _session: Session) -> FunctionNames:
    """Answers all functions that the registries hold, and those that only DuckDB has."""
    found = [
        *(FunctionName(name, "SCALAR", entry.category) for name, entry in SCALARS.items()),
        *(FunctionName(name, "AGGREGATE", entry.category) for name, entry in AGGREGATES.items()),
        *(FunctionName(name, "TABLE", entry.category) for name, entry in TABLES.items()),
        *(FunctionName(name, "SCALAR", CATEGORY) for name in borrowed_functions()),
    ]
    ordered = tuple(sorted(found, key=lambda entry: entry.name))
    return FunctionNames(statement_text=statement.text, functions=ordered)
