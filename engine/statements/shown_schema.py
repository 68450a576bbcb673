"""Types and columns as REST entities and terminals show them.

Source: parity/rest-api.md, FieldInfo and SchemaInfo; parity/cli-and-ops.md, DESCRIBE.
"""

from __future__ import annotations

from collections.abc import Iterable

from merganser.engine.answer import Table
from merganser.engine.schema import Column, Role
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)

TYPE_WIDTH = 16  # Terminals pad the type in front of ` (key)`.


def schema_info(sql_type: SqlType) -> dict[str, object]:
    """A type as a SchemaInfo."""
    match sql_type:
        case ArrayType(element):
            return _info("ARRAY", member=schema_info(element))
        case MapType(_, value):
            return _info("MAP", member=schema_info(value))
        case StructType(fields):
            members: list[dict[str, object]] = [
                {"name": field.name, "schema": schema_info(field.type)} for field in fields
            ]
            return _info("STRUCT", fields=members)
        case DecimalType(precision, scale):
            return {
                **_info("DECIMAL"),
                "parameters": {"precision": precision, "scale": scale},
            }
        case _:
            return _info(sql_type.sql())


def _info(
    name: str,
    *,
    fields: list[dict[str, object]] | None = None,
    member: dict[str, object] | None = None,
) -> dict[str, object]:
    return {"type": name, "fields": fields, "memberSchema": member}


def field_info(column: Column) -> dict[str, object]:
    """A column as a FieldInfo; value columns have no `type`."""
    info: dict[str, object] = {"name": column.name, "schema": schema_info(column.type)}
    match column.role:
        case Role.KEY:
            info["type"] = "KEY"
        case Role.HEADERS:
            if column.header is not None:
                info["headerKey"] = column.header
            info["type"] = "HEADER"
        case Role.VALUE:
            pass
    return info


def shown_type(sql_type: SqlType) -> str:
    """A type as terminals show it.

    >>> from merganser.engine.types import STRING, INTEGER, StructField
    >>> shown_type(StructType((StructField("A", INTEGER), StructField("B", STRING))))
    'STRUCT<A INTEGER, B VARCHAR(STRING)>'
    """
    match sql_type:
        case ScalarType(Kind.STRING):
            return "VARCHAR(STRING)"
        case ArrayType(element):
            return f"ARRAY<{shown_type(element)}>"
        case MapType(key, value):
            return f"MAP<{_map_key(key)}, {shown_type(value)}>"
        case StructType(fields):
            return f"STRUCT<{', '.join(f'{f.name} {shown_type(f.type)}' for f in fields)}>"
        case _:
            return sql_type.sql()


def _map_key(key: SqlType) -> str:
    return "STRING" if key == ScalarType(Kind.STRING) else shown_type(key)


def field_table(columns: Iterable[Column], *, is_table: bool, window: str | None) -> Table:
    """The table of fields that DESCRIBE and EXPLAIN show."""
    return Table(
        ("Field", "Type"),
        tuple(
            (column.name, _field_type(column, is_table=is_table, window=window))
            for column in columns
        ),
    )


def _field_type(column: Column, *, is_table: bool, window: str | None) -> str:
    text = shown_type(column.type)
    match column.role:
        case Role.KEY:
            kind = "(primary key)" if is_table else "(key)"
            tail = f" (Window type: {window})" if window else ""
            return f"{text:{TYPE_WIDTH}} {kind}{tail}"
        case Role.HEADERS:
            kind = "(headers)" if column.header is None else f"(header('{column.header}'))"
            return f"{text:{TYPE_WIDTH}} {kind}"
        case Role.VALUE:
            return text


def labelled(pairs: Iterable[tuple[str, str]]) -> str:
    """Lines of `label : value`, labels padded to 20."""
    return "\n".join(f"{label:20} : {value}" for label, value in pairs)
