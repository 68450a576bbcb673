"""A file of statements, made ready to be run again and again.

A pipeline is started many times from the same file: after a reboot, after a new release. What the
server has from last time is left as it is: sources by name, INSERT INTO … SELECT by a query id that
follows from its place in the file. INSERT INTO … VALUES runs with the first start only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from merganser.errors import UnsupportedError
from merganser.parser import ast
from merganser.parser.build import parse_part
from merganser.parser.split import split_script
from merganser.server.client import Client

QUERY_ID = "QUERY_ID"


@dataclass(frozen=True, slots=True)
class Existing:
    """What a server has: names of sources and ids of queries."""

    sources: frozenset[str]
    queries: frozenset[str]

    @classmethod
    def of(cls, client: Client) -> Existing:
        """Asks a server."""
        sources: set[str] = set()
        queries: set[str] = set()
        for entity in client.execute("SHOW STREAMS; SHOW TABLES; SHOW QUERIES;"):
            for kind in ("streams", "tables"):
                sources.update(str(source["name"]) for source in entity.get(kind, []))
            queries.update(str(query["id"]) for query in entity.get("queries", []))
        return cls(frozenset(sources), frozenset(queries))


@dataclass(frozen=True, slots=True)
class Script:
    """A file, understood.

    Attributes:
        statements: All but the final SELECT.
        final: The SELECT … EMIT CHANGES that the file ends with, to be shown live.
        properties: What the file has SET by then.
    """

    statements: tuple[ast.Statement, ...]
    final: ast.QueryStatement | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    def still_to_run(self, existing: Existing) -> tuple[list[ast.Statement], list[str]]:
        """Returns the statements that the server has not got yet, and names for those it has."""
        resumed = any(_name(statement) in existing.sources for statement in self.statements)
        wanted: list[ast.Statement] = []
        known: list[str] = []
        for statement in self.statements:
            match statement:
                case ast.CreateSource(or_replace=False) | ast.CreateAsSelect(or_replace=False):
                    there = statement.name in existing.sources
                case ast.InsertSelect():
                    there = _query_id(statement) in existing.queries
                case ast.InsertValues():
                    there = resumed
                case _:
                    there = False
            if there:
                known.append(_title(statement))
            else:
                wanted.append(statement)
        return wanted, known


def read(text: str, variables: dict[str, str]) -> Script:
    """Parses a file's text.

    Raises:
        SqlSyntaxError: A statement is malformed; the position is that in the file.
        UnsupportedError: A SELECT or PRINT stands elsewhere than at the end.
    """
    statements: list[ast.Statement] = []
    numbers: Counter[str] = Counter()
    for part in split_script(text):
        statement = parse_part(part, variables)
        if isinstance(statement, ast.DefineVariable):
            variables[statement.name] = statement.value
            continue
        if isinstance(statement, ast.InsertSelect):
            numbers[statement.target] += 1
            statement = _identified(statement, numbers[statement.target])
        statements.append(statement)
    last = statements[-1] if statements else None
    final = last if isinstance(last, ast.QueryStatement) else None
    before = statements if final is None else statements[:-1]
    for statement in before:
        if isinstance(statement, ast.QueryStatement | ast.PrintTopic):
            raise UnsupportedError(
                f"{_title(statement)} can only stand at the end of the file",
                hint="Everything before it should create streams, tables and queries.",
            )
    return Script(tuple(before), final, _properties(before))


def _properties(statements: Sequence[ast.Statement]) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement in statements:
        if isinstance(statement, ast.SetProperty):
            found[statement.name] = statement.value
        elif isinstance(statement, ast.UnsetProperty):
            found.pop(statement.name, None)
    return found


def request_text(statements: Sequence[ast.Statement]) -> str:
    """Spells statements as one request."""
    return "\n".join(_text(statement) for statement in statements)


def _text(statement: ast.Statement) -> str:
    """The text as it stands in the file, but for what was added to it."""
    return f"{statement.sql()};" if isinstance(statement, ast.InsertSelect) else statement.text


def _identified(statement: ast.InsertSelect, number: int) -> ast.InsertSelect:
    """The statement with a query id that is the same at every start."""
    if _query_id(statement):
        return statement
    query_id = f"INSERT_{statement.target.upper()}_{number}"
    return replace(statement, properties=(*statement.properties, (QUERY_ID, query_id)))


def _query_id(statement: ast.InsertSelect) -> str:
    return str(dict(statement.properties).get(QUERY_ID, "")).upper()


def _name(statement: ast.Statement) -> str | None:
    match statement:
        case ast.CreateSource(name=name) | ast.CreateAsSelect(name=name):
            return name
        case _:
            return None


def _title(statement: ast.Statement) -> str:
    """The first words of a statement, to tell it by."""
    words = " ".join(statement.text.split())
    return words if len(words) <= 60 else words[:57] + "..."
