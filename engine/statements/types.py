"""CREATE TYPE, DROP TYPE."""

from __future__ import annotations

from merganser.engine.answer import Answer
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.statements.current_status import CurrentStatus
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import NameTakenError, UnknownNameError
from merganser.parser import ast


@handles(ast.CreateType)
def create_type(statement: ast.CreateType, session: Session) -> Answer:
    """Adds a custom type; sources that use it later keep what it means now."""
    if statement.name in session.catalog.types:
        known = f"{session.catalog.types[statement.name]}"
        if statement.if_not_exists:
            return CurrentStatus(
                command_id=f"type/{statement.name}/create",
                message=f"{statement.name} is already registered as {known}",
                sequence=session.sequence,
            )
        raise NameTakenError(
            f"cannot register custom type {statement.name}: it is already registered as {known}",
            span=statement.span,
        )
    sql_type = resolve_type(statement.type, session.catalog.types)
    session.catalog = session.catalog.with_type(statement.name, sql_type)
    return CurrentStatus(
        command_id=f"type/{statement.name}/create",
        message=f"Registered custom type with name '{statement.name}' and SQL type {sql_type}",
        sequence=session.sequence,
    )


@handles(ast.DropType)
def drop_type(statement: ast.DropType, session: Session) -> Answer:
    """Removes a custom type."""
    if statement.name not in session.catalog.types:
        if statement.if_exists:
            return CurrentStatus(
                command_id=f"type/{statement.name}/drop",
                message=f"Type '{statement.name}' does not exist",
                sequence=session.sequence,
            )
        raise UnknownNameError(f"Type {statement.name} does not exist.")
    session.catalog = session.catalog.without_type(statement.name)
    return CurrentStatus(
        command_id=f"type/{statement.name}/drop",
        message=f"Dropped type '{statement.name}'",
        sequence=session.sequence,
    )
