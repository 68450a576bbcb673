"""CAST and implicit conversions, as Java does them.

Source: parity/statements.md, section 8; parity/semantics.md, section 12, items 9, 11 and 13.
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine import types
from merganser.engine.duck import decimal_text, identifier, physical_type
from merganser.engine.execution.expressions.compiled import Fragment, either
from merganser.engine.functions import conversions
from merganser.engine.functions.decimals import is_wide
from merganser.engine.functions.java_text import java_text_sql
from merganser.engine.plan.coercion import as_decimal, numeric_rank
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType
from merganser.errors import InternalError

_EXACT_DOUBLE_DIGITS = 15  # Up to here a DECIMAL divided by its power of ten rounds once.


def cast_fragment(
    operand: Fragment, source: SqlType, target: SqlType, *, implicit: bool
) -> Fragment:
    """The operand as another type.

    An explicit CAST catches what its operand raises and itself becomes NULL where it fails; an
    implicit one raises.
    """
    given = operand if implicit else operand.caught()
    cast = _cast(given.sql, source, target, 0)
    if implicit and isinstance(target, DecimalType) and numeric_rank(source) is not None:
        cast = _exact(given.sql, cast, source, target)
    nullable = given.nullable or cast.fails is not None
    if implicit:
        return Fragment(cast.sql, either(given.raises, cast.fails), given.logged, nullable)
    return Fragment(cast.sql, None, either(given.logged, cast.fails), nullable)


@dataclass(frozen=True, slots=True)
class _Converted:
    """A converted value; `fails` is a predicate, never NULL, or None."""

    sql: str
    fails: str | None = None


def _strict(sql: str, operand: str) -> _Converted:
    """SQL that gives NULL for a given value only where the conversion fails."""
    return _Converted(sql, f"(({operand}) IS NOT NULL AND ({sql}) IS NULL)")


def _exact(sql: str, cast: _Converted, source: SqlType, target: DecimalType) -> _Converted:
    """A conversion to DECIMAL that fails where it would round."""
    if source == types.DOUBLE or as_decimal(source).scale <= target.scale:
        return cast
    exact = f"CASE WHEN {cast.sql} = {sql} THEN {cast.sql} END"
    return _strict(exact, sql)


def _cast(sql: str, source: SqlType, target: SqlType, depth: int) -> _Converted:
    if source in (target, types.NULL):
        return _Converted(sql if source == target else f"CAST({sql} AS {physical_type(target)})")
    match source, target:
        case ArrayType(), ArrayType():
            return _cast_array(sql, source, target, depth)
        case MapType(), MapType():
            return _cast_map(sql, source, target, depth)
        case StructType(), StructType():
            return _cast_struct(sql, source, target, depth)
        case types.JSON, types.STRING:
            return _Converted(sql)
        case _, types.STRING:
            return _Converted(_text(sql, source, depth))
        case types.STRING, _:
            return _parse(sql, target)
        case _, types.INTEGER | types.BIGINT:
            return _to_integer(sql, source, target)
        case DecimalType(precision, _), types.DOUBLE:
            exact = precision <= _EXACT_DOUBLE_DIGITS
            return _Converted(
                f"CAST({sql} AS DOUBLE)" if exact else f"CAST(CAST({sql} AS VARCHAR) AS DOUBLE)"
            )
        case _, DecimalType():
            return _to_decimal(sql, source, target)
        case _:
            return _Converted(f"CAST({sql} AS {physical_type(target)})")


def _text(sql: str, source: SqlType, depth: int) -> str:
    match source:
        case types.DATE:
            return conversions.date_sql(sql)
        case types.TIME:
            return conversions.time_sql(sql)
        case types.TIMESTAMP:
            return conversions.timestamp_sql(sql)
        case DecimalType():
            return decimal_text(sql, source)
        case _:
            return java_text_sql(sql, source, depth)


def _parse(sql: str, target: SqlType) -> _Converted:
    match target:
        case types.BOOLEAN:
            return _Converted(conversions.parse_boolean_sql(sql))
        case types.INTEGER:
            return _strict(f"TRY_CAST({conversions.parse_long_sql(sql)} AS INTEGER)", sql)
        case types.BIGINT:
            return _strict(conversions.parse_long_sql(sql), sql)
        case types.DOUBLE:
            return _strict(conversions.parse_double_sql(sql), sql)
        case DecimalType():
            return _strict(_decimal_of_text(conversions.decimal_plain_sql(sql), target), sql)
        case types.DATE:
            return _strict(conversions.parse_date_sql(sql), sql)
        case types.TIME:
            return _strict(conversions.parse_time_sql(sql), sql)
        case types.TIMESTAMP:
            return _strict(conversions.parse_timestamp_sql(sql), sql)
        case types.JSON:
            return _strict(f"CASE WHEN json_valid({sql}) THEN {sql} END", sql)
        case types.BYTES:
            return _strict(conversions.parse_base64_sql(sql), sql)
        case _:
            raise InternalError(f"no cast from STRING to {target}")


def _to_decimal(sql: str, source: SqlType, target: DecimalType) -> _Converted:
    if source == types.DOUBLE:
        return _strict(_decimal_of_text(conversions.double_plain_sql(sql), target), sql)
    if is_wide(source) or is_wide(target):
        return _strict(_decimal_of_text(f"CAST({sql} AS VARCHAR)", target), sql)
    return _strict(f"TRY_CAST({sql} AS {physical_type(target)})", sql)


def _decimal_of_text(plain: str, target: DecimalType) -> str:
    """A DECIMAL from plain notation, rounded half up; NULL where it has too many digits."""
    if is_wide(target):
        return f'"$decimal_round"({plain}, {target.precision}, {target.scale})'
    return f"TRY_CAST({plain} AS {physical_type(target)})"


def _to_integer(sql: str, source: SqlType, target: SqlType) -> _Converted:
    """DOUBLE saturates and NaN is 0; BIGINT and DECIMAL keep their low-order bits."""
    kind = physical_type(target)
    bits = 32 if target == types.INTEGER else 64
    if source == types.INTEGER:
        return _Converted(f"CAST({sql} AS {kind})")
    half, mask = 1 << bits - 1, (1 << bits) - 1
    if source == types.DOUBLE:
        return _Converted(
            f"CASE WHEN isnan({sql}) THEN 0 WHEN ({sql}) >= {half - 1} THEN {half - 1} "
            f"WHEN ({sql}) <= -{half} THEN CAST(-{half} AS {kind}) "
            # TRY: over a dictionary DuckDB casts also the values that CASE keeps out.
            f"ELSE TRY_CAST(trunc({sql}) AS {kind}) END"
        )
    whole = f"({sql})"
    if isinstance(source, DecimalType):
        whole = f"trunc({sql})"
        if is_wide(source):
            return _Converted(
                f'CAST("$decimal_low_bits"(CAST({sql} AS VARCHAR), {bits}) AS {kind})'
            )
    low = f"(CAST({whole} AS HUGEINT) & CAST({mask} AS HUGEINT))"
    wrapped = f"CASE WHEN {low} < {half} THEN {low} ELSE {low} - CAST({mask + 1} AS HUGEINT) END"
    return _Converted(f"coalesce(TRY_CAST({whole} AS {kind}), CAST({wrapped} AS {kind}))")


# ------------------------------------------------------------------ containers


def _cast_array(sql: str, source: ArrayType, target: ArrayType, depth: int) -> _Converted:
    name = f'"$e{depth}"'
    item = _cast(name, source.element, target.element, depth + 1)
    every = f"list_transform({sql}, lambda {name}: {item.sql})"
    if item.fails is None:
        return _Converted(every)
    fails = f"coalesce(len(list_filter({sql}, lambda {name}: {item.fails})) > 0, FALSE)"
    return _Converted(f"CASE WHEN {fails} THEN NULL ELSE {every} END", fails)


def _cast_map(sql: str, source: MapType, target: MapType, depth: int) -> _Converted:
    name = f'"$e{depth}"'
    key = _cast(f"{name}.key", source.key, target.key, depth + 1)
    value = _cast(f"{name}.value", source.value, target.value, depth + 1)
    entries = f"map_entries({sql})"
    pairs = (
        f"list_transform({entries}, lambda {name}: "
        f"struct_pack(key := {key.sql}, value := {value.sql}))"
    )
    every = f"CASE WHEN ({sql}) IS NOT NULL THEN map_from_entries({pairs}) END"
    failing = either(key.fails, value.fails)
    if failing is None:
        return _Converted(every)
    fails = f"coalesce(len(list_filter({entries}, lambda {name}: {failing})) > 0, FALSE)"
    return _Converted(f"CASE WHEN {fails} THEN NULL ELSE {every} END", fails)


def _cast_struct(sql: str, source: StructType, target: StructType, depth: int) -> _Converted:
    """Field by field, by exact name; fields that the source lacks are NULL."""
    parts: list[str] = []
    failing: list[str | None] = []
    for field in target.fields:
        name = identifier(field.name)
        given = source.field(field.name)
        if given is None:
            parts.append(f"{name} := CAST(NULL AS {physical_type(field.type)})")
            continue
        cast = _cast(f"({sql}).{name}", given.type, field.type, depth)
        parts.append(f"{name} := {cast.sql}")
        failing.append(cast.fails)
    every = f"CASE WHEN ({sql}) IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
    fails = either(*failing)
    if fails is None:
        return _Converted(every)
    return _Converted(f"CASE WHEN {fails} THEN NULL ELSE {every} END", fails)
