"""Comparison operators and IN."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.execution.expressions.arithmetic import as_decimal_side
from merganser.engine.execution.expressions.compiled import Fragment
from merganser.engine.execution.expressions.decimals import (
    compare_texts_sql,
    decimal_comparison_sql,
)
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.equality import comparable_sql
from merganser.engine.types import DecimalType, SqlType

Side = tuple[Fragment, Expression]


def comparison_sql(op: str, left: Side, right: Side) -> str:
    """`left op right`, NULL where a side is (but for the DISTINCT forms)."""
    kinds = (left[1].result_type, right[1].result_type)
    if types.DOUBLE in kinds:
        return _doubles(op, left, right)
    if any(isinstance(kind, DecimalType) for kind in kinds):
        return decimal_comparison_sql(op, as_decimal_side(*left), as_decimal_side(*right))
    if kinds[0] == types.STRING and op in _ORDER:
        return _texts(op, left, right)
    if kinds[0] == types.BYTES and op in _ORDER:
        return _bytes(op, left[0].sql, right[0].sql)
    first, second = comparable_sql(left[0].sql, kinds[0]), comparable_sql(right[0].sql, kinds[1])
    return f"({first} {op} {second})"


_ORDER = ("<", "<=", ">", ">=")
_EXACT_DOUBLE_DIGITS = 15


def _doubles(op: str, left: Side, right: Side) -> str:
    """NaN is neither equal nor different to anything; a DECIMAL compares by the DOUBLE's text."""
    for side in (left, right):
        kind = side[1].result_type
        if isinstance(kind, DecimalType) and kind.precision > _EXACT_DOUBLE_DIGITS:
            texts = compare_texts_sql(op, left[0].sql, right[0].sql)
            if not op.startswith("IS "):
                return texts  # NULL for NaN.
            double, other = (left, right) if side is right else (right, left)
            is_nan = f"isnan({double[0].sql}) AND {other[0].sql} IS NOT NULL"
            return f"CASE WHEN {is_nan} THEN {'NOT' in op} ELSE {texts} END"
    plain = f"({left[0].sql} {op} {right[0].sql})"
    # DuckDB takes NaN for the largest number, so that only one side can let it through.
    if op in ("<", "<="):
        suspects = [right]
    elif op in _ORDER or op == "=":
        suspects = [left]
    else:
        suspects = [left, right]
    odd = [f"isnan({side[0].sql})" for side in suspects if _may_be_nan(side)]
    if not odd:
        return plain
    either = " OR ".join(odd)
    if op.startswith("IS "):
        given = f"{left[0].sql} IS NOT NULL AND {right[0].sql} IS NOT NULL"
        excepted = f"coalesce(({either}) AND {given}, FALSE)"
        return f"({plain} AND NOT {excepted})" if "NOT" not in op else f"({plain} OR {excepted})"
    return f"({plain} AND NOT ({either}))"


def _may_be_nan(side: Side) -> bool:
    return side[1].result_type == types.DOUBLE and not isinstance(side[1], Literal)


def _texts(op: str, left: Side, right: Side) -> str:
    """Order by UTF-16 units. It differs from DuckDB's only where neither side is ASCII."""
    plain = f"({left[0].sql} {op} {right[0].sql})"
    if any(_is_ascii_literal(side[1]) for side in (left, right)):
        return plain
    ascii_only = " OR ".join(f"strlen({f.sql}) = length({f.sql})" for f, _ in (left, right))
    return (
        f"CASE WHEN {ascii_only} THEN {plain} "
        f'ELSE "$utf16"({left[0].sql}) {op} "$utf16"({right[0].sql}) END'
    )


def _bytes(op: str, left: str, right: str) -> str:
    """Order by signed bytes, as Java's are. It differs from DuckDB's only above 0x7F."""
    high = " OR ".join(f"regexp_matches(hex({sql}), '^(?:..)*[89A-F]')" for sql in (left, right))
    signed = f'"$signed_bytes"({left}) {op} "$signed_bytes"({right})'
    return f"CASE WHEN {high} THEN {signed} ELSE ({left} {op} {right}) END"


def _is_ascii_literal(node: Expression) -> bool:
    return isinstance(node, Literal) and isinstance(node.value, str) and node.value.isascii()


def in_sql(operand: Fragment, items: Sequence[Fragment], kind: SqlType) -> str:
    """Whether an operand equals an item; NULLs equal nothing."""
    listed = ", ".join(comparable_sql(item.sql, kind) for item in items)
    return f"coalesce({comparable_sql(operand.sql, kind)} IN ({listed}), FALSE)"
