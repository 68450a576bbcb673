"""ASSERT SCHEMA: waits until a schema is registered (or gone), or fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import AssertionFailedError
from merganser.parser import ast

TIMEOUT_PROPERTY = "ksql.assert.schema.default.timeout.ms"
TIMEOUT_MS = 1000
RETRY_MS = 50


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
    pause = threading.Event()
    for left_ms in range(wait_ms, -RETRY_MS, -RETRY_MS):
        if _is_there(statement, session.schemas) == statement.exists:
            return SchemaAssertion(
                statement_text=statement.text,
                subject=statement.subject,
                schema_id=statement.schema_id,
                exists=statement.exists,
            )
        if left_ms > 0:
            pause.wait(min(RETRY_MS, left_ms) / 1000)
    verb = "does not exist" if statement.exists else "exists"
    raise AssertionFailedError(
        f"{_named(statement.subject, statement.schema_id).lower()} {verb}", span=statement.span
    )


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
