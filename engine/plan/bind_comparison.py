"""Typing of comparisons."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import (
    Case,
    Comparison,
    Expression,
    IsNull,
    Literal,
    Logical,
    When,
)
from merganser.engine.functions.time_text import timestamp_text_ms
from merganser.engine.plan.bind_literal import shown
from merganser.engine.plan.coercion import convert
from merganser.engine.plan.operator_types import comparison_type
from merganser.engine.types import ArrayType, DecimalType, MapType, StructType
from merganser.errors import Span, TypeMismatchError

EVENT_TIME_COLUMNS = ("ROWTIME", "WINDOWSTART", "WINDOWEND")

Side = tuple[exp.Expression, Expression]
"""An operand, parsed and bound."""


@dataclass(frozen=True, slots=True)
class ComparisonRules:
    """How the place of a comparison changes it.

    Attributes:
        time_texts: A text next to ROWTIME, WINDOWSTART or WINDOWEND means epoch ms.
        under_not: It stands directly under NOT, where ksqlDB does not look at the types.
    """

    time_texts: bool = False
    under_not: bool = False


def compare(
    op: str,
    left: Side,
    right: Side,
    span: Span | None,
    rules: ComparisonRules = ComparisonRules(),
) -> Expression:
    """`left op right` with both sides converted to the type in which they compare.

    Raises:
        TypeMismatchError: The types may not be compared, or a side is a NULL literal.
    """
    first, second = left[1], right[1]
    if rules.time_texts:
        first, second = _event_time(first, right[0], span), _event_time(second, left[0], span)
    for side in (first, second):
        if side.result_type == types.NULL:
            raise TypeMismatchError(
                "comparison with NULL is not supported", hint="Use IS NULL.", span=span
            )
    kind = comparison_type(op, first.result_type, second.result_type)
    if kind is None and (rules.under_not or op == "IS NOT DISTINCT FROM"):
        unlike = _unlike(op, first, second)
        if unlike is not None:
            return unlike
    if kind is None:
        raise TypeMismatchError(
            f"operator {op} cannot compare {shown(first)} with {shown(second)}",
            hint="You might need to add explicit type casts.",
            span=span,
        )
    if not isinstance(first.result_type, DecimalType) and not isinstance(
        second.result_type, DecimalType
    ):
        # DECIMALs compare as they are, exactly, with any number.
        first, second = convert(first, kind), convert(second, kind)
    return Comparison(op, first, second)


_UNLIKE_NEVER_EQUAL = (ArrayType, MapType, StructType)
_ANY_DECIMAL = DecimalType(76, 38)


def _unlike(op: str, left: Expression, right: Expression) -> Expression | None:
    """`=` under NOT, or IS NOT DISTINCT FROM (which is such a NOT), of types that do not compare.

    None where ksqlDB has no code for the two. Values of unlike types are never equal; BYTES next to
    another type fail, and a text next to a DECIMAL is read as a number.
    Source: the recorded comparisons of all pairs of types.
    """
    if op not in ("=", "IS NOT DISTINCT FROM"):
        return None
    kinds = (left.result_type, right.result_type)
    if isinstance(kinds[0], DecimalType) and kinds[1] == types.STRING:
        return Comparison(op, left, convert(right, _ANY_DECIMAL))
    is_free = kinds[1] in (types.BOOLEAN, types.STRING) or isinstance(kinds[1], _UNLIKE_NEVER_EQUAL)
    if not is_free:
        return None
    both_null: Expression = Literal(value=False, type=types.BOOLEAN)
    if op == "IS NOT DISTINCT FROM":
        both_null = Logical("AND", IsNull(left), IsNull(right))
    if kinds[0] == types.BYTES:
        given = Logical("AND", IsNull(left, negated=True), IsNull(right, negated=True))
        fails = When(given, Literal(None, types.BOOLEAN))
        return Case((fails,), both_null, types.BOOLEAN)
    if kinds[0] == types.STRING or isinstance(kinds[0], _UNLIKE_NEVER_EQUAL):
        return both_null
    return None


def _event_time(side: Expression, other: exp.Expression, span: Span | None) -> Expression:
    """A text next to ROWTIME, WINDOWSTART or WINDOWEND means epoch ms."""
    if not (isinstance(other, exp.Column) and other.name in EVENT_TIME_COLUMNS):
        return side
    if not (isinstance(side, Literal) and isinstance(side.value, str)):
        return side
    ms = timestamp_text_ms(side.value)
    if ms is None:
        raise TypeMismatchError(
            f"'{side.value}' is not a timestamp",
            hint="Write it as 2020-05-26T23:59:58.000+0200; parts from the right may be left out.",
            span=span,
        )
    return Literal(ms, types.BIGINT)
