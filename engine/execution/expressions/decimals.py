"""Arithmetic and comparison of DECIMALs: exact, or NULL where a result would need rounding."""

from __future__ import annotations

from merganser.engine.duck import DECIMAL_PRECISION_MAX, literal, physical_type
from merganser.engine.functions.decimals import is_wide
from merganser.engine.types import DecimalType


def decimal_arithmetic_sql(
    op: str, left: tuple[str, DecimalType], right: tuple[str, DecimalType], kind: DecimalType
) -> str:
    """`left op right` at the type that the language gives it; NULL where ksqlDB raises."""
    (left_sql, left_type), (right_sql, right_type) = left, right
    if is_wide(kind) or is_wide(left_type) or is_wide(right_type):
        return _wide(op, left, right, kind)
    target = physical_type(kind)
    match op:
        case "+" | "-":
            sides = [f"CAST({sql} AS {target})" for sql in (left_sql, right_sql)]
            return f"CAST(({sides[0]} {op} {sides[1]}) AS {target})"
        case "*":
            return f"CAST(({left_sql} * {right_sql}) AS {target})"
        case "/":
            return _divided(left, right, kind)
        case _:
            return _remainder(left, right, kind)


def _unscaled(side: tuple[str, DecimalType], scale: int) -> str:
    """A decimal times ten to the power of a scale, as HUGEINT."""
    sql, kind = side
    digits = f"CAST(replace(CAST({sql} AS VARCHAR), '.', '') AS HUGEINT)"
    shift = scale - kind.scale
    return digits if shift == 0 else f"({digits} * CAST('1{'0' * shift}' AS HUGEINT))"


def _scaled(whole: str, kind: DecimalType) -> str:
    text = f"CAST({whole} AS VARCHAR) || 'e-{kind.scale}'"
    return f"CAST(({text}) AS {physical_type(kind)})"


def _divided(
    left: tuple[str, DecimalType], right: tuple[str, DecimalType], kind: DecimalType
) -> str:
    # The quotient's scale is never less than that of the dividend, so the shift is not negative;
    # the dividend then has as many digits as the result's precision.
    dividend = _unscaled(left, kind.scale + right[1].scale)
    divisor = f"nullif({_unscaled(right, right[1].scale)}, 0)"
    return (
        f"CASE WHEN {dividend} % {divisor} = 0 "
        f"THEN {_scaled(f'({dividend} // {divisor})', kind)} END"
    )


def _remainder(
    left: tuple[str, DecimalType], right: tuple[str, DecimalType], kind: DecimalType
) -> str:
    """Raises, as BigDecimal does, if the whole quotient has more digits than the result."""
    scale = kind.scale
    widths = [side.precision - side.scale + scale for side in (left[1], right[1])]
    if max(widths) > DECIMAL_PRECISION_MAX:
        return _wide("%", left, right, kind)
    dividend, divisor = _unscaled(left, scale), f"nullif({_unscaled(right, scale)}, 0)"
    digits = f"length(rtrim(CAST(abs({dividend} // {divisor}) AS VARCHAR), '0'))"
    return (
        f"CASE WHEN {digits} <= {kind.precision} "
        f"THEN {_scaled(f'({dividend} % {divisor})', kind)} END"
    )


def _wide(
    op: str, left: tuple[str, DecimalType], right: tuple[str, DecimalType], kind: DecimalType
) -> str:
    sides = ", ".join(f"CAST({sql} AS VARCHAR)" for sql, _ in (left, right))
    text = f'"$decimal_arithmetic"({literal(op)}, {sides}, {kind.precision}, {kind.scale})'
    return text if is_wide(kind) else f"CAST({text} AS {physical_type(kind)})"


def decimal_comparison_sql(
    op: str, left: tuple[str, DecimalType], right: tuple[str, DecimalType]
) -> str:
    """`left op right`, NULL where a side is."""
    (left_sql, left_type), (right_sql, right_type) = left, right
    scale = max(left_type.scale, right_type.scale)
    whole = max(t.precision - t.scale for t in (left_type, right_type))
    if whole + scale <= DECIMAL_PRECISION_MAX:
        return f"({left_sql} {op} {right_sql})"
    sides = f"CAST({left_sql} AS VARCHAR), CAST({right_sql} AS VARCHAR)"
    compared = f'"$decimal_compare"({sides})'
    match op:
        case "IS DISTINCT FROM":
            return f"coalesce({compared} <> 0, {left_sql} IS NOT NULL OR {right_sql} IS NOT NULL)"
        case "IS NOT DISTINCT FROM":
            return f"coalesce({compared} = 0, {left_sql} IS NULL AND {right_sql} IS NULL)"
        case _:
            return f"({compared} {op} 0)"
