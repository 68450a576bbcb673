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

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from merganser.engine import types
from merganser.engine.duck import identifier, literal, physical_type
from merganser.engine.execution.expressions.arithmetic import compile_arithmetic
from merganser.engine.execution.expressions.casts import cast_fragment
from merganser.engine.execution.expressions.comparison import comparison_sql, in_sql
from merganser.engine.execution.expressions.compiled import (
    CompiledExpression,
    Fragment,
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
from merganser.engine.functions.function import SCALARS, TABLES, CallSite, Nulls, Overload
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
    return CompiledExpression(fragment.sql, either(fragment.raises, fragment.logged))


def compile_predicate(expression: Expression) -> CompiledExpression:
    """The SQL of a WHERE or HAVING: TRUE for rows that pass, FALSE or NULL for all others.

    Plain comparisons stay plain, so that DuckDB can use them as filters.
    """
    compiler = _Compiler()
    fragment = compiler.value(expression)
    return CompiledExpression(compiler.passes(expression), either(fragment.raises, fragment.logged))


class _Compiler:
    """Compiles one expression. `variables` are the parameters of lambdas around it, as SQL."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = variables or {}

    def value(self, node: Expression) -> Fragment:
        """The exact value of a node."""
        return self._handlers[type(node)](self, node)

    def passes(self, node: Expression) -> str:
        """A predicate that is TRUE exactly where the node's value is."""
        match node:
            case Logical("AND", left, right):
                return f"({self.passes(left)} AND {self.passes(right)})"
            case Logical("OR", left, right):
                raises = self._stops(left)
                if raises is None:
                    return f"({self.passes(left)} OR {self.passes(right)})"
                return f"({self.passes(left)} OR (NOT {raises} AND {self.passes(right)}))"
            case Comparison(op, left, right):
                return comparison_sql(op, (self.value(left), left), (self.value(right), right))
            case _:
                return self.value(node).sql

    def _stops(self, node: Expression) -> str | None:
        """The predicate that AND, OR or NOT cannot go on with this operand."""
        fragment = self.value(node)
        return is_null(fragment.sql) if fragment.nullable else None

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
        return compile_arithmetic(node, self.value)

    def _comparison(self, node: Comparison) -> Fragment:
        left, right = self.value(node.left), self.value(node.right)
        raises = either(
            self._side_raises(node.left, left, right), self._side_raises(node.right, right, left)
        )
        logged = either(left.logged, right.logged)
        plain = comparison_sql(node.op, (left, node.left), (right, node.right))
        if node.op.startswith("IS ") or not (left.nullable or right.nullable):
            sql = plain
        else:
            sql = f"coalesce({plain}, FALSE)"
        if raises is None:
            return Fragment(sql, None, logged, nullable=False)
        return Fragment(f"CASE WHEN {raises} THEN NULL ELSE {sql} END", raises, logged)

    def _side_raises(self, node: Expression, side: Fragment, other: Fragment) -> str | None:
        """Where an operand raises; text is converted to a time only next to a given value."""
        if side.raises is None or not isinstance(node, Cast) or not node.implicit:
            return side.raises
        inner = self.value(node.operand).raises
        return either(inner, f"({other.sql} IS NOT NULL AND {side.raises})")

    def _logical(self, node: Logical) -> Fragment:
        left, right = self.value(node.left), self.value(node.right)
        stops_left = is_null(left.sql) if left.nullable else None
        stops_right = is_null(right.sql) if right.nullable else None
        goes_on = left.sql if node.op == "AND" else f"(NOT {left.sql})"
        # DuckDB's own AND and OR see FALSE and TRUE behind a NULL; ksqlDB never gets there.
        if stops_left is None:
            sql = f"({left.sql} {node.op} {right.sql})"
            raises = both(goes_on, stops_right)
        else:
            other = "FALSE" if node.op == "AND" else "TRUE"
            sql = (
                f"CASE WHEN {goes_on} THEN {right.sql} WHEN {stops_left} THEN NULL ELSE {other} END"
            )
            raises = either(stops_left, both(f"coalesce({goes_on}, FALSE)", stops_right))
        logged = either(left.logged, both(f"coalesce({goes_on}, FALSE)", right.logged))
        return Fragment(sql, raises, logged, nullable=raises is not None)

    def _not(self, node: Not) -> Fragment:
        operand = self.value(node.operand)
        raises = is_null(operand.sql) if operand.nullable else None
        return Fragment(f"(NOT {operand.sql})", raises, operand.logged, operand.nullable)

    def _is_null(self, node: IsNull) -> Fragment:
        operand = self.value(node.operand)
        sql = f"({operand.sql} IS {'NOT ' if node.negated else ''}NULL)"
        if operand.raises is None:
            return Fragment(sql, None, operand.logged, nullable=False)
        sql = f"CASE WHEN {operand.raises} THEN NULL ELSE {sql} END"
        return Fragment(sql, operand.raises, operand.logged)

    def _in_list(self, node: InList) -> Fragment:
        operand = self.value(node.operand)
        items = [self.value(item) for item in node.items]
        raises = either(operand.raises, *(item.raises for item in items))
        logged = either(operand.logged, *(item.logged for item in items))
        found = in_sql(operand, items, node.operand.result_type)
        sql = f"(NOT {found})" if node.negated else found
        if raises is None:
            return Fragment(sql, None, logged, nullable=False)
        return Fragment(f"CASE WHEN {raises} THEN NULL ELSE {sql} END", raises, logged)

    def _like(self, node: Like) -> Fragment:
        return like_fragment(node, self.value(node.operand), self.value(node.pattern))

    def _case(self, node: Case) -> Fragment:
        """Lazy in ksqlDB and in DuckDB; a condition that raises makes the whole raise."""
        parts: list[str] = []
        raises: list[str] = []
        logged: list[str] = []
        for branch in node.branches:
            condition, result = self.value(branch.condition), self.value(branch.result)
            if condition.nullable:
                parts.append(f"WHEN {is_null(condition.sql)} THEN NULL")
                raises.append(f"WHEN {is_null(condition.sql)} THEN TRUE")
            parts.append(f"WHEN {condition.sql} THEN {result.sql}")
            raises.append(f"WHEN {condition.sql} THEN {result.raises or 'FALSE'}")
            seen = either(condition.logged, both(condition.sql, result.logged)) or "FALSE"
            logged.append(f"WHEN {condition.sql} THEN coalesce({seen}, FALSE)")
        default = self.value(node.default) if node.default is not None else Fragment("NULL")
        sql = f"CASE {' '.join(parts)} ELSE {default.sql} END"
        kind = physical_type(node.type)
        return Fragment(
            f"CAST({sql} AS {kind})" if node.default is None else sql,
            _case_predicate(raises, default.raises),
            _case_predicate(logged, default.logged),
        )

    def _cast(self, node: Cast) -> Fragment:
        operand = self.value(node.operand)
        return cast_fragment(operand, node.operand.result_type, node.type, implicit=node.implicit)

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
        return self._function(node, SCALARS[node.name].overloads[node.overload])

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
        site = CallSite(
            tuple(argument.sql for argument in arguments),
            tuple(argument.result_type for argument in node.arguments),
            tuple(a.value if isinstance(a, Literal) else None for a in node.arguments),
            node.type,
            tuple(raises),
        )
        raw = overload.sql(site)
        logged = either(*(argument.logged for argument in arguments))
        if any(caught):
            logged = either(
                logged, overload.fails_sql(replace(site, body_raises=tuple(caught)), raw)
            )
        parameters = overload.signature.parameters_for(len(arguments))
        assert parameters is not None
        missing = either(
            *(
                is_null(argument.sql)
                for parameter, argument in zip(parameters, arguments, strict=True)
                if parameter.primitive and argument.nullable
            )
        )
        guard = missing
        if overload.nulls is Nulls.RETURN:
            guard = either(*(is_null(a.sql) for a in arguments if a.nullable))
        sql = raw if guard is None else f"CASE WHEN {guard} THEN NULL ELSE {raw} END"
        fails = overload.fails_sql(site, raw)
        if fails is not None and missing is not None:
            # Not OR: it would call the function for rows that have no argument to give it.
            fails = f"CASE WHEN {missing} THEN TRUE ELSE {fails} END"
        return Fragment(sql, fails or missing, logged)

    def _lambda(self, node: Lambda, *, over_map: bool) -> tuple[str, Fragment]:
        """`lambda a, b: ` and the body. Over a map the last two parameters are one entry."""
        names = [parameter.name for parameter in node.parameters]
        written = {name: identifier(name) for name in names}
        heads = [written[name] for name in names]
        if over_map:
            entry = f'"$m{len(self._variables)}"'
            written[names[-2]], written[names[-1]] = f"{entry}.key", f"{entry}.value"
            heads = [*heads[:-2], entry]
        body = _Compiler({**self._variables, **written}).value(node.body)
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
        ArrayOf: _array,
        MapOf: _map,
        StructOf: _struct,
        Call: _call,
        TableCall: _table_call,
        Lambda: _no_value,
    }


def _map_key(key: Fragment, kind: SqlType) -> str:
    """A key of a map; DuckDB takes no NULL, which Java's JSON writes as the text `null`."""
    return f"coalesce({key.sql}, 'null')" if key.nullable and kind == types.STRING else key.sql


def _case_predicate(branches: list[str], default: str | None) -> str | None:
    """A CASE over predicates, or None if all are FALSE."""
    if default is None and all(branch.endswith("THEN FALSE") for branch in branches):
        return None
    return f"CASE {' '.join(branches)} ELSE {default or 'FALSE'} END"
