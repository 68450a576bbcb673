"""ASSERT SCHEMA: waits until a schema is registered (or gone), or fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.engine.statements.assertions import wait_until_true
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import AssertionFailedError
from merganser.parser import ast

TIMEOUT_PROPERTY = "ksql.assert.schema.default.timeout.ms"
TIMEOUT_MS = 1000


@dataclass(frozen=True, kw_only=True)
class SchemaAssertion(Answer):
    """An assertion that holds."""

    wire_type: ClassVar[str] = "assert_schema"
    subject: str | None
    schema_id: int | None
    exists: bool

    def fields(self) -> dict[str, object]:
        return {"subject": self.subject, "id": self.schema_id, "exists": self.exists}

    def tables(self) -> Sequence[Table]:
        verb = "exists" if self.exists else "does not exist"
        return [Table((), (), title=f"{_named(self.subject, self.schema_id)} {verb}.")]


@handles(ast.AssertSchema)
def assert_schema(statement: ast.AssertSchema, session: Session) -> SchemaAssertion:
    """Answers as soon as the assertion holds.

    Raises:
        AssertionFailedError: It did not within the timeout, or there is no registry.
    """
    if session.schemas is None:
        raise AssertionFailedError("there is no schema registry to look at", span=statement.span)
    if statement.timeout is not None:
        wait_ms = statement.timeout.ms
    else:
        wait_ms = int(session.defaults.get(TIMEOUT_PROPERTY, TIMEOUT_MS))
    schemas = session.schemas
    wait_until_true(lambda: _finding(statement, schemas), wait_ms, statement.span)
    return SchemaAssertion(
        statement_text=statement.text,
        subject=statement.subject,
        schema_id=statement.schema_id,
        exists=statement.exists,
    )


def _finding(statement: ast.AssertSchema, schemas: SchemaRegistry) -> str | None:
    """What speaks against the assertion."""
    if _is_there(statement, schemas) == statement.exists:
        return None
    verb = "does not exist" if statement.exists else "exists"
    return f"{_named(statement.subject, statement.schema_id).lower()} {verb}"


def _is_there(statement: ast.AssertSchema, schemas: SchemaRegistry) -> bool:
    latest = schemas.latest(statement.subject) if statement.subject is not None else None
    if statement.schema_id is None:
        return latest is not None
    if statement.subject is None:
        return schemas.by_id(statement.schema_id) is not None
    return latest is not None and latest.schema_id == statement.schema_id


def _named(subject: str | None, schema_id: int | None) -> str:
    parts = [f'subject "{subject}"' if subject is not None else ""]
    parts.append(f"id {schema_id}" if schema_id is not None else "")
    return "Schema with " + " and ".join(part for part in parts if part)
