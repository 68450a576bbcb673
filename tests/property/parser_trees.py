"""Syntax trees made up by hypothesis: all that the parser can give, and nothing else."""

from __future__ import annotations

import string
from dataclasses import fields, replace
from typing import Final

from hypothesis import strategies as st
from sqlglot import exp

from merganser.parser import ast
from merganser.parser.expressions import (
    CastTo,
    Dereference,
    IntervalUnit,
    JsonPath,
    MapConstructor,
    Ordering,
    StructConstructor,
    WindowCall,
)
from merganser.parser.words import KEYWORDS, NON_RESERVED

Node = exp.Expression
Expressions = st.SearchStrategy[Node]

_TYPE_NAMES: Final = ["BOOLEAN", "INT", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "ADDRESS"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["it's", "--", "/*", ";", "${x", "a\nb", "''"]
)
words = st.sampled_from(sorted(KEYWORDS)) | st.text(string.ascii_uppercase + "_@09", min_size=1)
names = words | texts.filter(bool) | st.sampled_from(["a", "A", "1R", "1E3", "12", "`", '"'])
source_names = words.filter(lambda name: "@" not in name) | st.text(
    string.ascii_letters + string.digits + "_-", min_size=1, max_size=5
)
plain_names = st.sampled_from(["A", "ID", "X_1", "A@B", *sorted(NON_RESERVED)])


def some(strategy: st.SearchStrategy[Node], least: int = 0) -> st.SearchStrategy[list[Node]]:
    """Make a few of them."""
    return st.lists(strategy, min_size=least, max_size=3)


# ------------------------------------------------------------------ types

_leaf_types = (
    st.builds(ast.TypeName, st.sampled_from(_TYPE_NAMES) | plain_names)
    | st.builds(ast.TypeName, names, quoted=st.just(value=True))
    | st.builds(
        ast.TypeName,
        st.just("DECIMAL"),
        numbers=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    )
)


def _wider_types(inner: st.SearchStrategy[ast.TypeName]) -> st.SearchStrategy[ast.TypeName]:
    members = st.lists(st.tuples(names, inner), max_size=3).map(tuple)
    return (
        st.builds(ast.TypeName, st.just("ARRAY"), arguments=st.tuples(inner))
        | st.builds(ast.TypeName, st.just("MAP"), arguments=st.tuples(inner, inner))
        | st.builds(ast.TypeName, st.just("STRUCT"), fields=members)
    )


types = st.recursive(_leaf_types.filter(lambda kind: kind.name != "STRUCT"), _wider_types)


# ------------------------------------------------------------------ expressions


def _identifier(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def _column(name: str, table: str | None) -> Node:
    return exp.Column(this=_identifier(name), table=_identifier(table) if table else None)


_number_texts = st.from_regex(
    r"\d{1,20}|\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d{1,3}", fullmatch=True
)
columns = st.builds(_column, names, st.none() | names)
_literals: Expressions = (
    texts.map(exp.Literal.string)
    | _number_texts.filter(str.isascii).map(lambda text: exp.Literal(this=text, is_string=False))
    | st.booleans().map(lambda value: exp.Boolean(this=value))
    | st.builds(exp.Null)
)
_units = st.sampled_from(["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECOND", "MILLISECONDS"])

_BINARY: Final = [
    exp.Or,
    exp.And,
    exp.DPipe,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Mod,
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
]


def _call(name: str, arguments: list[Node]) -> Node:
    return exp.Anonymous(this=name.upper(), expressions=arguments)


def _like(operand: Node, pattern: Node, escape: str | None) -> Node:
    like = exp.Like(this=operand, expression=pattern)
    if escape is None:
        return like
    return exp.Escape(this=like, expression=exp.Literal.string(escape))


def _map(pairs: list[tuple[Node, Node]]) -> Node:
    return MapConstructor(keys=[key for key, _ in pairs], values=[value for _, value in pairs])


def _struct(members: list[tuple[str, Node]]) -> Node:
    names_of, values = [name for name, _ in members], [value for _, value in members]
    return StructConstructor(names=names_of, expressions=values)


def _case(operand: Node | None, arms: list[tuple[Node, Node]], default: Node | None) -> Node:
    ifs = [exp.If(this=condition, true=result) for condition, result in arms]
    return exp.Case(this=operand, ifs=ifs, default=default)


def _wider(inner: Expressions) -> Expressions:
    parameters = st.lists(names, min_size=1, max_size=3)
    lambdas = st.builds(
        lambda names, body: exp.Lambda(this=body, expressions=[_identifier(n) for n in names]),
        parameters,
        inner,
    )
    plain = inner | _units.map(lambda unit: IntervalUnit(this=unit))
    arguments = st.builds(lambda a, b: [*a, *b], some(plain, 1), some(lambdas)) | st.builds(
        lambda star: [exp.Star()] if star else [], st.booleans()
    )
    pairs = st.lists(st.tuples(inner, inner), max_size=2)
    orderings = st.builds(lambda a, b: Ordering(this=a, descending=b), inner, st.booleans())
    arms = st.lists(st.tuples(inner, inner), min_size=1, max_size=2)
    kinds: list[Expressions] = [
        st.builds(
            lambda kind, left, right: kind(this=left, expression=right),
            st.sampled_from(_BINARY),
            inner,
            inner,
        ),
        inner.map(lambda node: exp.Not(this=node)),
        inner.map(lambda node: exp.Neg(this=node)),
        inner.map(lambda node: exp.Is(this=node, expression=exp.Null())),
        st.builds(lambda a, b, c: exp.Between(this=a, low=b, high=c), inner, inner, inner),
        st.builds(lambda a, b: exp.In(this=a, expressions=b), inner, some(inner, 1)),
        st.builds(_like, inner, inner, st.none() | texts),
        st.builds(_call, names, arguments),
        st.builds(
            lambda call, keys, order: WindowCall(
                this=call,
                **({"partition": keys} if keys else {}),
                **({"order": order} if order else {}),
            ),
            st.builds(_call, names, some(inner)),
            some(inner),
            st.lists(orderings, max_size=2),
        ),
        st.builds(_case, st.none() | inner, arms, st.none() | inner),
        st.builds(lambda a, b: CastTo(this=a, to=b), inner, types),
        st.builds(lambda a, b: exp.Bracket(this=a, expressions=[b]), inner, inner),
        st.builds(lambda a, b: Dereference(this=a, field=b), inner, names),
        st.builds(
            lambda a, step, as_text: JsonPath(this=a, step=step, as_text=as_text),
            inner,
            texts | st.integers(0, 10**9),
            st.booleans(),
        ),
        st.builds(lambda a, b: exp.AtTimeZone(this=a, zone=exp.Literal.string(b)), inner, texts),
        some(inner).map(lambda items: exp.Array(expressions=items)),
        st.builds(_map, pairs),
        st.builds(_struct, st.lists(st.tuples(names, inner), max_size=2)),
    ]
    return st.one_of(kinds)


expressions: Expressions = st.recursive(_literals | columns, _wider, max_leaves=8)


# ------------------------------------------------------------------ queries

durations = st.builds(ast.Duration, st.integers(0, 10**12), st.sampled_from(ast.TimeUnit))
_duration = st.none() | durations
_windows = st.one_of(
    [
        st.builds(
            ast.WindowClause,
            st.just(kind),
            durations,
            advance=durations if kind is ast.WindowKind.HOPPING else st.none(),
            retention=_duration,
            grace=_duration,
            name=st.none() | names,
        )
        for kind in ast.WindowKind
    ]
)
_items = (
    st.builds(ast.SelectItem, expressions, st.none() | names)
    | st.builds(ast.SelectAll, st.none() | names)
    | st.builds(ast.SelectStruct, expressions)
)
_tables = st.builds(ast.SourceRef, source_names, st.none() | source_names)
_withins = st.builds(
    lambda reach, grace: ast.Within(reach, reach, grace), durations, _duration
) | st.builds(ast.Within, durations, durations, _duration, st.just(value=False))
_keys = st.none() | st.lists(expressions, max_size=3).map(tuple)


@st.composite
def _selects(draw: st.DrawFn, sources: st.SearchStrategy[ast.SourceRef]) -> ast.Query:
    """Make a SELECT without what stands around it."""
    joins = st.builds(
        ast.Join, st.sampled_from(ast.JoinKind), sources, expressions, st.none() | _withins
    )
    return ast.Query(
        draw(st.lists(_items, min_size=1, max_size=3).map(tuple)),
        draw(sources),
        joins=draw(st.lists(joins, max_size=2).map(tuple)),
        window=draw(st.none() | _windows),
        where=draw(st.none() | expressions),
        group_by=draw(_keys),
        partition_by=draw(_keys),
        having=draw(st.none() | expressions),
        qualify=draw(st.none() | expressions),
    )


@st.composite
def _queries(draw: st.DrawFn, depth: int) -> ast.Query:
    """Make a query with queries inside it, down to a depth."""
    sources: st.SearchStrategy[ast.SourceRef] = _tables
    ctes: tuple[ast.CommonTable, ...] = ()
    union: tuple[ast.Query, ...] = ()
    if depth and draw(st.booleans()):
        inner = _queries(depth - 1)
        sources |= st.builds(ast.SourceRef, st.just(""), st.none() | source_names, inner)
        ctes = tuple(draw(st.lists(st.builds(ast.CommonTable, source_names, inner), max_size=2)))
        union = tuple(draw(st.lists(_selects(sources), max_size=2)))
    return replace(
        draw(_selects(sources)),
        emit=draw(st.none() | st.sampled_from(ast.Emit)),
        limit=draw(st.none() | st.integers(-5, 10**20)),
        ctes=ctes,
        union=union,
    )


queries = _queries(1)

# ------------------------------------------------------------------ statements

_flag = st.booleans()
_value = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
_properties = st.lists(st.tuples(names.map(str.upper), _value), max_size=3).map(tuple)
_connector_properties = st.lists(st.tuples(texts, _value), min_size=1, max_size=3).map(tuple)
_columns = st.builds(
    ast.ColumnDefinition,
    names,
    types,
    st.sampled_from([kind for kind in ast.ColumnConstraint if kind.name != "HEADER"]),
) | st.builds(
    ast.ColumnDefinition, names, types, st.just(ast.ColumnConstraint.HEADER), header=texts
)
_elements = st.none() | st.lists(_columns, min_size=1, max_size=3).map(tuple)
_additions = st.lists(st.builds(ast.ColumnDefinition, names, types), min_size=1, max_size=3)
_names = st.lists(names, max_size=3).map(tuple)
_values = st.lists(expressions, max_size=3).map(tuple)
_query_id = st.none() | names
_variable = st.from_regex(r"[A-Za-z_][A-Za-z0-9_@]*", fullmatch=True).filter(str.isascii)

_PARTS: Final[dict[str, st.SearchStrategy[object]]] = {
    "all": _flag,
    "delete_topic": _flag,
    "describe": _flag,
    "exists": _flag,
    "extended": _flag,
    "from_beginning": _flag,
    "if_exists": _flag,
    "if_not_exists": _flag,
    "interval": st.none() | st.integers(-5, 10**9),
    "is_source": _flag,
    "is_table": _flag,
    "limit": st.none() | st.integers(-5, 10**9),
    "name": source_names,
    "or_replace": _flag,
    "path": texts,
    "properties": _properties,
    "query": queries,
    "query_id": _query_id,
    "read_only": _flag,
    "schema_id": st.none() | st.integers(-5, 10**9),
    "scope": st.sampled_from([None, "SOURCE", "SINK"]),
    "source": source_names,
    "subject": st.none() | texts,
    "target": source_names,
    "timeout": _duration,
    "topic": texts,
    "type": types,
    "value": texts,
    "values": _values,
}

# Where a part of that name is something else.
_OTHER_PARTS: Final[dict[type[ast.Statement], dict[str, st.SearchStrategy[object]]]] = {
    ast.AlterSource: {"columns": _additions.map(tuple)},
    ast.AlterSystem: {"name": texts},
    ast.AssertNullValues: {"columns": _names},
    ast.AssertSource: {"columns": _elements},
    ast.AssertValues: {"columns": _names},
    ast.CreateConnector: {"name": names, "properties": _connector_properties},
    ast.CreateSource: {"columns": _elements},
    ast.CreateFunction: {
        "name": names,
        "arguments": st.lists(st.builds(ast.FunctionArgument, names, types), max_size=3).map(tuple),
        "returns": types,
        "language": names.map(str.upper),
        "body": texts,
    },
    ast.CreateType: {"name": names},
    ast.DefineVariable: {"name": _variable},
    ast.DescribeConnector: {"name": names},
    ast.DescribeFunction: {"name": names},
    ast.DropConnector: {"name": names},
    ast.DropFunction: {"name": names},
    ast.DropType: {"name": names},
    ast.InsertValues: {"columns": _names},
    ast.SetProperty: {"name": texts},
    ast.UndefineVariable: {"name": _variable},
    ast.UnsetProperty: {"name": texts},
}


def _statements_of(kind: type[ast.Statement]) -> st.SearchStrategy[ast.Statement]:
    if kind is ast.Explain:
        return names.map(lambda query_id: ast.Explain(query_id=query_id))
    others = _OTHER_PARTS.get(kind, {})
    parts = [field.name for field in fields(kind) if field.compare]
    return st.builds(kind, **{name: (_PARTS | others)[name] for name in parts})


_unexplained = st.one_of([_statements_of(kind) for kind in ast.STATEMENTS.values()])
statements: st.SearchStrategy[ast.Statement] = _unexplained | _unexplained.map(
    lambda statement: ast.Explain(statement=statement)
)
