"""EXPLODE and CUBE_EXPLODE."""

from __future__ import annotations

from merganser.engine.functions.function import TABLES, TableFunction, scalar

TABLES.add(
    "EXPLODE",
    TableFunction(
        scalar("(ARRAY<T>) -> T", "{0}"),
        doc="A row for each element of an array; none for NULL.",
        examples={"EXPLODE(ARRAY[1, 2])": [1, 2], "EXPLODE(CAST(NULL AS ARRAY<INT>))": []},
    ),
)
