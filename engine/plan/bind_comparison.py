"""Typing of comparisons."""

from __future__ import annotations

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import Comparison, Expression, Literal
from merganser.engine.functions.time_text import timestamp_text_ms
from merganser.engine.plan.bind_literal import shown
from merganser.engine.plan.coercion import convert
from merganser.engine.plan.operator_types import comparison_type
from merganser.engine.types import DecimalType
from merganser.errors import Span, TypeMismatchError

EVENT_TIME_COLUMNS = ("ROWTIME", "WINDOWSTART", "WINDOWEND")

Side = tuple[exp.Expression, Expression]
"""An operand, parsed and bound."""


def compare(
    op: str, left: Side, right: Side, span: Span | None, *, time_texts: bool = False
) -> Expression:
    """`left op right` with both sides converted to the type in which they compare.

    `time_texts`: a text next to ROWTIME, WINDOWSTART or WINDOWEND means epoch ms.

    Raises:
        TypeMismatchError: The types may not be compared, or a side is a NULL literal.
    """
    first, second = left[1], right[1]
    if time_texts:
        first, second = _event_time(first, right[0], span), _event_time(second, left[0], span)
    for side in (first, second):
        if side.result_type == types.NULL:
            raise TypeMismatchError(
                "comparison with NULL is not supported", hint="Use IS NULL.", span=span
            )
    kind = comparison_type(op, first.result_type, second.result_type)
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
