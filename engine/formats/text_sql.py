"""SQL expressions that spell values as ksqlDB's text formats do.

Source: Java's `Double.toString` and `BigDecimal.toPlainString`; parity/semantics.md, section 9.
"""

from __future__ import annotations

from merganser.engine.duck import decimal_text
from merganser.engine.types import DecimalType, Kind, ScalarType, SqlType
from merganser.errors import InternalError

_LONG_MIN = "(-9223372036854775807 - 1)"
_SAFE_MIN, _SAFE_MAX = "1e-3::DOUBLE", "1e7::DOUBLE"  # Java and DuckDB agree inside.


def double_is_plain(value: str) -> str:
    """True (or NULL for NULL) where DuckDB's `to_json` spells a DOUBLE as Java does."""
    size = f"abs({value})"
    return f"({size} >= {_SAFE_MIN} AND {size} < {_SAFE_MAX} OR {size} = 0)"


def double_text(value: str) -> str:
    """`Double.toString` of a DOUBLE; NULL for NULL.

    The engine's Python function writes what Java spells otherwise than DuckDB, 1 µs a value. SQL
    for it would take 10 ms to plan, for each DOUBLE of each epoch.
    """
    return (
        f"CASE WHEN {double_is_plain(value)} THEN CAST(to_json({value}) AS VARCHAR) "
        f'WHEN {value} IS NOT NULL THEN "$double_text"({value}) END'
    )


def temporal_number(kind: Kind, value: str) -> str:
    """TIME as ms of the day, DATE as epoch days, TIMESTAMP as epoch ms; NULL for NULL."""
    match kind:
        case Kind.TIME:
            return f"(epoch_us({value}) // 1000)"
        case Kind.DATE:
            return (
                f"CASE WHEN {value} = DATE '-infinity' THEN -2147483648 "
                f"ELSE {value} - DATE '1970-01-01' END"
            )
        case Kind.TIMESTAMP:
            return (
                f"coalesce(epoch_ms({value}), CASE {value} "
                f"WHEN TIMESTAMP 'infinity' THEN 9223372036854775807 "
                f"WHEN TIMESTAMP '-infinity' THEN {_LONG_MIN} END)"
            )
        case _:
            raise InternalError(f"{kind} is no time")


def scalar_text(sql_type: SqlType, value: str) -> str:
    """The bare text of a value of any type but ARRAY, MAP and STRUCT; NULL for NULL."""
    match sql_type:
        case ScalarType(Kind.STRING):
            return value
        case ScalarType(Kind.DOUBLE):
            return double_text(value)
        case ScalarType(Kind.BYTES):
            return f"to_base64({value})"
        case ScalarType(Kind.TIME | Kind.DATE | Kind.TIMESTAMP as kind):
            return f"CAST({temporal_number(kind, value)} AS VARCHAR)"
        case DecimalType():
            return decimal_text(value, sql_type)
        case ScalarType():
            return f"CAST({value} AS VARCHAR)"
        case _:
            raise InternalError(f"{sql_type.sql()} has no bare text")
