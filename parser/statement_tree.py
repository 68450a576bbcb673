"""From lark's tree to clauses and statements.

A statement needs no method here: rule `list_topics` makes `ast.ListTopics`, its parts are `Field`s
named as the attributes they fill, and a part without a value is a flag.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lark import Token
from lark.tree import Meta
from sqlglot import exp

from merganser.errors import Span, SqlSyntaxError, UnsupportedError
from merganser.parser import ast
from merganser.parser.expression_tree import ExpressionReader, Field, Name, Node, span_at

_SOURCE_NAME: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def _source_name(name: Name) -> str:
    """Check the name of a stream or table, or the alias of one."""
    if _SOURCE_NAME.fullmatch(name.text) is None:
        raise SqlSyntaxError(
            f'"{name.text}" cannot be the name of a stream or table',
            detail="Such a name has only the letters A to Z, a to z, digits, _ and -.",
            span=name.span,
        )
    return name.text


class StatementReader(ExpressionReader):
    """Reads the tree of a statement that stands in `script`."""

    def __init__(self, script: str) -> None:
        self._script = script

    def _default(self, rule: str, children: list[object], place: Meta) -> object:
        kind = ast.STATEMENTS.get(rule)
        if kind is None:
            return super()._default(rule, children, place)
        return self._statement(kind, place, children)

    def _statement(
        self, kind: type[ast.Statement], place: Meta, parts: list[object]
    ) -> ast.Statement:
        fields: dict[str, object] = {}
        for part in parts:
            if isinstance(part, ast.Query):
                fields["query"] = part
            else:
                assert isinstance(part, Field)
                fields[part.name] = part.value
        text = self._script[place.start_pos : place.end_pos]
        make: Callable[..., ast.Statement] = kind
        return make(text=text, span=span_at(place), **fields)

    # ---------------------------------------------------------------- flags with another name

    def stream(self, _place: Meta) -> Field:
        return Field("is_table", value=False)

    def table(self, _place: Meta) -> Field:
        return Field("is_table", value=True)

    streams = stream
    tables = table

    def source_end(self, _place: Meta) -> Field:
        return Field("is_source", value=True)

    def sink_end(self, _place: Meta) -> Field:
        return Field("is_source", value=False)

    def absent(self, _place: Meta) -> Field:
        return Field("exists", value=False)

    # ---------------------------------------------------------------- names and values

    def source_name(self, _place: Meta, name: Name) -> Field:
        return Field("name", _source_name(name))

    def asserted_source(self, _place: Meta, name: Name) -> Field:
        return Field("source", _source_name(name))

    def target(self, _place: Meta, name: Name) -> Field:
        return Field("target", _source_name(name))

    def object_name(self, _place: Meta, name: Name) -> Field:
        return Field("name", name.text)

    def variable_name(self, _place: Meta, name: Name) -> Field:
        return Field("name", name.raw)

    def property_name(self, _place: Meta, name: str) -> Field:
        return Field("name", name)

    def text_value(self, _place: Meta, value: str) -> Field:
        return Field("value", value)

    def topic(self, _place: Meta, name: Name | str) -> Field:
        return Field("topic", name.raw if isinstance(name, Name) else name)

    def subject(self, _place: Meta, name: Name | str) -> Field:
        return Field("subject", name.raw if isinstance(name, Name) else name)

    def scope(self, _place: Meta, token: Token) -> Field:
        return Field("scope", token.upper())

    def explained(self, _place: Meta, statement: ast.Statement) -> Field:
        return Field("statement", statement)

    def describe_sources(self, place: Meta, *parts: Field) -> ast.Statement:
        described = Field("describe", value=True)
        return self._statement(ast.ListSources, place, [*parts, described])

    def integer(self, _place: Meta, *parts: Token) -> int:
        return int("".join(parts))

    def columns(self, _place: Meta, *names: Name) -> Field:
        return Field("columns", tuple(name.text for name in names))

    def values(self, _place: Meta, *values: Node) -> Field:
        return Field("values", values)

    # ---------------------------------------------------------------- columns and properties

    def elements(self, _place: Meta, *columns: ast.ColumnDefinition) -> Field:
        return Field("columns", columns)

    additions = elements

    def element(
        self, place: Meta, name: Name, kind: ast.TypeName, constraint: Field | None = None
    ) -> ast.ColumnDefinition:
        if constraint is None:
            return ast.ColumnDefinition(name.text, kind, span=span_at(place))
        header = constraint.value if isinstance(constraint.value, str) else None
        return ast.ColumnDefinition(
            name.text,
            kind,
            ast.ColumnConstraint[constraint.name.upper()],
            header,
            span=span_at(place),
        )

    addition = element

    def arguments(self, _place: Meta, *arguments: ast.FunctionArgument) -> Field:
        return Field("arguments", arguments)

    def argument(self, place: Meta, name: Name, kind: ast.TypeName) -> ast.FunctionArgument:
        return ast.FunctionArgument(name.raw, kind, span=span_at(place))

    def language(self, _place: Meta, name: Name) -> Field:
        return Field("language", name.raw.upper())

    def aliased_type(self, _place: Meta, kind: ast.TypeName) -> Field:
        return Field("type", kind)

    def properties(self, _place: Meta, *pairs: tuple[str, ast.LiteralValue]) -> Field:
        return Field("properties", tuple((name.upper(), value) for name, value in pairs))

    def connector_properties(self, _place: Meta, *pairs: tuple[str, ast.LiteralValue]) -> Field:
        return Field("properties", pairs)

    def property(self, place: Meta, name: Name | str, value: Node) -> tuple[str, ast.LiteralValue]:
        key = name.raw if isinstance(name, Name) else name
        return key, _literal_value(value, span_at(place))

    def negative_number(self, _place: Meta, number: Node) -> Node:
        return exp.Neg(this=number)

    # ---------------------------------------------------------------- queries

    def query(self, place: Meta, *parts: Field | ast.Query) -> ast.Query:
        make: Callable[..., ast.Query] = ast.Query
        fields = dict(part for part in parts if isinstance(part, Field))
        union = tuple(part for part in parts if isinstance(part, ast.Query))
        return make(**fields, union=union, span=span_at(place))

    union_member = query

    def union_distinct(self, _place: Meta, union: Token, *_parts: Field) -> ast.Query:
        raise UnsupportedError(
            "UNION of distinct rows is not supported: every row would have to be kept for ever",
            hint="Use UNION ALL, and QUALIFY ROW_NUMBER() … = 1 for the first row of each key.",
            span=span_at(union),
        )

    def ctes(self, _place: Meta, *ctes: ast.CommonTable) -> Field:
        return Field("ctes", ctes)

    def cte(self, place: Meta, name: Name, query: ast.Query) -> ast.CommonTable:
        return ast.CommonTable(_source_name(name), query, span=span_at(place))

    def subquery(self, _place: Meta, query: ast.Query) -> ast.Query:
        return query

    def items(
        self, _place: Meta, *items: ast.SelectItem | ast.SelectAll | ast.SelectStruct
    ) -> Field:
        return Field("items", items)

    def select_item(
        self, place: Meta, expression: Node, alias: Name | None = None
    ) -> ast.SelectItem:
        return ast.SelectItem(expression, alias and alias.text, span=span_at(place))

    def select_all(self, place: Meta, *parts: Name | Token) -> ast.SelectAll:
        source = parts[0].text if isinstance(parts[0], Name) else None
        return ast.SelectAll(source, span=span_at(place))

    def select_struct(self, place: Meta, struct: Node, _star: Token) -> ast.SelectStruct:
        return ast.SelectStruct(struct, span=span_at(place))

    def source_ref(
        self, place: Meta, source: Name | ast.Query, alias: Name | None = None
    ) -> ast.SourceRef:
        shown = alias and _source_name(alias)
        if isinstance(source, ast.Query):
            return ast.SourceRef("", shown, source, span=span_at(place))
        return ast.SourceRef(_source_name(source), shown, span=span_at(place))

    def joins(self, _place: Meta, *joins: ast.Join) -> Field:
        return Field("joins", joins)

    def join(self, place: Meta, *parts: Field | ast.SourceRef | ast.Within | Node) -> ast.Join:
        fields: dict[type, object] = {type(part): part for part in parts[:-1]}
        kind, source = fields.get(Field), fields[ast.SourceRef]
        within, on = fields.get(ast.Within), parts[-1]
        assert kind is None or isinstance(kind, Field)
        assert isinstance(source, ast.SourceRef)
        assert within is None or isinstance(within, ast.Within)
        assert isinstance(on, Node)
        joined = ast.JoinKind[kind.name.upper()] if kind else ast.JoinKind.INNER
        return ast.Join(joined, source, on, within, span=span_at(place))

    def within(self, _place: Meta, reach: ast.Duration, grace: Field | None = None) -> ast.Within:
        return ast.Within(reach, reach, _duration(grace))

    def within_both(
        self,
        _place: Meta,
        before: ast.Duration,
        after: ast.Duration,
        grace: Field | None = None,
    ) -> ast.Within:
        return ast.Within(before, after, _duration(grace), symmetric=False)

    def window(self, place: Meta, *parts: Name | ast.WindowClause) -> Field:
        clause, name = parts[-1], parts[0]
        assert isinstance(clause, ast.WindowClause)
        label = name.text if isinstance(name, Name) else None
        return Field("window", replace(clause, name=label, span=span_at(place)))

    def tumbling(self, _place: Meta, *parts: Field) -> ast.WindowClause:
        return _window(ast.WindowKind.TUMBLING, parts)

    def hopping(self, _place: Meta, *parts: Field) -> ast.WindowClause:
        return _window(ast.WindowKind.HOPPING, parts)

    def session(self, _place: Meta, *parts: Field) -> ast.WindowClause:
        return _window(ast.WindowKind.SESSION, parts)

    def gap(self, _place: Meta, duration: ast.Duration) -> Field:
        return Field("size", duration)

    def duration(self, _place: Meta, amount: Token, unit: Token) -> ast.Duration:
        return ast.Duration(int(amount), ast.TimeUnit(unit.upper().removesuffix("S")))

    def group_by(self, _place: Meta, *keys: Node) -> Field:
        return Field("group_by", keys)

    def partition_by(self, _place: Meta, *keys: Node) -> Field:
        return Field("partition_by", keys)

    def emit(self, _place: Meta, what: Field) -> Field:
        return Field("emit", ast.Emit[what.name.upper()])


def _window(kind: ast.WindowKind, parts: tuple[Field, ...]) -> ast.WindowClause:
    make: Callable[..., ast.WindowClause] = ast.WindowClause
    return make(kind=kind, **dict(parts))


def _duration(grace: Field | None) -> ast.Duration | None:
    if grace is None:
        return None
    assert isinstance(grace.value, ast.Duration)
    return grace.value


def _literal_value(node: Node, span: Span) -> ast.LiteralValue:
    """Give the value of a literal that stands in a WITH clause."""
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        number = _literal_value(node.this, span)
        assert isinstance(number, int | float)
        return -number
    text = str(node.this)
    if node.is_string:
        return text
    number = int(text) if text.isdecimal() else float(text)
    if math.isinf(number):
        raise SqlSyntaxError(f"the number {text} is too large", span=span)
    return number
