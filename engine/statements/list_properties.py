"""SHOW PROPERTIES: what is in force, and where it was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.properties import PROPERTIES, find_property, shown_value
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast

SCOPE = "KSQL"


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """A property in force.

    Attributes:
        origin: `SESSION` if the request set it, `SERVER` if the server's configuration did, or
            empty for the default.
    """

    name: str
    value: str | None
    origin: str
    editable: bool
    per_query: bool


@dataclass(frozen=True, kw_only=True)
class PropertyValues(Answer):
    """Properties by name."""

    wire_type: ClassVar[str] = "properties"
    properties: tuple[PropertyValue, ...]

    def fields(self) -> dict[str, object]:
        return {
            "properties": [
                {
                    "name": entry.name,
                    "scope": SCOPE,
                    "value": entry.value,
                    "editable": entry.editable,
                    "level": "QUERY" if entry.per_query else "SERVER",
                }
                for entry in self.properties
            ],
            "overwrittenProperties": self._names("SESSION"),
            "defaultProperties": self._names(""),
        }

    def tables(self) -> Sequence[Table]:
        rows = tuple(
            (entry.name, SCOPE, entry.origin, "NULL" if entry.value is None else entry.value)
            for entry in self.properties
        )
        return [Table(("Property", "Scope", "Default override", "Effective Value"), rows)]

    def _names(self, origin: str) -> list[str]:
        return [entry.name for entry in self.properties if entry.origin == origin]


@handles(ast.ListProperties)
def list_properties(statement: ast.ListProperties, session: Session) -> PropertyValues:
    """Answers the known properties and whatever else was set."""
    server = _full_names(session.defaults) | {"ksql.service.id": session.service_id}
    request = _full_names(session.properties)
    found: list[PropertyValue] = []
    for name in sorted({*PROPERTIES, *server, *request}):
        about = find_property(name)
        if name in request:
            value, origin = request[name], "SESSION"
        elif name in server:
            value, origin = server[name], "SERVER"
        else:
            value, origin = (about.default if about else None), ""
        found.append(
            PropertyValue(
                name,
                shown_value(name, value),
                origin,
                editable=about is not None and about.editable,
                per_query=about is not None and about.per_query,
            )
        )
    return PropertyValues(statement_text=statement.text, properties=tuple(found))


def _full_names(values: Mapping[str, object]) -> dict[str, object]:
    """Values by full name: clients may leave `ksql.streams.` out."""
    named = ((find_property(name), name, value) for name, value in values.items())
    return {about.name if about else name: value for about, name, value in named}
