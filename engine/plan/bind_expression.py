"""From parsed expressions to typed ones: names, types, overloads, implicit conversions.

Source: parity/statements.md, sections 7 to 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import (
    Arithmetic,
    Case,
    Cast,
    ColumnRef,
    Dereference,
    Expression,
    InList,
    IsNull,
    LambdaVariable,
    Like,
    Literal,
    Logical,
    Negate,
    Not,
    Subscript,
    When,
)
from merganser.engine.plan.bind_call import bind_call, bind_filter, is_table_call
from merganser.engine.plan.bind_comparison import ComparisonRules, Side, compare
from merganser.engine.plan.bind_constructor import bind_array, bind_map, bind_struct
from merganser.engine.plan.bind_json import bind_json_path
from merganser.engine.plan.bind_literal import number_literal, shown
from merganser.engine.plan.bind_window import bind_window
from merganser.engine.plan.coercion import convert, numeric_rank
from merganser.engine.plan.list_coercion import unify
from merganser.engine.plan.operator_types import arithmetic_type, castable
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructType,
)
from merganser.errors import Span, TypeMismatchError, UnknownNameError, UnsupportedError
from merganser.parser import expressions as parsed
from merganser.parser.expressions import span_of


class Scope(Protocol):
    """Which names an expression may use.

    A scope may also have `custom_types: Mapping[str, SqlType]`, the types that CREATE TYPE made,
    `window_calls: bool`, whether OVER may be used,
    and `time_texts: bool`: a text that is compared with ROWTIME or a window bound means a time.
    """

    @property
    def allow_aggregates(self) -> bool:
        """Whether aggregate functions may be called."""

    @property
    def allow_table_functions(self) -> bool:
        """Whether table functions may be called."""

    def resolve(self, source: str | None, name: str, span: Span | None) -> ColumnRef:
        """The column of that name; raises UnknownNameError with the nearest name as hint."""


def bind_expression(node: exp.Expression, scope: Scope) -> Expression:
    """The typed expression that a parsed one means in a scope.

    Raises:
        UnknownNameError: A column, function or type does not exist.
        TypeMismatchError: An operand has a type that its place does not allow.
        UnsupportedError: The language has it but it cannot be run (AT TIME ZONE, simple CASE).
    """
    return Binder(scope).bind(node)


class Binder:
    """Binds the nodes of one expression. `variables` are the parameters of lambdas around it."""

    def __init__(self, scope: Scope, variables: Mapping[str, LambdaVariable] | None = None) -> None:
        self.scope = scope
        self.variables: Mapping[str, LambdaVariable] = variables or {}
        self.custom_types: Mapping[str, SqlType] = getattr(scope, "custom_types", {})

    def within(self, variables: Mapping[str, LambdaVariable]) -> Binder:
        """A binder for the body of a lambda."""
        return Binder(self.scope, {**self.variables, **variables})

    def bind(self, node: exp.Expression) -> Expression:
        """Binds one node."""
        handler = self._handlers.get(type(node))
        if handler is None:
            raise UnsupportedError(
                f"{type(node).__name__} is not supported in expressions", span=span_of(node)
            )
        return handler(self, node)

    def _column(self, node: exp.Column) -> Expression:
        source, name = node.table or None, node.name
        if source is None and name in self.variables:
            return self.variables[name]
        return self.scope.resolve(source, name, span_of(node))

    def _literal(self, node: exp.Literal) -> Expression:
        if node.is_string:
            return Literal(node.this, types.STRING)
        return number_literal(node.this, span_of(node))

    def _boolean(self, node: exp.Boolean) -> Expression:
        return Literal(bool(node.this), types.BOOLEAN)

    def _null(self, _node: exp.Null) -> Expression:
        return Literal(None, types.NULL)

    def _negate(self, node: exp.Neg) -> Expression:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string:
            return number_literal("-" + inner.this, span_of(node))
        operand = self.bind(inner)
        if numeric_rank(operand.result_type) is None:
            raise TypeMismatchError(f"cannot negate {operand.result_type}", span=span_of(node))
        return Negate(operand, operand.result_type)

    def _arithmetic(self, node: exp.Expression) -> Expression:
        op = _ARITHMETIC[type(node)]
        left, right = self.bind(node.this), self.bind(node.expression)
        kind = arithmetic_type(op, left.result_type, right.result_type)
        if kind is None:
            raise TypeMismatchError(
                f"operator {op} does not take {shown(left)} and {shown(right)}",
                hint="You might need to add explicit type casts.",
                span=span_of(node),
            )
        if not isinstance(kind, DecimalType):
            left, right = convert(left, kind), convert(right, kind)
        return Arithmetic(op, left, right, kind)

    def _concat(self, node: exp.Expression) -> Expression:
        call = exp.Anonymous(this="CONCAT", expressions=[node.this, node.expression])
        call.meta.update(node.meta)
        return bind_call(self, call)

    def _comparison(self, node: exp.Expression) -> Expression:
        op = _COMPARISON[type(node)]
        left, right = self.bind(node.this), self.bind(node.expression)
        return self._compare(op, (node.this, left), (node.expression, right), span_of(node))

    def _compare(self, op: str, left: Side, right: Side, span: Span | None) -> Expression:
        time_texts = getattr(self.scope, "time_texts", False)
        return compare(op, left, right, span, ComparisonRules(time_texts))

    def _between(self, node: exp.Between) -> Expression:
        operand = (node.this, self.bind(node.this))
        low, high = node.args["low"], node.args["high"]
        span = span_of(node)
        return Logical(
            "AND",
            self._compare(">=", operand, (low, self.bind(low)), span),
            self._compare("<=", operand, (high, self.bind(high)), span),
        )

    def _logical(self, node: exp.Expression) -> Expression:
        op = "AND" if isinstance(node, exp.And) else "OR"
        left, right = self._condition(node.this, op), self._condition(node.expression, op)
        return Logical(op, left, right)

    def _not(self, node: exp.Not) -> Expression:
        if isinstance(node.this, exp.EQ):
            return Not(self._equality_under_not(node.this))
        operand = self._condition(node.this, "NOT")
        match operand:
            case InList(negated=False):
                return InList(operand.operand, operand.items, negated=True)
            case IsNull(negated=False):
                return IsNull(operand.operand, negated=True)
            case Like(negated=False):
                return Like(operand.operand, operand.pattern, operand.escape, negated=True)
            case _:
                return Not(operand)

    def _equality_under_not(self, node: exp.EQ) -> Expression:
        sides = [(side, self.bind(side)) for side in (node.this, node.expression)]
        rules = ComparisonRules(getattr(self.scope, "time_texts", False), under_not=True)
        return compare("=", sides[0], sides[1], span_of(node), rules)

    def _condition(self, node: exp.Expression, place: str) -> Expression:
        operand = self.bind(node)
        if operand.result_type != types.BOOLEAN:
            raise TypeMismatchError(
                f"{place} needs BOOLEAN, found {shown(operand)}", span=span_of(node)
            )
        return operand

    def _is_null(self, node: exp.Is) -> Expression:
        return IsNull(self.bind(node.this))

    def _in(self, node: exp.In) -> Expression:
        operand = self.bind(node.this)
        items = [self.bind(item) for item in node.expressions]
        (operand, *others), _ = unify([operand, *items], span_of(node))
        return InList(operand, tuple(others))

    def _like(self, node: exp.Like, escape: str | None = None) -> Expression:
        operand, pattern = self.bind(node.this), self.bind(node.expression)
        for side in (operand, pattern):
            if side.result_type != types.STRING:
                raise TypeMismatchError(
                    f"LIKE needs STRING, found {shown(side)}", span=span_of(node)
                )
        return Like(operand, pattern, escape)

    def _escape(self, node: exp.Escape) -> Expression:
        escape = node.expression.this
        if not isinstance(escape, str) or len(escape) != 1:
            raise TypeMismatchError(
                f"an escape must be one character, found '{escape}'", span=span_of(node)
            )
        return self._like(node.this, escape)

    def _case(self, node: exp.Case) -> Expression:
        if node.this is not None:
            raise UnsupportedError(
                "CASE with an operand is not supported",
                hint="Write CASE WHEN operand = value THEN … END.",
                span=span_of(node),
            )
        if any(isinstance(part, exp.Anonymous) and is_table_call(part) for part in node.walk()):
            raise TypeMismatchError(
                "table functions cannot be called inside CASE", span=span_of(node)
            )
        conditions = [self._condition(branch.this, "WHEN") for branch in node.args["ifs"]]
        results = [self.bind(branch.args["true"]) for branch in node.args["ifs"]]
        default_node = node.args.get("default")
        default = self.bind(default_node) if default_node is not None else None
        every = [*results, *([default] if default is not None else [])]
        kinds = {result.result_type for result in every} - {types.NULL}
        if not kinds:
            raise TypeMismatchError(
                "all results of CASE are NULL", hint="Cast one of them.", span=span_of(node)
            )
        if len(kinds) > 1:
            raise TypeMismatchError(
                f"results of CASE have different types: {', '.join(sorted(map(str, kinds)))}",
                hint="You might need to add explicit type casts.",
                span=span_of(node),
            )
        kind = kinds.pop()
        return Case(
            tuple(
                When(condition, convert(result, kind))
                for condition, result in zip(conditions, results, strict=True)
            ),
            convert(default, kind) if default is not None else None,
            kind,
        )

    def _cast(self, node: parsed.CastTo) -> Expression:
        operand = self.bind(node.this)
        kind = resolve_type(node.to, self.custom_types)
        if operand.result_type == kind:
            return operand
        if isinstance(operand, Literal) and operand.value is None:
            return Literal(None, kind)
        if not castable(operand.result_type, kind):
            raise TypeMismatchError(
                f"cast of {shown(operand)} to {kind} is not supported", span=span_of(node)
            )
        return Cast(operand, kind)

    def _subscript(self, node: exp.Bracket) -> Expression:
        operand, index = self.bind(node.this), self.bind(node.expressions[0])
        match operand.result_type:
            case ArrayType(element):
                if index.result_type not in (types.INTEGER, types.BIGINT):
                    raise TypeMismatchError(
                        f"an array's index must be INTEGER or BIGINT, found {shown(index)}",
                        span=span_of(node),
                    )
                return Subscript(operand, index, element)
            case MapType(key, value):
                if index.result_type not in (key, types.NULL):
                    return Literal(None, value)  # No map has a key of another type.
                return Subscript(operand, convert(index, key), value)
            case _:
                raise TypeMismatchError(
                    f"{shown(operand)} has no elements: only ARRAY and MAP take [ ]",
                    span=span_of(node),
                )

    def _dereference(self, node: parsed.Dereference) -> Expression:
        operand = self.bind(node.this)
        struct = operand.result_type
        if not isinstance(struct, StructType):
            raise TypeMismatchError(
                f"-> needs a STRUCT, found {shown(operand)}", span=span_of(node)
            )
        field = struct.field(node.field)
        if field is None:
            known = ", ".join(f.name for f in struct.fields)
            raise UnknownNameError(
                f"no such field in struct: {node.field}",
                hint=f"The fields are {known}.",
                span=span_of(node),
            )
        return Dereference(operand, field.name, field.type)

    def _array(self, node: exp.Array) -> Expression:
        return bind_array(self, node)

    def _map(self, node: parsed.MapConstructor) -> Expression:
        return bind_map(self, node)

    def _struct(self, node: parsed.StructConstructor) -> Expression:
        return bind_struct(self, node)

    def _call(self, node: exp.Anonymous) -> Expression:
        return bind_call(self, node)

    def _json_path(self, node: parsed.JsonPath) -> Expression:
        operand = self.bind(node.this)
        return bind_json_path(node, operand)

    def _filter(self, node: exp.Filter) -> Expression:
        return bind_filter(self, node)

    def _window(self, node: parsed.WindowCall) -> Expression:
        return bind_window(self, node)

    def _time_zone(self, node: exp.AtTimeZone) -> Expression:
        raise UnsupportedError(
            "AT TIME ZONE is not supported", hint="Use CONVERT_TZ.", span=span_of(node)
        )

    _handlers: ClassVar[dict[type[exp.Expression], Callable[..., Expression]]] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Boolean: _boolean,
        exp.Null: _null,
        exp.Neg: _negate,
        exp.Add: _arithmetic,
        exp.Sub: _arithmetic,
        exp.Mul: _arithmetic,
        exp.Div: _arithmetic,
        exp.Mod: _arithmetic,
        exp.DPipe: _concat,
        exp.EQ: _comparison,
        exp.NEQ: _comparison,
        exp.LT: _comparison,
        exp.LTE: _comparison,
        exp.GT: _comparison,
        exp.GTE: _comparison,
        exp.NullSafeEQ: _comparison,
        exp.NullSafeNEQ: _comparison,
        exp.Between: _between,
        exp.And: _logical,
        exp.Or: _logical,
        exp.Not: _not,
        exp.Is: _is_null,
        exp.In: _in,
        exp.Like: _like,
        exp.Escape: _escape,
        exp.Case: _case,
        parsed.CastTo: _cast,
        exp.Bracket: _subscript,
        parsed.Dereference: _dereference,
        exp.Array: _array,
        parsed.MapConstructor: _map,
        parsed.StructConstructor: _struct,
        exp.Anonymous: _call,
        exp.AtTimeZone: _time_zone,
        parsed.WindowCall: _window,
        exp.Filter: _filter,
        parsed.JsonPath: _json_path,
    }


_ARITHMETIC: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}

_COMPARISON: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
