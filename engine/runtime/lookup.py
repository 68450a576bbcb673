"""Which pull queries find their rows by key, and which would have to read the whole table.

With `ksql.query.pull.table.scan.enabled` off only the first are allowed. WHERE is taken as an OR of
ANDs; each of these must fix every key column once, by `=` or IN, or bound the only key column, a
STRING, once (`ksql.query.pull.range.scan.enabled`; then there may be no OR). What else it asks does
not matter.
Source: parity/statements.md, pull query rules; cases of ksqlDB's REST suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merganser.engine.expression import (
    Cast,
    ColumnRef,
    Comparison,
    Expression,
    InList,
    Literal,
    Logical,
)
from merganser.engine.plan.pull import PulledQuery
from merganser.engine.schema import Column
from merganser.engine.types import STRING
from merganser.errors import UserError

TABLE_SCAN = "ksql.query.pull.table.scan.enabled"
RANGE_SCAN = "ksql.query.pull.range.scan.enabled"
LIMIT_CLAUSE = "ksql.query.pull.limit.clause.enabled"
ALTERNATIVES_MAX = 1_000  # An OR of more is not taken apart.

_RANGES = frozenset({"<", "<=", ">", ">="})


def check_pull(pulled: PulledQuery, properties: Mapping[str, object]) -> None:
    """Raises UserError for a pull query that the properties in force do not allow."""
    if pulled.limit is not None:
        check_limit_allowed(properties)
    _check_null_keys(pulled)
    if _is_on(properties, TABLE_SCAN):
        return
    keys = pulled.source.schema.key
    alternatives = [] if pulled.where is None else _alternatives(pulled.where)
    ranges = _is_on(properties, RANGE_SCAN) and len(alternatives) == 1
    if not alternatives or not all(_finds(part, keys, ranges=ranges) for part in alternatives):
        raise UserError(
            f"the query would read all of {pulled.source.name}, and table scans are disabled",
            hint=f"Compare each key column with a value, or set {TABLE_SCAN}.",
        )


def check_limit_allowed(properties: Mapping[str, object]) -> None:
    """Raises UserError if pull queries may have no LIMIT."""
    if not _is_on(properties, LIMIT_CLAUSE):
        raise UserError("LIMIT in pull queries is disabled", hint=f"Set {LIMIT_CLAUSE}.")


def _is_on(properties: Mapping[str, object], name: str) -> bool:
    return str(properties.get(name, "true")).lower() != "false"


def _check_null_keys(pulled: PulledQuery) -> None:
    keys = {column.name for column in pulled.source.schema.key}
    for node in pulled.where.walk() if pulled.where is not None else ():
        if isinstance(node, InList) and _column(node.operand) in keys:
            for item in node.items:
                if isinstance(_bare(item), Literal) and getattr(_bare(item), "value", 0) is None:
                    raise UserError("a key cannot be NULL", hint="Leave NULL out of the list.")


def _alternatives(where: Expression) -> list[list[Expression]]:
    """The ANDs of which WHERE is an OR; none if there are too many."""
    match where:
        case Logical("OR", left, right):
            found = _alternatives(left) + _alternatives(right)
        case Logical("AND", left, right):
            rights = _alternatives(right)
            found = [one + other for one in _alternatives(left) for other in rights]
        case _:
            return [[where]]
    return found if len(found) <= ALTERNATIVES_MAX else []


def _finds(terms: Sequence[Expression], keys: Sequence[Column], *, ranges: bool) -> bool:
    fixed: list[str] = []
    bounded: list[str] = []
    names = {column.name for column in keys}
    for term in terms:
        name, is_range = _fixed(term)
        if name in names:
            (bounded if is_range else fixed).append(str(name))
    if len(fixed) != len(set(fixed)):
        return False
    if set(fixed) == names:
        return True
    only = keys[0] if len(keys) == 1 else None
    return ranges and only is not None and only.type == STRING and len(bounded) == 1


def _fixed(term: Expression) -> tuple[str | None, bool]:
    """The column that a term compares with values, and whether it only bounds it."""
    match term:
        case Comparison(op, left, right) if op == "=" or op in _RANGES:
            for one, other in ((left, right), (right, left)):
                if (name := _column(one)) is not None and _is_constant(other):
                    return name, op != "="
        case InList(operand, items, False) if all(map(_is_constant, items)):
            return _column(operand), False
        case _:
            pass
    return None, False


def _bare(node: Expression) -> Expression:
    while isinstance(node, Cast) and node.implicit:
        node = node.operand
    return node


def _column(node: Expression) -> str | None:
    bare = _bare(node)
    return bare.name if isinstance(bare, ColumnRef) else None


def _is_constant(node: Expression) -> bool:
    return not any(isinstance(inner, ColumnRef) for inner in node.walk())
