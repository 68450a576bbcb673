"""INSERT INTO source VALUES …: one record, written at once.

Source: parity/statements.md, DML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from merganser.engine.catalog import Source
from merganser.engine.duck import Duck, DuckError, identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.source import event_time_sql
from merganser.engine.expression import Expression, Literal
from merganser.engine.formats.format import FORMATS
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.coercion import assign
from merganser.engine.plan.scope import SourceScope
from merganser.engine.plan.with_clause import format_options
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Role
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.types import BIGINT, SqlType
from merganser.errors import KeyRuleError, RequestError, UnknownNameError, UserError
from merganser.parser import ast


@handles(ast.InsertValues)
def insert_values(statement: ast.InsertValues, session: Session) -> None:
    """Writes one record."""
    source = session.catalog.sources.get(statement.target)
    if source is None:
        raise RequestError(
            f"cannot insert values into {statement.target}: it does not exist", span=statement.span
        )
    check_target(source, session)
    given = _by_column(statement, source)
    bound = {name: _bind(node, name, source, session) for name, node in given.items()}
    _check_keys(source, bound)
    session.doing.append(_encode(source, bound, session))


def check_target(source: Source, session: Session) -> None:
    """Raises UserError if rows cannot be inserted into a source."""
    enabled = session.setting("ksql.insert.into.values.enabled")
    if enabled is not None and str(enabled).lower() == "false":
        raise RequestError("INSERT INTO … VALUES is disabled on this server")
    if source.read_only:
        raise RequestError(f"cannot insert values into read-only {source.kind}: {source.name}")
    if source.window is not None:
        raise UserError(f"cannot insert values into windowed {source.kind} {source.name}")


def _by_column(statement: ast.InsertValues, source: Source) -> dict[str, exp.Expression]:
    """Column name → value; without a column list, in the order of the schema."""
    writable = [c.name for c in source.schema if c.role is not Role.HEADERS]
    names = list(statement.columns) or writable
    if len(names) != len(statement.values):
        raise UserError(
            f"expected a value for each column: {len(names)} columns, "
            f"{len(statement.values)} values",
            span=statement.span,
        )
    for name in names:
        if name == "ROWTIME":
            continue
        if name in PSEUDO_COLUMNS:
            raise UserError(f"inserting into column {name} is not allowed", span=statement.span)
        column = source.schema.find(name)
        if column is None:
            raise UnknownNameError(
                f"column {name} does not exist in {source.name}", span=statement.span
            )
        if column.role is Role.HEADERS:
            raise RequestError(f"cannot insert into header column {name}", span=statement.span)
    if len(names) != len(set(names)):
        raise UserError("a column is named twice", span=statement.span)
    return dict(zip(names, statement.values, strict=True))


def _bind(node: exp.Expression, name: str, source: Source, session: Session) -> Expression:
    if name == "ROWTIME":
        target: SqlType = BIGINT
    else:
        column = source.schema.find(name)
        assert column is not None
        target = column.type
    scope = SourceScope([], custom_types=session.catalog.types)
    return assign(bind_expression(node, scope), target)


def _check_keys(source: Source, bound: Mapping[str, Expression]) -> None:
    if not source.is_table:
        return
    for column in source.schema.key:
        value = bound.get(column.name)
        if value is None or (isinstance(value, Literal) and value.value is None):
            raise KeyRuleError(
                f"failed to insert values into {source.name}: value for primary key column "
                f"{column.name} is required"
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """One half of the record."""

    columns: tuple[Column, ...]
    null: bool


def _encode(source: Source, bound: Mapping[str, Expression], session: Session) -> Output:
    """The record: values computed by DuckDB, then the formats' encoders."""
    assert session.duck is not None
    duck = session.duck.cursor()
    try:
        columns = []
        _check_values(bound, duck)
        for column in source.schema:
            if column.role is Role.HEADERS:
                continue
            value = bound.get(column.name)
            sql = compile_expression(value).sql if value is not None else "NULL"
            columns.append(
                f"CAST({sql} AS {physical_type(column.type)}) AS {identifier(column.name)}"
            )
        time = _time_sql(bound.get("ROWTIME"), session)
        duck.execute(
            f'CREATE TEMP TABLE "$row" AS SELECT {", ".join(columns)}, {time} AS "$rowtime"'
        )
        records = encode_records(duck, source, '"$row"')
    except DuckError as error:
        raise UserError(f"failed to insert values into {source.name}: {error}") from error
    finally:
        duck.close()
    return Output(source.topic, records)


def _check_values(bound: Mapping[str, Expression], duck: Duck) -> None:
    """Raises UserError for a value that cannot be computed or does not fit its column."""
    for name, value in bound.items():
        failed = compile_expression(value).failed
        if failed is not None and duck.rows(f"SELECT {failed}")[0][0]:
            raise UserError(f"cannot insert {value} into column {name}: it does not fit")


def _time_sql(value: Expression | None, session: Session) -> str:
    """The record's time: ROWTIME, or now.

    Raises:
        UserError: ROWTIME is negative.
    """
    if value is None:
        return str(session.clock.now_ms())
    if isinstance(value, Literal) and isinstance(value.value, int) and value.value < 0:
        raise UserError(f"ROWTIME must not be negative, this is {value.value}")
    return f"CAST({compile_expression(value).sql} AS BIGINT)"


def encode_records(duck: Duck, source: Source, relation: str) -> pa.Table:
    """The rows of a relation as records of a source's topic.

    It has the source's columns and `$rowtime`, which is the event time where no column gives one.
    """
    payloads = []
    for spec, columns, is_key in (
        (source.key_format, source.schema.key, True),
        (source.value_format, source.schema.value, False),
    ):
        names = {column.name: identifier(column.name) for column in columns}
        if not names and is_key:
            payloads.append("CAST(NULL AS BLOB)")
            continue
        encoder = FORMATS[spec.name].encoder(columns, format_options(spec), is_key=is_key)
        encoded = encoder.encode(duck, relation, names)
        relation = encoded.source
        sql = encoded.payload
        if len(names) == 1 and not spec.wrapped:
            sql = f"CASE WHEN {next(iter(names.values()))} IS NOT NULL THEN {sql} END"
        payloads.append(sql)
    time = '"$rowtime"'
    if source.timestamp is not None:
        column = source.schema.find(source.timestamp.name)
        assert column is not None
        given = event_time_sql(column, source.timestamp.pattern).replace(
            "{column}", identifier(column.name)
        )
        time = f'coalesce({given}, "$rowtime")'
    table = duck.arrow(
        f'SELECT {payloads[0]} AS "key", {payloads[1]} AS "value", '
        f'CAST({time} AS BIGINT) AS "timestamp" FROM {relation}'
    )
    headers = pa.nulls(table.num_rows, OUTPUT_SCHEMA.field("headers").type)
    return table.append_column("headers", headers).cast(OUTPUT_SCHEMA)
