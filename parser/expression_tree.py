"""From lark's tree to expressions, types and names. `statement_tree` does clauses and statements.

A method without `_` in front stands for the grammar rule of its name. It gets the place of the rule
and what the rule's parts became: texts without their quotes, other tokens as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

from lark import Token, Tree
from lark.tree import Meta
from sqlglot import exp

from merganser.errors import Span, SqlSyntaxError, UnknownNameError
from merganser.parser.clauses import TypeName
from merganser.parser.expressions import (
    CastTo,
    Dereference,
    IntervalUnit,
    JsonPath,
    MapConstructor,
    Ordering,
    StructConstructor,
    WindowCall,
    span_of,
)

Node = exp.Expression
NodeClass = Callable[..., Node]


class Name(NamedTuple):
    """An identifier.

    Attributes:
        text: The exact name: upper case unless it was quoted.
        raw: The name in its own case, without quotes.
        quoted: Whether it was quoted.
        span: Where it stands.

    """

    text: str
    raw: str
    quoted: bool
    span: Span


class Field(NamedTuple):
    """A part of a clause or statement, by the name of the attribute that it fills."""

    name: str
    value: object


_OPERATORS: Final[dict[str, NodeClass]] = {
    "PLUS": exp.Add,
    "MINUS": exp.Sub,
    "STAR": exp.Mul,
    "SLASH": exp.Div,
    "PERCENT": exp.Mod,
    "EQUAL": exp.EQ,
    "NEQ": exp.NEQ,
    "LT": exp.LT,
    "LTE": exp.LTE,
    "GT": exp.GT,
    "GTE": exp.GTE,
}

_DECIMAL_TEXT: Final = re.compile(
    r"\s*([+-]?)(\d+\.?\d*|\.\d+)(E[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII
)


def span_at(place: Meta | Token) -> Span:
    """Give the place of a tree or token."""
    assert place.line is not None
    assert place.column is not None
    assert place.start_pos is not None
    assert place.end_pos is not None
    return Span(place.line, place.column, place.end_pos - place.start_pos)


def _unquoted(text: str) -> str:
    """Take off the quotes, and undouble those inside."""
    mark = text[0]
    return text[1:-1].replace(mark + mark, mark)


def _folded(kinds: list[NodeClass], operands: list[Node]) -> Node:
    """Make the left-deep tree of a run of operators of one level."""
    left = operands[0]
    for kind, right in zip(kinds, operands[1:], strict=True):
        first, end = left.meta, right.meta["end"]
        left = kind(this=left, expression=right)
        place, start = first["span"], first["start"]
        left.meta.update(span=Span(place.line, place.column, end - start), start=start, end=end)
    return left


def _parameter(part: Name | Node, place: Meta) -> str:
    """Give the name of a lambda's parameter, which in parentheses is read as an expression."""
    if isinstance(part, Name):
        return part.text
    if isinstance(part, exp.Column) and not part.table:
        return part.name
    raise SqlSyntaxError(
        "what stands in front of => are not names",
        hint="A lambda is x => … or (x, y) => …",
        span=span_of(part) or span_at(place),
    )


def _step(step: str) -> str | int:
    """Give a step into JSON: a position is a token, a key or path a plain text."""
    return int(step) if isinstance(step, Token) else step


def _negated(node: Node, negate: bool) -> Node:
    return exp.Not(this=node) if negate else node


class ExpressionReader:
    """Reads one tree of lark's."""

    def read(self, tree: Tree[Token]) -> object:
        """Give what the tree stands for: from its leaves up, in a loop, for it may be deep."""
        made: dict[int, object] = {}
        for part in tree.iter_subtrees():
            children = [
                made.pop(id(child)) if isinstance(child, Tree) else self._token(child)
                for child in part.children
            ]
            made[id(part)] = self._read_rule(part.data, part.meta, children)
        return made[id(tree)]

    def _read_rule(self, name: str, place: Meta, children: list[object]) -> object:
        rule: Callable[..., object] | None = getattr(self, name, None)
        if rule is None:
            return self._default(name, children, place)
        made = rule(place, *children)
        if isinstance(made, Node) and "span" not in made.meta:
            self._place(made, place)
        return made

    @staticmethod
    def _token(token: Token) -> str:
        if token.type == "DOLLAR_TEXT":
            return str(token)[2:-2]
        return _unquoted(token) if token.type == "TEXT" else token

    def _default(self, rule: str, children: list[object], _place: Meta) -> object:
        """Read a rule that has no method: a part that is there, or a part with one value."""
        assert len(children) <= 1, f"the rule {rule} needs a method"
        value = children[0] if children else True
        return Field(rule, value.text if isinstance(value, Name) else value)

    @staticmethod
    def _place(node: Node, place: Meta) -> None:
        """Note on the node where it stands: `span`; `start` and `end` count from the text's."""
        node.meta.update(span=span_at(place), start=place.start_pos, end=place.end_pos)

    # ---------------------------------------------------------------- names and types

    def name(self, place: Meta, token: Token) -> Name:
        if token.type == "VARIABLE":
            self.variable(place, token)
        if token.type == "QUOTED_NAME":
            exact = _unquoted(token)
            if not exact:
                raise SqlSyntaxError("a name must not be empty", span=span_at(place))
            return Name(exact, exact, quoted=True, span=span_at(place))
        return Name(token.upper(), str(token), quoted=False, span=span_at(place))

    def variable(self, place: Meta, token: Token) -> None:
        raise UnknownNameError(
            f'variable "{token[2:-1]}" is not defined',
            hint="DEFINE it first; SHOW VARIABLES lists those that are.",
            span=span_at(place),
        )

    def array_type(self, place: Meta, element: TypeName) -> TypeName:
        return TypeName("ARRAY", arguments=(element,), span=span_at(place))

    def map_type(self, place: Meta, key: TypeName, value: TypeName) -> TypeName:
        return TypeName("MAP", arguments=(key, value), span=span_at(place))

    def struct_type(self, place: Meta, *fields: tuple[str, TypeName]) -> TypeName:
        return TypeName("STRUCT", fields=fields, span=span_at(place))

    def field(self, _place: Meta, name: Name, kind: TypeName) -> tuple[str, TypeName]:
        return name.text, kind

    def decimal_type(self, place: Meta, precision: Token, scale: Token) -> TypeName:
        return TypeName("DECIMAL", numbers=(int(precision), int(scale)), span=span_at(place))

    def named_type(self, place: Meta, name: Name, *_lengths: object) -> TypeName:
        return TypeName(name.text, quoted=name.quoted, span=span_at(place))

    # ---------------------------------------------------------------- operators

    def expression(self, _place: Meta, *operands: Node) -> Node:
        return _folded([exp.Or] * (len(operands) - 1), list(operands))

    def conjunction(self, _place: Meta, *operands: Node) -> Node:
        return _folded([exp.And] * (len(operands) - 1), list(operands))

    def value(self, _place: Meta, *operands: Node) -> Node:
        return _folded([exp.DPipe] * (len(operands) - 1), list(operands))

    def _operated(self, _place: Meta, *parts: Node | Token) -> Node:
        kinds = [_OPERATORS[part.type] for part in parts if isinstance(part, Token)]
        return _folded(kinds, [part for part in parts if isinstance(part, Node)])

    sum = _operated
    product = _operated
    comparison = _operated

    def not_(self, _place: Meta, operand: Node) -> Node:
        return exp.Not(this=operand)

    def negative(self, _place: Meta, operand: Node) -> Node:
        return exp.Neg(this=operand)

    def between(self, place: Meta, operand: Node, *parts: Node | Token) -> Node:
        low, high = parts[-2:]
        node = exp.Between(this=operand, low=low, high=high)
        self._place(node, place)
        return _negated(node, len(parts) == 3)

    def membership(self, place: Meta, operand: Node, *parts: Node | Token) -> Node:
        negate = isinstance(parts[0], Token)
        node = exp.In(this=operand, expressions=list(parts[1:] if negate else parts))
        self._place(node, place)
        return _negated(node, negate)

    def like(self, place: Meta, operand: Node, *parts: Node | Token | str) -> Node:
        negate = isinstance(parts[0], Token)
        pattern, *escape = parts[1:] if negate else parts
        node: Node = exp.Like(this=operand, expression=pattern)
        self._place(node, place)
        if escape:
            node = exp.Escape(this=node, expression=exp.Literal.string(escape[0]))
            self._place(node, place)
        return _negated(node, negate)

    def is_null(self, place: Meta, operand: Node, *negation: Token) -> Node:
        node = exp.Is(this=operand, expression=exp.Null())
        self._place(node, place)
        return _negated(node, bool(negation))

    def distinct(self, _place: Meta, operand: Node, *parts: Node | Token) -> Node:
        kind = exp.NullSafeEQ if len(parts) == 2 else exp.NullSafeNEQ
        return kind(this=operand, expression=parts[-1])

    def at_time_zone(self, _place: Meta, operand: Node, zone: str) -> Node:
        return exp.AtTimeZone(this=operand, zone=exp.Literal.string(zone))

    # ---------------------------------------------------------------- terms

    def null(self, _place: Meta) -> Node:
        return exp.Null()

    def true(self, _place: Meta) -> Node:
        return exp.Boolean(this=True)

    def false(self, _place: Meta) -> Node:
        return exp.Boolean(this=False)

    def number(self, _place: Meta, token: Token) -> Node:
        return exp.Literal(this=str(token), is_string=False)

    def text(self, _place: Meta, text: str) -> Node:
        return exp.Literal.string(text)

    def decimal_text(self, place: Meta, text: str) -> Node:
        """Read DECIMAL '1.20': a number whose text has a point and no exponent."""
        found = _DECIMAL_TEXT.fullmatch(text)
        if found is None:
            raise SqlSyntaxError(f"'{text}' is not a decimal number", span=span_at(place))
        sign, digits, exponent = found.groups()
        digits = f"{Decimal(digits + exponent):f}" if exponent else digits
        node = exp.Literal(this=digits if "." in digits else f"{digits}.", is_string=False)
        self._place(node, place)
        return exp.Neg(this=node) if sign == "-" else node

    def column(self, _place: Meta, *names: Name) -> Node:
        parts = [exp.Identifier(this=name.text, quoted=True) for name in names]
        return exp.Column(this=parts[-1], table=parts[0] if len(parts) == 2 else None)

    def call(self, _place: Meta, name: Name, *arguments: Node) -> Node:
        return exp.Anonymous(this=name.text.upper(), expressions=list(arguments))

    def filter_call(self, _place: Meta, call: Node, condition: Node) -> Node:
        return exp.Filter(this=call, expression=exp.Where(this=condition))

    def window_call(self, _place: Meta, call: Node, *parts: Field) -> Node:
        return WindowCall(this=call, **dict(parts))

    def over_keys(self, _place: Meta, *keys: Node) -> Field:
        return Field("partition", list(keys))

    def over_order(self, _place: Meta, *order: Node) -> Field:
        return Field("order", list(order))

    def ordering(self, _place: Meta, key: Node, direction: Field | None = None) -> Node:
        descending = direction is not None and direction.name == "descending"
        return Ordering(this=key, descending=descending)

    def star(self, _place: Meta) -> Node:
        return exp.Star()

    def unit(self, _place: Meta, token: Token) -> Node:
        return IntervalUnit(this=token.upper())

    def lambda_(self, place: Meta, *parts: Name | Node) -> Node:
        *parameters, body = parts
        names = [_parameter(part, place) for part in parameters]
        identifiers = [exp.Identifier(this=name, quoted=True) for name in names]
        return exp.Lambda(this=body, expressions=identifiers)

    def case(self, _place: Meta, *parts: Node | Field) -> Node:
        ends = dict(part for part in parts if isinstance(part, Field))
        arms = [part for part in parts if isinstance(part, Node)]
        return exp.Case(this=ends.get("operand"), ifs=arms, default=ends.get("otherwise"))

    def when(self, _place: Meta, condition: Node, result: Node) -> Node:
        return exp.If(this=condition, true=result)

    def cast(self, _place: Meta, operand: Node, target: TypeName) -> Node:
        return CastTo(this=operand, to=target)

    def array_constructor(self, _place: Meta, *items: Node) -> Node:
        return exp.Array(expressions=list(items))

    def map_constructor(self, _place: Meta, *entries: tuple[Node, Node]) -> Node:
        return MapConstructor(
            keys=[key for key, _ in entries], values=[value for _, value in entries]
        )

    def struct_constructor(self, _place: Meta, *members: tuple[Name, Node]) -> Node:
        return StructConstructor(
            names=[name.text for name, _ in members], expressions=[value for _, value in members]
        )

    def entry(self, _place: Meta, key: Node, value: Node) -> tuple[Node, Node]:
        return key, value

    def member(self, _place: Meta, name: Name, value: Node) -> tuple[Name, Node]:
        return name, value

    def bracket(self, _place: Meta, operand: Node, index: Node) -> Node:
        return exp.Bracket(this=operand, expressions=[index])

    def json_part(self, _place: Meta, operand: Node, step: str) -> Node:
        return JsonPath(this=operand, step=_step(step), as_text=False)

    def json_text(self, _place: Meta, operand: Node, _arrow: Token, step: str) -> Node:
        return JsonPath(this=operand, step=_step(step), as_text=True)

    def dereference(self, _place: Meta, operand: Node, name: Name) -> Node:
        return Dereference(this=operand, field=name.text)
