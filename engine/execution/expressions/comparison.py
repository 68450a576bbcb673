"""Comparison operators and IN."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.arithmetic import as_decimal_side
from merganser.engine.execution.expressions.compiled import Fragment
from merganser.engine.execution.expressions.decimals import decimal_comparison_sql
from merganser.engine.expression import Expression
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType

Side = tuple[Fragment, Expression]


def comparison_sql(op: str, left: Side, right: Side) -> str:
    """`left op right`, NULL where a side is (but for the DISTINCT forms)."""
    kinds = (left[1].result_type, right[1].result_type)
    if any(isinstance(kind, DecimalType) for kind in kinds) and types.DOUBLE not in kinds:
        return decimal_comparison_sql(op, as_decimal_side(*left), as_decimal_side(*right))
    first, second = comparable_sql(left[0].sql, kinds[0]), comparable_sql(right[0].sql, kinds[1])
    return f"({first} {op} {second})"


def in_sql(operand: Fragment, items: Sequence[Fragment], kind: SqlType) -> str:
    """Whether an operand equals an item; NULLs equal nothing."""
    listed = ", ".join(comparable_sql(item.sql, kind) for item in items)
    return f"coalesce({comparable_sql(operand.sql, kind)} IN ({listed}), FALSE)"


def comparable_sql(sql: str, kind: SqlType, depth: int = 0) -> str:
    """A value in a form in which DuckDB compares it as Java's `equals` does.

    Only maps need it: their entries have an order in DuckDB that does not count.
    """
    if not _holds_map(kind):
        return sql
    name = f"c{depth}"
    match kind:
        case MapType(_, value):
            entry = comparable_sql(f"{name}.value", value, depth + 1)
            pair = f"struct_pack(k := {name}.key, v := {entry})"
            return f"list_sort(list_transform(map_entries({sql}), lambda {name}: {pair}))"
        case ArrayType(element):
            item = comparable_sql(name, element, depth + 1)
            return f"list_transform({sql}, lambda {name}: {item})"
        case StructType(fields):
            parts = []
            for field in fields:
                physical = identifier(field.name)
                inner = comparable_sql(f"({sql}).{physical}", field.type, depth)
                parts.append(f"{physical} := {inner}")
            return f"CASE WHEN ({sql}) IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
        case _:
            return sql


def _holds_map(kind: SqlType) -> bool:
    match kind:
        case MapType():
            return True
        case ArrayType(element):
            return _holds_map(element)
        case StructType(fields):
            return any(_holds_map(field.type) for field in fields)
        case _:
            return False
