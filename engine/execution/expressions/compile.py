"""From typed expressions to DuckDB SQL.

Differences that are bridged here, each by one function and its tests:

===================  ========================================  =================================
what                 ksqlDB                                    DuckDB
===================  ========================================  =================================
integer overflow     wraps                                     raises
NULL operand         arithmetic raises, the column is NULL     NULL
division by zero     integers and decimals raise               raises
decimal result       wider; rounding raises                    rounds, DOUBLE for division
comparison, NULL     FALSE                                     NULL
AND, OR              left to right; NULL raises                three-valued
LIKE                 wildcards match no newline                they do
subscript            0 gives NULL                              NULL
casts                Java's parsing and texts                  its own
===================  ========================================  =================================

Source: parity/statements.md, sections 7 and 8; parity/semantics.md, section 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from merganser.engine import types
from merganser.engine.duck import identifier, literal, physical_type
from merganser.engine.execution.expressions.arithmetic import compile_arithmetic
from merganser.engine.execution.expressions.calls import CallParts, counting_calls
from merganser.engine.execution.expressions.case import case_fragment
from merganser.engine.execution.expressions.casts import cast_fragment
from merganser.engine.execution.expressions.comparison import comparison_sql, in_sql
from merganser.engine.execution.expressions.compiled import (
    CompiledExpression,
    Fragment,
    Lets,
    Watch,
    both,
    either,
    is_null,
)
from merganser.engine.execution.expressions.like import like_fragment
from merganser.engine.expression import (
    Arithmetic,
    ArrayOf,
    Call,
    Case,
    Cast,
    ColumnRef,
    Comparison,
    Dereference,
    Expression,
    InList,
    IsNull,
    JsonPart,
    Lambda,
    LambdaVariable,
    Like,
    Literal,
    Logical,
    MapOf,
    Negate,
    Not,
    StructOf,
    Subscript,
    TableCall,
)
from merganser.engine.functions.function import TABLES, Overload
from merganser.engine.functions.scalar_calls import overload_of
from merganser.engine.schema import PSEUDO_COLUMNS
from merganser.engine.types import MapType, SqlType
from merganser.errors import InternalError

_PHYSICAL_PSEUDO = {
    "ROWTIME": '"$rowtime"',
    "ROWPARTITION": '"$partition"',
    "ROWOFFSET": '"$offset"',
    "WINDOWSTART": '"$window_start"',
    "WINDOWEND": '"$window_end"',
}
assert _PHYSICAL_PSEUDO.keys() == PSEUDO_COLUMNS.keys()


def compile_expression(expression: Expression) -> CompiledExpression:
    """The SQL of a value over a physical row, and on which rows it fails."""
    fragment = _Compiler().value(expression)
    failed = either(fragment.raises, fragment.logged)
    return CompiledExpression(fragment.sql, failed, _watch(expression))


def compile_predicate(expression: Expression) -> CompiledExpression:
    """The SQL of a WHERE or HAVING: TRUE for rows that pass, FALSE or NULL for all others.

    Plain comparisons stay plain, so that DuckDB can use them as filters.
    """
    compiler = _Compiler()
    fragment = compiler.value(expression)
    failed = either(fragment.raises, fragment.logged)
    return CompiledExpression(compiler.passes(expression), failed, _watch(expression))


def _watch(expression: Expression) -> Watch | None:
    """What tells of the failures of functions that count their own; None if there are none."""
    counting = counting_calls(expression)
    if not counting:
        return None
    rest = _Compiler(counting=False).value(expression)
    reasons = [
        reason
        for call, overload in counting
        if not any(isinstance(part, LambdaVariable) for part in call.walk())
        for reason in [
            CallParts(call, overload, ()).reason([_Compiler().value(a) for a in call.arguments])
        ]
    ]
    return Watch(
        tuple(overload.failures for _, overload in counting if overload.failures is not None),
        either(rest.raises, rest.logged),
        f"coalesce({', '.join([*reasons, 'NULL'])})",
    )


class _Compiler:
    """Compiles one expression. `variables` are the parameters of lambdas around it, as SQL.

    Without `counting` functions that count their failures are taken as if they had none.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        lets: Lets | None = None,
        *,
        counting: bool = True,
    ) -> None:
        self._variables = variables or {}
        self._lets = lets or Lets()
        self._counting = counting

    def value(self, node: Expression) -> Fragment:
        """The exact value of a node."""
        return self._handlers[type(node)](self, node)

    def passes(self, node: Expression) -> str:
        """A predicate that is TRUE exactly where the node's value is."""
        match node:
            case Logical("AND", left, right):
                return f"({self.passes(left)} AND {self.passes(right)})"
            case Logical("OR") if not any(self.value(term).nullable for term in _terms(node)):
                return "(" + " OR ".join(map(self.passes, _terms(node))) + ")"
            case Comparison(op, left, right):
                return self._lets.let(
                    (self.value(left), self.value(right)),
                    lambda sides: comparison_sql(op, (sides[0], left), (sides[1], right)),
                )
            case _:
                return self.value(node).sql

    def _column(self, node: ColumnRef) -> Fragment:
        name = _PHYSICAL_PSEUDO.get(node.name)
        return Fragment(name or identifier(node.name), nullable=name is None)

    def _variable(self, node: LambdaVariable) -> Fragment:
        return Fragment(self._variables[node.name])

    def _literal(self, node: Literal) -> Fragment:
        if node.type == types.UNIT:
            return Fragment(literal(node.value), nullable=False)
        if node.value is None:
            return Fragment(f"CAST(NULL AS {physical_type(node.type)})")
        if node.type in (types.STRING, types.BOOLEAN, types.BYTES, types.INTEGER):
            return Fragment(literal(node.value), nullable=False)
        text = literal(node.value)
        return Fragment(f"CAST({text} AS {physical_type(node.type)})", nullable=False)

    def _arithmetic(self, node: Arithmetic | Negate) -> Fragment:
        return compile_arithmetic(node, self.value, self._lets)

    def _comparison(self, node: Comparison) -> Fragment:
        sides = (self.value(node.left), self.value(node.right))
        logged = either(*(side.logged for side in sides))
        fails = any(side.raises for side in sides)

        def value(named: Sequence[Fragment]) -> str:
            left, right = named
            sql = comparison_sql(node.op, (left, node.left), (right, node.right))
            if not node.op.startswith("IS ") and (left.nullable or right.nullable):
                sql = f"coalesce({sql}, FALSE)"
            raises = self._comparison_raises(node, named)
            return sql if raises is None else f"CASE WHEN {raises} THEN NULL ELSE {sql} END"

        def raises(named: Sequence[Fragment]) -> str:
            return self._comparison_raises(node, named) or "FALSE"

        sql = self._lets.let(sides, value)
        return Fragment(sql, self._lets.let(sides, raises) if fails else None, logged, fails)

    def _comparison_raises(self, node: Comparison, sides: Sequence[Fragment]) -> str | None:
        """Where a side raises; text is converted to a time only next to a given value."""
        left, right = sides
        return either(
            self._side_raises(node.left, left, right), self._side_raises(node.right, right, left)
        )

    def _side_raises(self, node: Expression, side: Fragment, other: Fragment) -> str | None:
        if side.raises is None or not isinstance(node, Cast) or not node.implicit:
            return side.raises
        inner = self.value(node.operand).raises
        return either(inner, f"({other.sql} IS NOT NULL AND {side.raises})")

    def _logical(self, node: Logical) -> Fragment:
        """A chain of AND or OR. DuckDB's own see FALSE and TRUE behind a NULL; ksqlDB does not."""
        terms = [self.value(term) for term in _terms(node)]
        logged = self._chain_logged(node.op, terms)
        if not any(term.nullable for term in terms):
            sql = "(" + f" {node.op} ".join(term.sql for term in terms) + ")"
            return Fragment(sql, None, logged, nullable=False)
        stop = "IS NOT TRUE" if node.op == "AND" else "IS NOT FALSE"

        def chain(named: Sequence[Fragment]) -> str:
            steps = [f"WHEN {term.sql} {stop} THEN {term.sql}" for term in named[:-1]]
            return f"CASE {' '.join(steps)} ELSE {named[-1].sql} END"

        sql = self._lets.let(terms, chain)
        return Fragment(sql, is_null(sql), logged)

    def _chain_logged(self, op: str, terms: Sequence[Fragment]) -> str | None:
        """What is logged in the terms that are reached."""
        found: list[str | None] = []
        for index, term in enumerate(terms):
            goes_on = "IS TRUE" if op == "AND" else "IS FALSE"
            before = [f"({earlier.sql}) {goes_on}" for earlier in terms[:index]]
            found.append(both(*before, term.logged))
        return either(*found)

    def _not(self, node: Not) -> Fragment:
        operand = self.value(node.operand)
        raises = is_null(operand.sql) if operand.nullable else None
        return Fragment(f"(NOT {operand.sql})", raises, operand.logged, operand.nullable)

    def _is_null(self, node: IsNull) -> Fragment:
        operand = self.value(node.operand)

        def value(named: Sequence[Fragment]) -> str:
            sql = f"({named[0].sql} IS {'NOT ' if node.negated else ''}NULL)"
            raises = named[0].raises
            return sql if raises is None else f"CASE WHEN {raises} THEN NULL ELSE {sql} END"

        sql = self._lets.let([operand], value)
        return Fragment(sql, operand.raises, operand.logged, operand.raises is not None)

    def _in_list(self, node: InList) -> Fragment:
        operands = [self.value(part) for part in (node.operand, *node.items)]
        raises = either(*(operand.raises for operand in operands))
        logged = either(*(operand.logged for operand in operands))

        def value(named: Sequence[Fragment]) -> str:
            found = in_sql(named[0], named[1:], node.operand.result_type)
            sql = f"(NOT {found})" if node.negated else found
            stops = either(*(each.raises for each in named))
            return sql if stops is None else f"CASE WHEN {stops} THEN NULL ELSE {sql} END"

        return Fragment(self._lets.let(operands, value), raises, logged, raises is not None)

    def _like(self, node: Like) -> Fragment:
        sides = (self.value(node.operand), self.value(node.pattern))
        whole = like_fragment(node, *sides)
        sql = self._lets.let(sides, lambda named: like_fragment(node, *named).sql)
        raises = whole.raises
        if raises is not None:
            raises = self._lets.let(sides, lambda named: like_fragment(node, *named).raises or "")
        return Fragment(sql, raises, whole.logged, whole.nullable)

    def _case(self, node: Case) -> Fragment:
        branches = [
            (self.value(branch.condition), self.value(branch.result)) for branch in node.branches
        ]
        default = self.value(node.default) if node.default is not None else None
        return case_fragment(branches, default, physical_type(node.type))

    def _cast(self, node: Cast) -> Fragment:
        operand = self.value(node.operand)
        kind = node.operand.result_type

        def cast(named: Fragment) -> Fragment:
            return cast_fragment(named, kind, node.type, implicit=node.implicit)

        whole = cast(operand)
        sql = self._lets.let([operand], lambda named: cast(named[0]).sql)
        raises, logged = whole.raises, whole.logged
        if raises is not None:
            raises = self._lets.let([operand], lambda named: cast(named[0]).raises or "")
        if logged is not None:
            logged = self._lets.let([operand], lambda named: cast(named[0]).logged or "")
        return Fragment(sql, raises, logged, whole.nullable)

    def _subscript(self, node: Subscript) -> Fragment:
        operand, index = self.value(node.operand), self.value(node.index)
        sql = f"{operand.sql}[{index.sql}]"
        raises = either(
            operand.raises, index.raises, is_null(index.sql) if index.nullable else None
        )
        return Fragment(sql, raises, either(operand.logged, index.logged))

    def _dereference(self, node: Dereference) -> Fragment:
        operand = self.value(node.operand).caught()
        return Fragment(f"{operand.sql}.{identifier(node.field)}", None, operand.logged)

    def _json_part(self, node: JsonPart) -> Fragment:
        """`null` is NULL; a text that is no JSON raises, and what stands around goes on."""
        operand = self.value(node.operand).caught()
        path = literal(node.path)
        kind = node.operand.result_type

        def value(named: Sequence[Fragment]) -> str:
            sql = named[0].sql
            if node.type == types.STRING:
                part = f"json_extract_string({sql}, {path})"
            else:
                part = f"nullif(CAST(json_extract({sql}, {path}) AS VARCHAR), 'null')"
            return part if kind == types.JSON else f"CASE WHEN json_valid({sql}) THEN {part} END"

        malformed = None
        if kind != types.JSON:
            malformed = f"coalesce(NOT json_valid({operand.sql}), FALSE)"
        return Fragment(self._lets.let([operand], value), None, either(operand.logged, malformed))

    def _array(self, node: ArrayOf) -> Fragment:
        items = [self.value(item).caught() for item in node.items]
        sql = f"CAST([{', '.join(item.sql for item in items)}] AS {physical_type(node.type)})"
        return Fragment(sql, None, either(*(item.logged for item in items)), nullable=False)

    def _map(self, node: MapOf) -> Fragment:
        assert isinstance(node.type, MapType)
        keys = [self.value(key).caught() for key in node.keys]
        values = [self.value(value).caught() for value in node.values]
        logged = either(*(item.logged for item in (*keys, *values)))
        pairs = ", ".join(
            f"struct_pack(k := {_map_key(key, node.type.key)}, v := {value.sql})"
            for key, value in zip(keys, values, strict=True)
        )
        sql = f"CAST(map_from_entries([{pairs}]) AS {physical_type(node.type)})"
        return Fragment(sql, None, logged, nullable=False)

    def _struct(self, node: StructOf) -> Fragment:
        values = [self.value(value).caught() for value in node.values]
        fields = ", ".join(
            f"{identifier(f.name)} := {value.sql}"
            for f, value in zip(node.type.fields, values, strict=True)
        )
        logged = either(*(value.logged for value in values))
        return Fragment(f"struct_pack({fields})", None, logged, nullable=False)

    def _call(self, node: Call) -> Fragment:
        return self._function(node, overload_of(node))

    def _table_call(self, node: TableCall) -> Fragment:
        return self._function(node, TABLES[node.name].overloads[node.overload])

    def _function(self, node: Call | TableCall, overload: Overload) -> Fragment:
        arguments: list[Fragment] = []
        raises: list[str | None] = []
        caught: list[str | None] = []
        over_map = bool(node.arguments) and isinstance(node.arguments[0].result_type, MapType)
        for argument in node.arguments:
            if isinstance(argument, Lambda):
                head, body = self._lambda(argument, over_map=over_map)
                arguments.append(Fragment(head + body.sql, nullable=False))
                raises.append(head + body.raises if body.raises else None)
                caught.append(head + body.logged if body.logged else None)
            else:
                arguments.append(self.value(argument).caught())
                raises.append(None)
                caught.append(None)
        if overload.failures is not None and not self._counting:
            overload = replace(overload, fails=None)
        call = CallParts(node, overload, tuple(raises))
        logged = either(*(argument.logged for argument in arguments))
        if any(caught):
            inner = replace(call, body_raises=tuple(caught))
            logged = either(logged, self._lets.let(arguments, inner.fails) or None)
        fails = self._lets.let(arguments, call.fails) or None
        return Fragment(self._lets.let(arguments, call.value), fails, logged)

    def _lambda(self, node: Lambda, *, over_map: bool) -> tuple[str, Fragment]:
        """`lambda a, b: ` and the body. Over a map the last two parameters are one entry."""
        names = [parameter.name for parameter in node.parameters]
        written = {name: identifier(name) for name in names}
        heads = [written[name] for name in names]
        if over_map:
            entry = f'"$m{len(self._variables)}"'
            written[names[-2]], written[names[-1]] = f"{entry}.key", f"{entry}.value"
            heads = [*heads[:-2], entry]
        inner = _Compiler({**self._variables, **written}, self._lets, counting=self._counting)
        body = inner.value(node.body)
        return f"lambda {', '.join(heads)}: ", body

    def _no_value(self, node: Expression) -> Fragment:
        raise InternalError(f"{type(node).__name__} has no value of its own: {node}")

    _handlers: ClassVar[dict[type[Expression], Callable[..., Fragment]]] = {
        ColumnRef: _column,
        LambdaVariable: _variable,
        Literal: _literal,
        Arithmetic: _arithmetic,
        Negate: _arithmetic,
        Comparison: _comparison,
        Logical: _logical,
        Not: _not,
        IsNull: _is_null,
        InList: _in_list,
        Like: _like,
        Case: _case,
        Cast: _cast,
        Subscript: _subscript,
        Dereference: _dereference,
        JsonPart: _json_part,
        ArrayOf: _array,
        MapOf: _map,
        StructOf: _struct,
        Call: _call,
        TableCall: _table_call,
        Lambda: _no_value,
    }


def _terms(node: Logical) -> list[Expression]:
    """The operands of a chain of the same operator, in order."""
    terms: list[Expression] = []
    for side in (node.left, node.right):
        if isinstance(side, Logical) and side.op == node.op:
            terms += _terms(side)
        else:
            terms.append(side)
    return terms


def _map_key(key: Fragment, kind: SqlType) -> str:
    """A key of a map; DuckDB takes no NULL, which Java's JSON writes as the text `null`."""
    return f"coalesce({key.sql}, 'null')" if key.nullable and kind == types.STRING else key.sql
