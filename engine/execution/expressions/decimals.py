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
            wide = f"CAST({left_sql} AS DECIMAL({DECIMAL_PRECISION_MAX}, {left_type.scale}))"
            return f"CAST(({wide} * {right_sql}) AS {target})"
        case "/":
            return _divided(left, right, kind)
        case _:
            return _remainder(left, right, kind)


def _unscaled(side: tuple[str, DecimalType], scale: int) -> str:
    """A decimal times ten to the power of a scale that is not less than its own, as HUGEINT."""
    sql, kind = side
    if kind.precision + scale <= DECIMAL_PRECISION_MAX:
        # A product of two DECIMALs of up to 18 digits would have to fit 18 as well.
        wide = f"CAST({sql} AS DECIMAL({DECIMAL_PRECISION_MAX}, {kind.scale}))"
        return f"CAST({wide} * CAST(1{'0' * scale} AS DECIMAL({scale + 1}, 0)) AS HUGEINT)"
    digits = f"CAST(replace(CAST({sql} AS VARCHAR), '.', '') AS HUGEINT)"
    shift = scale - kind.scale
    return digits if shift == 0 else f"({digits} * CAST('1{'0' * shift}' AS HUGEINT))"


def _scaled(whole: str, kind: DecimalType) -> str:
    """A HUGEINT divided by ten to the power of the scale: times one unit in the last place."""
    if kind.scale == 0:
        return f"CAST({whole} AS {physical_type(kind)})"
    unit = f"CAST('0.{'1'.zfill(kind.scale)}' AS DECIMAL({kind.scale}, {kind.scale}))"
    return f"CAST(CAST({whole} AS DECIMAL(38, 0)) * {unit} AS {physical_type(kind)})"


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
    return compare_texts_sql(op, left_sql, right_sql)


def compare_texts_sql(op: str, left: str, right: str) -> str:
    """`left op right` of numbers by their texts, exactly."""
    compared = f'"$decimal_compare"(CAST({left} AS VARCHAR), CAST({right} AS VARCHAR))'
    match op:
        case "IS DISTINCT FROM":
            return f"coalesce({compared} <> 0, {left} IS NOT NULL OR {right} IS NOT NULL)"
        case "IS NOT DISTINCT FROM":
            return f"coalesce({compared} = 0, {left} IS NULL AND {right} IS NULL)"
        case _:
            return f"({compared} {op} 0)"
