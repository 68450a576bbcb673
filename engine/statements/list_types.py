"""SHOW TYPES: custom types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.statements.shown_schema import schema_info, shown_type
from merganser.engine.types import SqlType
from merganser.parser import ast


@dataclass(frozen=True, kw_only=True)
class CustomTypes(Answer):
    """Types by name."""

    wire_type: ClassVar[str] = "type_list"
    types: Mapping[str, SqlType]

    def fields(self) -> dict[str, object]:
        return {"types": {name: schema_info(kind) for name, kind in self.types.items()}}

    def tables(self) -> Sequence[Table]:
        rows = tuple((name, shown_type(kind)) for name, kind in sorted(self.types.items()))
        return [Table(("Type Name", "Schema"), rows)]


@handles(ast.ListTypes)
def list_types(statement: ast.ListTypes, session: Session) -> CustomTypes:
    """Answers the custom types of the catalog."""
    return CustomTypes(statement_text=statement.text, types=session.catalog.types)
