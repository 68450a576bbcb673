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


class JsonPath(exp.Expression):
    """`this -> step` or, `as_text`, `this ->> step`: a part of JSON. A step is a text or a number.

    What follows `->` tells it from a struct's field, which is a name.
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "step": True, "as_text": True}
    _hash_raw_args = True

    @property
    def step(self) -> str | int:
        """A key, a path that begins with `$`, or a position that counts from 0."""
        step: str | int = self.args["step"]
        return step

    @property
    def as_text(self) -> bool:
        """Whether the part is wanted as STRING."""
        return bool(self.args["as_text"])


class Ordering(exp.Expression):
    """`this [ASC | DESC]` in an OVER clause."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "descending": True}
    _hash_raw_args = True

    @property
    def descending(self) -> bool:
        """Whether large values come first."""
        return bool(self.args["descending"])


class WindowCall(exp.Expression):
    """`f(…) OVER (PARTITION BY … ORDER BY …)`; `this` is the call."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "partition": False, "order": False}

    @property
    def partition(self) -> list[exp.Expression]:
        """What rows have to have in common; empty: nothing."""
        return list(self.args.get("partition") or [])

    @property
    def order(self) -> list[Ordering]:
        """How they are ordered; empty: as they arrive."""
        return list(self.args.get("order") or [])


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


def to_sql(node: exp.Expression) -> str:
    """Print the expression as SQL with no more parentheses than it needs.

    Parsing that gives an equal tree.
    """
    return _Printer(bracing=False).within(node, _OR)


def braced_sql(node: exp.Expression) -> str:
    """Print the expression as ksqlDB does in the text of statements: `((A + 1) > B)`.

    Every operator is in parentheses. Parsing that gives an equal tree.
    """
    return _Printer(bracing=True).within(node, _OR)


def term_sql(node: exp.Expression) -> str:
    """Print the expression, in parentheses unless it is one term (`a`, `f(x)`, `a[1]`)."""
    return _Printer(bracing=True).within(node, _PRIMARY)


class _Printer:
    """Prints expressions: `bracing` puts every operator in parentheses, needed or not."""

    def __init__(self, *, bracing: bool) -> None:
        self._bracing = bracing
        self._loosest = _SIGN if bracing else _OR

    def within(self, node: exp.Expression, level: int) -> str:
        """Print the node as an operand that must bind at least as tightly as `level`."""
        own_level, text = self._parts(node)
        return text if own_level >= max(level, self._loosest) else f"({text})"

    def _alone(self, node: exp.Expression) -> str:
        return self.within(node, _OR)

    def _list(self, nodes: Iterable[exp.Expression]) -> str:
        return ", ".join(map(self._alone, nodes))

    def _parts(self, node: exp.Expression) -> tuple[int, str]:
        """Tell how tightly the node binds, and its text."""
        kind = type(node)
        if kind in _BINARY:
            level = _BINARY[kind][0]
            return level, self._chain(node, level)
        if kind in _COMPARISON or isinstance(node, _NEGATABLE):
            return _PREDICATE, self._predicate(node, "")
        if isinstance(node, exp.Not) and isinstance(node.this, _NEGATABLE):
            return _PREDICATE, self._predicate(node.this, "NOT ")
        if isinstance(node, exp.Not):
            return _NOT, f"NOT {self.within(node.this, _NOT)}"
        if isinstance(node, exp.Neg):
            # Two minus signs in a row would start a comment.
            operand = self.within(node.this, _SIGN)
            return _SIGN, f"- {operand}" if operand.startswith("-") else f"-{operand}"
        level = _ZONE if isinstance(node, exp.AtTimeZone) else _PRIMARY
        return level, self._primary(node)

    def _chain(self, node: exp.Expression, level: int) -> str:
        """Print a left-deep run of one level in a loop: a thousand ANDs must not fill the stack."""
        tail: list[str] = []
        while type(node) in _BINARY and _BINARY[type(node)][0] == level:
            right = self.within(node.expression, level + 1)
            tail.append(f" {_BINARY[type(node)][1]} {right}")
            node = node.this
        first = self.within(node, level)
        if not self._bracing:
            return first + "".join(reversed(tail))
        # All but the outermost pair of parentheses.
        return "(" * (len(tail) - 1) + first + ")".join(reversed(tail))

    def _predicate(self, node: exp.Expression, negation: str) -> str:
        """Print a comparison, BETWEEN, IN, LIKE or IS NULL; the last four with or without NOT."""
        if isinstance(node, exp.Escape):
            escape = self._alone(node.expression)
            return f"{self._predicate(node.this, negation)} ESCAPE {escape}"
        left = self.within(node.this, _CONCAT)
        match node:
            case exp.Is():
                return f"{left} IS {negation}NULL"
            case exp.Like():
                return f"{left} {negation}LIKE {self.within(node.expression, _CONCAT)}"
            case exp.In():
                return f"{left} {negation}IN ({self._list(node.expressions)})"
            case exp.Between():
                low, high = (self.within(node.args[bound], _CONCAT) for bound in ("low", "high"))
                return f"{left} {negation}BETWEEN {low} AND {high}"
            case _:
                right = self.within(node.expression, _CONCAT)
                return f"{left} {_COMPARISON[type(node)]} {right}"

    def _primary(self, node: exp.Expression) -> str:
        printer = _PRIMARIES.get(type(node))
        if printer is None:
            raise InternalError(f"an expression holds a node of kind {type(node).__name__}")
        return printer(self, node)

    def column(self, node: exp.Expression) -> str:
        table = node.args.get("table")
        name = name_sql(node.this.name)
        return f"{name_sql(table.name)}.{name}" if table else name

    def literal(self, node: exp.Expression) -> str:
        return string_sql(node.this) if node.is_string else str(node.this)

    def boolean(self, node: exp.Expression) -> str:
        return "TRUE" if node.this else "FALSE"

    def null(self, _node: exp.Expression) -> str:
        return "NULL"

    def star(self, _node: exp.Expression) -> str:
        return "*"

    def unit(self, node: exp.Expression) -> str:
        return str(node.this)

    def call(self, node: exp.Expression) -> str:
        return f"{name_sql(str(node.this))}({self._list(node.expressions)})"

    def array(self, node: exp.Expression) -> str:
        return f"ARRAY[{self._list(node.expressions)}]"

    def bracket(self, node: exp.Expression) -> str:
        index = self.within(node.expressions[0], _CONCAT)
        return f"{self.within(node.this, _PRIMARY)}[{index}]"

    def dereference(self, node: exp.Expression) -> str:
        return f"{self.within(node.this, _PRIMARY)}->{name_sql(node.args['field'])}"

    def json_path(self, node: exp.Expression) -> str:
        assert isinstance(node, JsonPath)
        step = string_sql(node.step) if isinstance(node.step, str) else str(node.step)
        return f"{self.within(node.this, _PRIMARY)}{'->>' if node.as_text else '->'}{step}"

    def cast(self, node: exp.Expression) -> str:
        return f"CAST({self._alone(node.this)} AS {node.args['to'].sql()})"

    def at_time_zone(self, node: exp.Expression) -> str:
        zone = self._alone(node.args["zone"])
        return f"{self.within(node.this, _ZONE)} AT TIME ZONE {zone}"

    def case(self, node: exp.Expression) -> str:
        operand = [self._alone(node.this)] if node.this is not None else []
        arms = [
            f"WHEN {self._alone(arm.this)} THEN {self._alone(arm.args['true'])}"
            for arm in node.args["ifs"]
        ]
        default = node.args.get("default")
        otherwise = [f"ELSE {self._alone(default)}"] if default is not None else []
        text = " ".join(["CASE", *operand, *arms, *otherwise, "END"])
        return f"({text})" if self._bracing else text

    def lambda_(self, node: exp.Expression) -> str:
        names = [name_sql(parameter.name) for parameter in node.expressions]
        head = names[0] if len(names) == 1 else f"({', '.join(names)})"
        return f"{head} => {self._alone(node.this)}"

    def filter(self, node: exp.Expression) -> str:
        condition = self._alone(node.expression.this)
        return f"{self._alone(node.this)} FILTER (WHERE {condition})"

    def over(self, node: exp.Expression) -> str:
        assert isinstance(node, WindowCall)
        keys = ", ".join(self.within(key, _CONCAT) for key in node.partition)
        order = ", ".join(
            self.within(each.this, _CONCAT) + (" DESC" if each.descending else "")
            for each in node.order
        )
        parts = [f"PARTITION BY {keys}" if keys else "", f"ORDER BY {order}" if order else ""]
        return f"{self._alone(node.this)} OVER ({' '.join(part for part in parts if part)})"

    def map(self, node: exp.Expression) -> str:
        assert isinstance(node, MapConstructor)
        pairs = zip(map(self._alone, node.keys), map(self._alone, node.values), strict=True)
        return f"MAP({', '.join(f'{key}:={value}' for key, value in pairs)})"

    def struct(self, node: exp.Expression) -> str:
        assert isinstance(node, StructConstructor)
        members = zip(map(name_sql, node.names), map(self._alone, node.expressions), strict=True)
        return f"STRUCT({', '.join(f'{name}:={value}' for name, value in members)})"


_PRIMARIES: Final[dict[type[exp.Expression], Callable[[_Printer, exp.Expression], str]]] = {
    exp.Anonymous: _Printer.call,
    exp.Array: _Printer.array,
    exp.AtTimeZone: _Printer.at_time_zone,
    exp.Boolean: _Printer.boolean,
    exp.Bracket: _Printer.bracket,
    exp.Case: _Printer.case,
    exp.Column: _Printer.column,
    exp.Lambda: _Printer.lambda_,
    exp.Literal: _Printer.literal,
    exp.Null: _Printer.null,
    exp.Star: _Printer.star,
    CastTo: _Printer.cast,
    Dereference: _Printer.dereference,
    IntervalUnit: _Printer.unit,
    JsonPath: _Printer.json_path,
    MapConstructor: _Printer.map,
    StructConstructor: _Printer.struct,
    WindowCall: _Printer.over,
    exp.Filter: _Printer.filter,
}
