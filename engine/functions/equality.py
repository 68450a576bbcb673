"""Equality as Java's `equals` sees it, where DuckDB's `=` differs."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.duck import identifier
from merganser.engine.types import ArrayType, MapType, SqlType, StructType


def comparable_sql(sql: str, kind: SqlType, depth: int = 0) -> str:
    """A value in a form in which DuckDB compares it as Java's `equals` does.

    Only maps need it: their entries have an order in DuckDB that does not count. `depth` keeps the
    names of nested lambdas apart.
    """
    if not _holds_map(kind):
        return sql
    name = f'"$c{depth}"'
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


def differs_sql(left: str, right: str, kind: SqlType) -> str:
    """Whether two values are different; NULL equals NULL, 0.0 is not -0.0. Never NULL."""
    first, second = comparable_sql(left, kind), comparable_sql(right, kind)
    plain = f"{first} IS DISTINCT FROM {second}"
    if kind == types.DOUBLE:
        # Only of zeros: NaN has a sign too, which Java does not look at.
        signs = f"{left} = 0 AND signbit({left}) <> signbit({right})"
        return f"({plain} OR coalesce({signs}, FALSE))"
    return f"({plain})"
