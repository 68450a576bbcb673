"""CAST and implicit conversions, as Java does them."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.execution.expressions.compiled import Fragment, both, either, is_null
from merganser.engine.types import SqlType

_LOSSLESS = {
    (types.INTEGER, types.BIGINT),
    (types.INTEGER, types.DOUBLE),
    (types.BIGINT, types.DOUBLE),
    (types.INTEGER, types.STRING),
    (types.BIGINT, types.STRING),
    (types.BOOLEAN, types.STRING),
    (types.DATE, types.TIMESTAMP),
}


def cast_fragment(
    operand: Fragment, source: SqlType, target: SqlType, *, implicit: bool
) -> Fragment:
    """The operand as another type.

    An explicit CAST catches what its operand raises and itself becomes NULL where it fails; an
    implicit one raises.
    """
    kind = physical_type(target)
    given = operand if implicit else operand.caught()
    if (source, target) in _LOSSLESS:
        sql = f"CAST({given.sql} AS {kind})"
        return Fragment(sql, given.raises, given.logged, given.nullable)
    sql = f"TRY_CAST({given.sql} AS {kind})"
    fails = both(f"({given.sql} IS NOT NULL)", is_null(sql))
    if implicit:
        return Fragment(sql, either(given.raises, fails), given.logged)
    return Fragment(sql, None, either(given.logged, fails))
