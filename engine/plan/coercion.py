"""Implicit conversions: which exist, and the common type of several expressions.

Source: parity/statements.md, section 8.
"""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.expression import (
    ArrayOf,
    Cast,
    Expression,
    Literal,
    MapOf,
    StructOf,
)
from merganser.engine.functions.decimals import common_decimal
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import Span, TypeMismatchError

INTEGER_AS_DECIMAL = DecimalType(10, 0)
BIGINT_AS_DECIMAL = DecimalType(19, 0)

_RANK: dict[SqlType, int] = {types.INTEGER: 1, types.BIGINT: 2, types.DOUBLE: 4}
_FROM_STRING = (types.TIME, types.DATE, types.TIMESTAMP, types.BYTES)


def numeric_rank(kind: SqlType) -> int | None:
    """How wide a numeric type is: INTEGER 1, BIGINT 2, DECIMAL 3, DOUBLE 4; None for others."""
    return 3 if isinstance(kind, DecimalType) else _RANK.get(kind)


def as_decimal(kind: SqlType) -> DecimalType:
    """The DECIMAL type that holds every value of an INTEGER, BIGINT or DECIMAL type."""
    if isinstance(kind, DecimalType):
        return kind
    return INTEGER_AS_DECIMAL if kind == types.INTEGER else BIGINT_AS_DECIMAL


def widens(source: SqlType, target: SqlType) -> bool:
    """Whether a value converts implicitly to another type in an expression (strict)."""
    if source in (target, types.NULL):
        return True
    if source == types.JSON:
        return target == types.STRING
    source_rank, target_rank = numeric_rank(source), numeric_rank(target)
    if source_rank is not None and target_rank is not None:
        if isinstance(target, DecimalType):
            return source_rank <= 3 and common_decimal(as_decimal(source), target) == target
        return source_rank < target_rank
    match source, target:
        case ArrayType(inner), ArrayType(element):
            return widens(inner, element)
        case MapType(key, value), MapType(to_key, to_value):
            return widens(key, to_key) and widens(value, to_value)
        case StructType(fields), StructType(to_fields):
            wanted = {f.name: f.type for f in to_fields}
            return all(f.name in wanted and widens(f.type, wanted[f.name]) for f in fields)
        case _:
            return source == types.STRING and target in _FROM_STRING


def convert(expression: Expression, kind: SqlType) -> Expression:
    """The expression with an implicit Cast where its type is another one."""
    if expression.result_type == kind:
        return expression
    match expression:
        case Literal(None, _):
            return Literal(None, kind)
        case Literal(value, types.INTEGER) if kind == types.BIGINT:
            return Literal(value, kind)
        case ArrayOf(items, _) if isinstance(kind, ArrayType):
            return ArrayOf(tuple(convert(item, kind.element) for item in items), kind)
        case MapOf(keys, values, _) if isinstance(kind, MapType):
            return MapOf(
                tuple(convert(key, kind.key) for key in keys),
                tuple(convert(value, kind.value) for value in values),
                kind,
            )
        case StructOf(values, struct) if isinstance(kind, StructType):
            by_name = {f.name: v for f, v in zip(struct.fields, values, strict=True)}
            return StructOf(
                tuple(
                    convert(by_name[f.name], f.type) if f.name in by_name else Literal(None, f.type)
                    for f in kind.fields
                ),
                kind,
            )
        case _:
            return Cast(expression, kind, implicit=True)


def assign(expression: Expression, kind: SqlType, span: Span | None = None) -> Expression:
    """The expression as a value for a column of a type, as INSERT VALUES converts it.

    Numbers widen, text becomes TIME, DATE, TIMESTAMP or BYTES, containers convert by element. A
    conversion that loses digits, or a text that does not parse, fails when it is evaluated.

    Raises:
        TypeMismatchError: The type of the expression does not convert.
    """
    if not _assignable(expression.result_type, kind):
        raise TypeMismatchError(
            f"expected {kind}, found {expression} ({expression.result_type})", span=span
        )
    return convert(expression, kind)


def _assignable(source: SqlType, target: SqlType) -> bool:
    """As `widens`, but any number of less or equal rank may become a DECIMAL if it fits.

    A text that is JSON may become JSON.
    """
    if source == types.STRING and target == types.JSON:
        return True
    source_rank, target_rank = numeric_rank(source), numeric_rank(target)
    if source_rank is not None and target_rank is not None:
        return source_rank <= target_rank
    match source, target:
        case ArrayType(inner), ArrayType(element):
            return _assignable(inner, element)
        case MapType(key, value), MapType(to_key, to_value):
            return _assignable(key, to_key) and _assignable(value, to_value)
        case StructType(fields), StructType():
            return all(
                (to := target.field(f.name)) is not None and _assignable(f.type, to.type)
                for f in fields
            )
        case _:
            return widens(source, target)


def merge_types(left: SqlType, right: SqlType) -> SqlType | None:
    """The type that values of both types convert to, if there is one."""
    if left == right:
        return left
    left_rank, right_rank = numeric_rank(left), numeric_rank(right)
    if left_rank is not None and right_rank is not None:
        if max(left_rank, right_rank) == 3:
            return common_decimal(as_decimal(left), as_decimal(right))
        return left if left_rank > right_rank else right
    match left, right:
        case ArrayType(inner), ArrayType(element):
            merged = merge_types(inner, element)
            return ArrayType(merged) if merged is not None else None
        case MapType(key, value), MapType(to_key, to_value):
            merged_key, merged_value = merge_types(key, to_key), merge_types(value, to_value)
            if merged_key is None or merged_value is None:
                return None
            return MapType(merged_key, merged_value)
        case StructType(), StructType():
            return _merge_structs(left, right)
        case _:
            return right if widens(left, right) else left if widens(right, left) else None


def _merge_structs(left: StructType, right: StructType) -> StructType | None:
    fields: list[StructField] = []
    for f in left.fields:
        other = right.field(f.name)
        merged = f.type if other is None else merge_types(f.type, other.type)
        if merged is None:
            return None
        fields.append(StructField(f.name, merged))
    fields.extend(f for f in right.fields if left.field(f.name) is None)
    return StructType(tuple(fields))
