"""Types of operators: what arithmetic gives, what may be compared, what may be cast.

Source: parity/statements.md, sections 7 and 8.
"""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.plan.coercion import as_decimal, numeric_rank
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType

_TIMES = (types.TIME, types.DATE, types.TIMESTAMP)
_EQUALITY = ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
_DIVISION_SCALE_MIN = 6


def arithmetic_type(op: str, left: SqlType, right: SqlType) -> SqlType | None:
    """The type of `left op right`, or None if the operator does not take these types."""
    if left == right == types.STRING:
        return types.STRING if op == "+" else None
    left_rank, right_rank = numeric_rank(left), numeric_rank(right)
    if left_rank is None or right_rank is None:
        return None
    if types.DOUBLE in (left, right):
        return types.DOUBLE
    if 3 in (left_rank, right_rank):
        return _decimal_result(op, as_decimal(left), as_decimal(right))
    return left if left_rank >= right_rank else right


def _decimal_result(op: str, left: DecimalType, right: DecimalType) -> DecimalType:
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    match op:
        case "+" | "-":
            scale = max(s1, s2)
            precision = scale + max(p1 - s1, p2 - s2) + 1
        case "*":
            scale = s1 + s2
            precision = p1 + p2 + 1
        case "/":
            scale = max(_DIVISION_SCALE_MIN, s1 + p2 + 1)
            precision = p1 - s1 + s2 + scale
        case _:
            scale = max(s1, s2)
            precision = min(p1 - s1, p2 - s2) + scale
    return DecimalType(precision, scale)


def comparison_type(op: str, left: SqlType, right: SqlType) -> SqlType | None:
    """The type in which `left op right` compares, or None if it may not.

    For two DECIMALs any scale: the caller compares them as they are.
    """
    left_rank, right_rank = numeric_rank(left), numeric_rank(right)
    if left_rank is not None and right_rank is not None:
        return left if left_rank >= right_rank else right
    if left == right:
        if left in (types.BOOLEAN, types.JSON) or isinstance(
            left, ArrayType | MapType | StructType
        ):
            return left if op in _EQUALITY else None
        return left
    pair = {left, right}
    if types.STRING in pair:
        other = (pair - {types.STRING}).pop()
        return other if other in _TIMES else None
    if pair == {types.DATE, types.TIMESTAMP}:
        return types.TIMESTAMP
    return None


def castable(source: SqlType, target: SqlType) -> bool:
    """Whether CAST knows the way from one type to another."""
    if source in (target, types.NULL):
        return True
    if types.JSON in (source, target):
        return types.STRING in (source, target)
    if target == types.STRING:
        return source != types.BYTES
    if source == types.STRING:
        return not isinstance(target, ArrayType | MapType | StructType)
    if numeric_rank(source) is not None:
        return numeric_rank(target) is not None
    match source, target:
        case ArrayType(inner), ArrayType(element):
            return castable(inner, element)
        case MapType(key, value), MapType(to_key, to_value):
            return castable(key, to_key) and castable(value, to_value)
        case StructType(), StructType(fields):
            return all(
                castable(given.type, f.type)
                for f in fields
                if (given := source.field(f.name)) is not None
            )
        case _:
            return (source, target) in (
                (types.TIMESTAMP, types.DATE),
                (types.TIMESTAMP, types.TIME),
                (types.DATE, types.TIMESTAMP),
            )
