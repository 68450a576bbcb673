"""What callers may do, by their roles: read, write and admin, each with all of the one before.

- `read`: SELECT, PRINT, SHOW, DESCRIBE, EXPLAIN, ASSERT, and what the server tells about itself.
- `write`: also statements that change something, and inserting rows.
- `admin`: also what reaches beyond the streams: settings of the server, code in functions,
  connectors, ending the server's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from starlette.requests import HTTPConnection

from merganser.errors import ForbiddenError
from merganser.parser import ast


class Level(IntEnum):
    """How much somebody may do."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


LEVELS = {"read": Level.READ, "write": Level.WRITE, "admin": Level.ADMIN}
"""Role → level."""

_READS = (
    ast.QueryStatement,
    ast.PrintTopic,
    ast.SetProperty,
    ast.UnsetProperty,
    ast.DefineVariable,
    ast.UndefineVariable,
    ast.ListProperties,
    ast.ListTopics,
    ast.ListSources,
    ast.ListQueries,
    ast.ListFunctions,
    ast.ListTypes,
    ast.ListVariables,
    ast.ListConnectors,
    ast.ListConnectorPlugins,
    ast.DescribeSource,
    ast.DescribeFunction,
    ast.DescribeConnector,
    ast.Explain,
    ast.AssertTopic,
    ast.AssertSchema,
    ast.AssertValues,
    ast.AssertNullValues,
    ast.AssertSource,
)
_ADMINISTERS = (
    ast.AlterSystem,
    ast.CreateFunction,
    ast.DropFunction,
    ast.CreateConnector,
    ast.DropConnector,
)

_ROUTES = {
    "/ksql": Level.READ,  # Each statement is judged by itself.
    "/query": Level.READ,
    "/query-stream": Level.READ,
    "/sql": Level.READ,
    "/close-query": Level.READ,
    "/ws/query": Level.READ,
    "/inserts-stream": Level.WRITE,
}


def statement_level(statement: ast.Statement) -> Level:
    """What a statement needs. One that nobody has thought of needs more than reading."""
    if isinstance(statement, _READS):
        return Level.READ
    return Level.ADMIN if isinstance(statement, _ADMINISTERS) else Level.WRITE


def route_level(method: str, path: str) -> Level:
    """What a route needs. Asking is reading; a change that nobody has thought of is the admin's."""
    known = _ROUTES.get(path)
    if known is not None:
        return known
    return Level.READ if method in ("GET", "HEAD", "OPTIONS") else Level.ADMIN


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        name: Of the user or the token.
    """

    name: str
    level: Level

    @classmethod
    def of(cls, name: str, roles: frozenset[str]) -> Principal:
        """Somebody with roles; those that mean nothing here count for nothing."""
        return cls(name, max((LEVELS[r] for r in roles if r in LEVELS), default=Level.NOTHING))

    def check(self, statement: ast.Statement) -> None:
        """Raises ForbiddenError for a statement that needs more."""
        needed = statement_level(statement)
        if self.level < needed:
            raise ForbiddenError(
                f"this statement needs the role {needed.name.lower()}",
                detail=f"{self.name} has no more than {self.level.name.lower()}.",
            )


def principal_of(connection: HTTPConnection) -> Principal | None:
    """Who asks; None where nobody is asked who they are."""
    found = connection.scope.get("state", {}).get("principal")
    assert found is None or isinstance(found, Principal)
    return found
