"""Binding of calls with OVER: which there are, and which order they may have.

Rows of a stream are numbered and looked back from as they arrive: that never changes what was given
before. Another order does, so it is only for ROW_NUMBER with a bound, which gives a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import Expression, Literal, Ordering, WindowCall
from merganser.engine.plan.coercion import convert, widens
from merganser.errors import Span, TypeMismatchError, UnsupportedError
from merganser.parser import expressions as parsed

if TYPE_CHECKING:
    from merganser.engine.plan.bind_expression import Binder

LAG_ROWS_MAX = 1_000  # A query keeps as many values of each key.

_REFUSED = {
    "LEAD": (
        "LEAD is not incremental: it needs a row that has not come yet",
        "LAG gives the same pairs of rows, from the later one.",
    ),
    "RANK": ("RANK is not supported with OVER", "ROW_NUMBER is."),
    "DENSE_RANK": ("DENSE_RANK is not supported with OVER", "ROW_NUMBER is."),
}


def bind_window(binder: Binder, node: parsed.WindowCall) -> WindowCall:
    """A call with OVER.

    Raises:
        UnsupportedError: The function, or its place, has no OVER.
        TypeMismatchError: The arguments are no such function's.
    """
    call, span = node.this, parsed.span_of(node)
    name = str(call.this).upper()
    if not getattr(binder.scope, "window_calls", False):
        raise UnsupportedError(
            f"{name} … OVER cannot be used here",
            hint="It can be in SELECT and QUALIFY of a query without GROUP BY.",
            span=span,
        )
    if name not in ("ROW_NUMBER", "LAG"):
        message, hint = _REFUSED.get(
            name,
            (f"{name} cannot be used with OVER", "ROW_NUMBER and LAG can. GROUP BY aggregates."),
        )
        raise UnsupportedError(message, hint=hint, span=span)
    if not node.partition:
        raise UnsupportedError(
            f"{name} … OVER needs PARTITION BY: what is kept is kept for each key",
            hint="Use the columns that identify what the rows are about.",
            span=span,
        )
    partition = tuple(binder.bind(key) for key in node.partition)
    order = tuple(Ordering(binder.bind(key.this), key.descending) for key in node.order)
    for part in (*partition, *order, *call.expressions):
        if _has_window(part):
            raise UnsupportedError("calls with OVER cannot be nested", span=span)
    if name == "ROW_NUMBER":
        if call.expressions:
            raise TypeMismatchError("ROW_NUMBER takes no arguments", span=span)
        return WindowCall(name, (), partition, order, types.BIGINT)
    if order:
        raise UnsupportedError(
            "LAG with ORDER BY is not incremental: a row that comes late changes what was given",
            hint="Leave ORDER BY out: rows are taken as they arrive.",
            span=span,
        )
    return _lag(binder, call, partition, span)


def _has_window(part: Expression | exp.Expression) -> bool:
    if isinstance(part, exp.Expression):
        return part.find(parsed.WindowCall) is not None
    return any(isinstance(inner, WindowCall) for inner in part.walk())


def _lag(
    binder: Binder, call: exp.Expression, partition: tuple[Expression, ...], span: Span | None
) -> WindowCall:
    arguments = [binder.bind(argument) for argument in call.expressions]
    if not 1 <= len(arguments) <= 3 or arguments[0].result_type == types.NULL:
        raise TypeMismatchError(
            "LAG takes a value, a number of rows (1 if left out) and a value for no such row",
            span=span,
        )
    rows = arguments[1] if len(arguments) > 1 else Literal(1, types.INTEGER)
    number = rows.value if isinstance(rows, Literal) else None
    if not isinstance(number, int) or not 1 <= number <= LAG_ROWS_MAX:
        raise TypeMismatchError(
            f"LAG looks back a literal number of rows, from 1 to {LAG_ROWS_MAX}", span=span
        )
    kind, other = arguments[0].result_type, arguments[2:]
    if other and not widens(other[0].result_type, kind):
        raise TypeMismatchError(
            f"LAG of {kind} cannot give {other[0].result_type} for no such row",
            hint="CAST it.",
            span=span,
        )
    values = (arguments[0], *(convert(each, kind) for each in other))
    return WindowCall("LAG", values, partition, (), kind, number)
