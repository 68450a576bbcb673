"""Expressions: the node classes that sqlglot lacks, and the printer of all of them.

Expressions are sqlglot `exp` nodes. There are no `Paren` nodes: the printer adds parentheses by
precedence. `node.meta["span"]` is a `merganser.errors.Span` where the place in the text is known.
Source: parity/statements.md, sections 7 and 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from sqlglot import exp

from merganser.errors import InternalError, Span
from merganser.parser.words import name_sql, string_sql

if TYPE_CHECKING:
    from merganser.parser.ast import TypeName


class CastTo(exp.Expression):
    """`CAST(this AS to)`; `to` is an `ast.TypeName`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "to": True}
    _hash_raw_args = True

    @property
    def to(self) -> TypeName:
        """The type as written."""
        target: TypeName = self.args["to"]
        return target


class Dereference(exp.Expression):
    """`this->field`: one field of a struct; the name is exact."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "field": True}
    _hash_raw_args = True

    @property
    def field(self) -> str:
        """Name of the field."""
        return str(self.args["field"])


class MapConstructor(exp.Expression):
    """`MAP(key := value, …)`."""

    arg_types: ClassVar[dict[str, bool]] = {"keys": False, "values": False}

    @property
    def keys(self) -> list[exp.Expression]:
        """The keys, in order."""
        return list(self.args.get("keys") or [])

    @property
    def values(self) -> list[exp.Expression]:
        """The value of each key."""
        return list(self.args.get("values") or [])


class StructConstructor(exp.Expression):
    """`STRUCT(name := expression, …)`; the names are exact."""

    arg_types: ClassVar[dict[str, bool]] = {"names": False, "expressions": False}
    _hash_raw_args = True

    @property
    def names(self) -> list[str]:
        """The field names, in order."""
        return list(self.args.get("names") or [])


class IntervalUnit(exp.Expression):
    """A bare unit as an argument of a function: `TIMESTAMPADD(DAYS, …)`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}
    _hash_raw_args = True


def span_of(node: exp.Expression) -> Span | None:
    """Where the node stands in the text it was parsed from, if that is known."""
    found = node.meta_get("span")
    return found if isinstance(found, Span) else None


# ------------------------------------------------------------------ printing

_OR, _AND, _NOT, _PREDICATE, _CONCAT, _SUM, _PRODUCT, _SIGN, _ZONE, _PRIMARY = range(10)

_BINARY: Final[dict[type[exp.Expression], tuple[int, str]]] = {
    exp.Or: (_OR, "OR"),
    exp.And: (_AND, "AND"),
    exp.DPipe: (_CONCAT, "||"),
    exp.Add: (_SUM, "+"),
    exp.Sub: (_SUM, "-"),
    exp.Mul: (_PRODUCT, "*"),
    exp.Div: (_PRODUCT, "/"),
    exp.Mod: (_PRODUCT, "%"),
}

_COMPARISON: Final[dict[type[exp.Expression], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}

_NEGATABLE: Final = (exp.Between, exp.In, exp.Like, exp.Escape, exp.Is)


def to_sql(node: exp.Expression, *, as_operand: bool = False) -> str:
    """Print the expression as SQL; parsing that gives an equal tree.

    Args:
        node: The expression.
        as_operand: Put anything in parentheses that is not one term (`a`, `f(x)`, `a[1]`).

    """
    return _print(node, _PRIMARY if as_operand else _OR)


def _print(node: exp.Expression, level: int) -> str:
    """Print the node as an operand that must bind at least as tightly as `level`."""
    own_level, text = _parts(node)
    return text if own_level >= level else f"({text})"


def _list(nodes: Iterable[exp.Expression]) -> str:
    return ", ".join(_print(node, _OR) for node in nodes)


def _parts(node: exp.Expression) -> tuple[int, str]:
    """Tell how tightly the node binds, and its text."""
    kind = type(node)
    if kind in _BINARY:
        level = _BINARY[kind][0]
        return level, _chain(node, level)
    if kind in _COMPARISON or isinstance(node, _NEGATABLE):
        return _PREDICATE, _predicate(node, "")
    if isinstance(node, exp.Not) and isinstance(node.this, _NEGATABLE):
        return _PREDICATE, _predicate(node.this, "NOT ")
    if isinstance(node, exp.Not):
        return _NOT, f"NOT {_print(node.this, _NOT)}"
    if isinstance(node, exp.Neg):
        # Two minus signs in a row would start a comment.
        operand = _print(node.this, _SIGN)
        return _SIGN, f"-({operand})" if operand.startswith("-") else f"-{operand}"
    level = _ZONE if isinstance(node, exp.AtTimeZone) else _PRIMARY
    return level, _primary(node)


def _chain(node: exp.Expression, level: int) -> str:
    """Print a left-deep run of one level, by a loop: a thousand ANDs must not fill the stack."""
    tail: list[str] = []
    while type(node) in _BINARY and _BINARY[type(node)][0] == level:
        tail.append(f" {_BINARY[type(node)][1]} {_print(node.expression, level + 1)}")
        node = node.this
    return _print(node, level) + "".join(reversed(tail))


def _predicate(node: exp.Expression, negation: str) -> str:
    """Print a comparison, BETWEEN, IN, LIKE or IS NULL; the last four with or without NOT."""
    if isinstance(node, exp.Escape):
        return f"{_predicate(node.this, negation)} ESCAPE {to_sql(node.expression)}"
    left = _print(node.this, _CONCAT)
    match node:
        case exp.Is():
            return f"{left} IS {negation}NULL"
        case exp.Like():
            return f"{left} {negation}LIKE {_print(node.expression, _CONCAT)}"
        case exp.In():
            return f"{left} {negation}IN ({_list(node.expressions)})"
        case exp.Between():
            low, high = (_print(node.args[bound], _CONCAT) for bound in ("low", "high"))
            return f"{left} {negation}BETWEEN {low} AND {high}"
        case _:
            return f"{left} {_COMPARISON[type(node)]} {_print(node.expression, _CONCAT)}"


def _primary(node: exp.Expression) -> str:
    printer = _PRIMARIES.get(type(node))
    if printer is None:
        raise InternalError(f"an expression holds a node of kind {type(node).__name__}")
    return printer(node)


def _column(node: exp.Expression) -> str:
    table = node.args.get("table")
    name = name_sql(node.this.name)
    return f"{name_sql(table.name)}.{name}" if table else name


def _literal(node: exp.Expression) -> str:
    return string_sql(node.this) if node.is_string else str(node.this)


def _case(node: exp.Expression) -> str:
    parts = ["CASE"]
    if node.this is not None:
        parts.append(_print(node.this, _CONCAT))
    parts += [
        f"WHEN {to_sql(arm.this)} THEN {to_sql(arm.args['true'])}" for arm in node.args["ifs"]
    ]
    default = node.args.get("default")
    if default is not None:
        parts.append(f"ELSE {to_sql(default)}")
    return " ".join([*parts, "END"])


def _lambda(node: exp.Expression) -> str:
    names = [name_sql(parameter.name) for parameter in node.expressions]
    head = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return f"{head} => {to_sql(node.this)}"


def _map(node: exp.Expression) -> str:
    assert isinstance(node, MapConstructor)
    pairs = zip(node.keys, node.values, strict=True)
    return f"MAP({', '.join(f'{to_sql(key)} := {to_sql(value)}' for key, value in pairs)})"


def _struct(node: exp.Expression) -> str:
    assert isinstance(node, StructConstructor)
    fields = zip(node.names, node.expressions, strict=True)
    return f"STRUCT({', '.join(f'{name_sql(name)} := {to_sql(value)}' for name, value in fields)})"


_PRIMARIES: Final[dict[type[exp.Expression], Callable[[exp.Expression], str]]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda node: "TRUE" if node.this else "FALSE",
    exp.Null: lambda _: "NULL",
    exp.Star: lambda _: "*",
    exp.Anonymous: lambda node: f"{name_sql(str(node.this))}({_list(node.expressions)})",
    exp.Array: lambda node: f"ARRAY[{_list(node.expressions)}]",
    exp.Bracket: lambda node: f"{_print(node.this, _PRIMARY)}[{_list(node.expressions)}]",
    exp.AtTimeZone: lambda node: (
        f"{_print(node.this, _ZONE)} AT TIME ZONE {to_sql(node.args['zone'])}"
    ),
    exp.Case: _case,
    exp.Lambda: _lambda,
    CastTo: lambda node: f"CAST({to_sql(node.this)} AS {node.args['to'].sql()})",
    Dereference: lambda node: f"{_print(node.this, _PRIMARY)}->{name_sql(node.args['field'])}",
    IntervalUnit: lambda node: str(node.this),
    MapConstructor: _map,
    StructConstructor: _struct,
}
