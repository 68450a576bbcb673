"""SHOW VARIABLES: the variables of the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast


@dataclass(frozen=True, kw_only=True)
class Variables(Answer):
    """Names and values, by name."""

    wire_type: ClassVar[str] = "variables"
    variables: tuple[tuple[str, str], ...]

    def fields(self) -> dict[str, object]:
        return {"variables": [{"name": name, "value": value} for name, value in self.variables]}

    def tables(self) -> Sequence[Table]:
        return [Table(("Variable Name", "Value"), self.variables)]


@handles(ast.ListVariables)
def list_variables(statement: ast.ListVariables, session: Session) -> Variables:
    """Answers what DEFINE and the request itself have set."""
    found = tuple(sorted(session.variables.items()))
    return Variables(statement_text=statement.text, variables=found)
