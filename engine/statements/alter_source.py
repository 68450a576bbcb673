"""ALTER STREAM, ALTER TABLE: adds value columns at the end."""

from __future__ import annotations

from dataclasses import replace

from merganser.engine.answer import Answer
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Schema
from merganser.engine.statements.current_status import CurrentStatus
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import NameTakenError, UnknownNameError, UserError
from merganser.parser import ast


@handles(ast.AlterSource)
def alter_source(statement: ast.AlterSource, session: Session) -> Answer:
    """Adds columns to a source that CREATE made from a topic."""
    kind = "table" if statement.is_table else "stream"
    source = session.catalog.sources.get(statement.name)
    if source is None:
        raise UnknownNameError(f"Source {statement.name} does not exist.")
    if source.is_table != statement.is_table:
        raise UserError(f"incompatible data source type is {source.kind.upper()}")
    if source.query_id is not None:
        raise UserError(f"ALTER command is not supported for CREATE … AS statements: {source.name}")
    if source.read_only:
        raise UserError(f"cannot alter read-only {source.kind}: {source.name}")
    columns = list(source.schema.columns)
    for definition in statement.columns:
        taken = {column.name for column in columns} | set(PSEUDO_COLUMNS)
        if definition.name in taken:
            raise NameTakenError(
                f"cannot add column `{definition.name}` to schema: a column with the same name "
                "already exists",
                span=definition.span,
            )
        columns.append(
            Column(definition.name, resolve_type(definition.type, session.catalog.types))
        )
    changed = replace(source, schema=Schema(tuple(columns)))
    session.catalog = session.catalog.with_source(changed, replace_existing=True)
    return CurrentStatus(
        command_id=f"{kind}/{statement.name}/alter",
        message=f"{kind.capitalize()} `{source.name}` altered.",
        sequence=session.sequence,
    )
