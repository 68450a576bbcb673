"""Running statements: what the shell answers itself, what goes to the server, and in what requests.

1. The text is split, variables are put in, and every statement is parsed: a mistake anywhere in it
   means that nothing runs.
2. SET, UNSET, DEFINE, UNDEFINE and SHOW VARIABLES change or show the session.
3. SELECT and PRINT are streams of their own.
4. All other statements go to the server, those in a row as one request.
Source: parity/cli-and-ops.md, 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from merganser.cli.connection import Connection
from merganser.cli.presenter import Presenter
from merganser.cli.session import SUBSTITUTION_PROPERTY, Session, Variables, is_on
from merganser.cli.streams import limited_stream
from merganser.errors import SqlSyntaxError, UserError
from merganser.parser import ast
from merganser.parser.build import parse_part
from merganser.parser.split import split_script
from merganser.parser.variables import substitute
from merganser.server.client import ServerError

_FULL_SQL = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/|\()*(SELECT|WITH|FROM)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _FullSql(ast.Statement):
    """A SELECT that is none of the language: the server may know it as full SQL."""


@dataclass(frozen=True, slots=True)
class _Step:
    statement: ast.Statement
    text: str


class StatementRunner:
    """Runs SQL text for one session on one server.

    Attributes:
        connection: May be changed between runs.
        refusals: How many requests the server has refused so far.
    """

    def __init__(
        self,
        session: Session,
        connection: Connection,
        presenter: Presenter,
        *,
        table_type: str | None = None,
    ) -> None:
        """A runner; with `table_type`, SELECTs are answered in that media type, byte by byte."""
        self._session = session
        self.connection = connection
        self._presenter = presenter
        self.refusals = 0
        self._table_type = table_type

    def run(self, text: str) -> None:
        """Runs the statements of a text in order. What the server refuses is shown, not raised.

        Raises:
            UserError: A statement is malformed, or one about the session cannot be carried out.
            UnreachableError: The server is not there, or the connection broke.
        """
        waiting: list[_Step] = []
        for step in self._steps(text):
            alone = self._handler(step.statement)
            if alone is None:
                waiting.append(step)
                continue
            self._request(waiting)
            waiting = []
            alone(step)
        self._request(waiting)

    def run_as_one(self, text: str) -> None:
        """Sends a whole script as one request: its SET and DEFINE hold in it alone."""
        self._execute(text)

    # ------------------------------------------------------------------ understanding

    def _steps(self, text: str) -> list[_Step]:
        """All statements, before any of them runs."""
        return list(self._parsed(text, self._session.variables.copy()))

    def _parsed(self, text: str, variables: Variables) -> Iterator[_Step]:
        """Follows what the statements will do to the variables, so far as parsing depends on it."""
        substitutes = self._session.substitutes
        for part in split_script(text):
            try:
                statement = parse_part(part, variables if substitutes else None)
            except UserError as error:
                if not (self._session.in_sql and _FULL_SQL.match(part.text)):
                    raise _with_statement(error, part.text) from error
                text = substitute(part.text, variables) if substitutes else part.text
                statement = _FullSql(text=text)
            if isinstance(statement, ast.DefineVariable):
                variables[statement.name] = statement.value
            elif isinstance(statement, ast.UndefineVariable):
                variables.pop(statement.name, None)
            elif isinstance(statement, ast.SetProperty) and statement.name == SUBSTITUTION_PROPERTY:
                substitutes = is_on(statement.value)
            yield _Step(statement, statement.text)

    def _handler(self, statement: ast.Statement) -> Callable[[_Step], None] | None:
        """What runs a statement by itself; None for those that go to the server together."""
        handlers: dict[type[ast.Statement], Callable[[_Step], None]] = {
            ast.QueryStatement: self._select,
            _FullSql: self._select,
            ast.PrintTopic: self._print,
            ast.SetProperty: self._set,
            ast.UnsetProperty: self._unset,
            ast.DefineVariable: self._define,
            ast.UndefineVariable: self._undefine,
            ast.ListVariables: self._list_variables,
            ast.RunScript: self._run_script,
        }
        return handlers.get(type(statement))

    # ------------------------------------------------------------------ the session's own

    def _set(self, step: _Step) -> None:
        assert isinstance(step.statement, ast.SetProperty)
        name, value = step.statement.name, step.statement.value
        try:
            self.connection.client.is_valid_property(name)
        except ServerError as error:
            raise UserError(error.message) from error
        self._presenter.message(self._session.set_property(name, value))

    def _unset(self, step: _Step) -> None:
        assert isinstance(step.statement, ast.UnsetProperty)
        self._presenter.message(self._session.unset_property(step.statement.name))

    def _define(self, step: _Step) -> None:
        assert isinstance(step.statement, ast.DefineVariable)
        self._session.variables[step.statement.name] = step.statement.value

    def _undefine(self, step: _Step) -> None:
        assert isinstance(step.statement, ast.UndefineVariable)
        name = step.statement.name
        if self._session.variables.pop(name, None) is None:
            self._presenter.message(f"Cannot undefine variable '{name}' which was never defined")

    def _list_variables(self, step: _Step) -> None:
        variables = sorted(self._session.variables.items())
        self._presenter.answers(
            [
                {
                    "@type": "variables",
                    "statementText": step.text,
                    "variables": [{"name": name, "value": value} for name, value in variables],
                    "warnings": [],
                }
            ]
        )

    # ------------------------------------------------------------------ the server's

    def _select(self, step: _Step) -> None:
        query = step.statement.query if isinstance(step.statement, ast.QueryStatement) else None
        endless = query is not None and query.emit is not None and query.limit is None
        if self._table_type is not None:
            table = self.connection.client.table(
                step.text, self._table_type, properties=self._session.properties
            )
            with self._refusals_shown(), closing(table) as pieces:
                self._presenter.table(pieces)
            return
        with (
            self._refusals_shown(),
            closing(limited_stream(step.text, self._session, self.connection)) as events,
        ):
            self._presenter.rows(events, endless=endless)

    def _print(self, step: _Step) -> None:
        lines = self.connection.client.print_topic(step.text, properties=self._session.properties)
        with self._refusals_shown(), closing(lines):
            self._presenter.lines(lines)

    def _run_script(self, step: _Step) -> None:
        assert isinstance(step.statement, ast.RunScript)
        self.run_as_one(read_script(step.statement.path))

    def _request(self, steps: Sequence[_Step]) -> None:
        if steps:
            self._execute("\n".join(step.text for step in steps))

    def _execute(self, text: str) -> None:
        session = self._session
        with self._refusals_shown():
            answers = self.connection.client.execute(
                text,
                properties=session.properties,
                after_sequence=None if session.pipelining else session.sequence,
                with_tables=True,
            )
            for answer in answers:
                session.note_sequence(answer.get("commandSequenceNumber"))
            self._presenter.answers(answers)

    @contextmanager
    def _refusals_shown(self) -> Iterator[None]:
        try:
            yield
        except ServerError as error:
            self.refusals += 1
            self._presenter.refusal(error)


def read_script(path: str) -> str:
    """Reads a file of statements.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {path}: it is not UTF-8 text") from error


def _with_statement(error: UserError, source: str) -> UserError:
    """The same error, with the statement under it, as the shell shows it."""
    parts = [error.detail, f"Statement: {source.strip()}"]
    if isinstance(error, SqlSyntaxError):
        place = f"line {error.span.line}:{error.span.column}: " if error.span else ""
        parts.append(f"Caused by: {place}{error.message}")
    return type(error)(
        error.message,
        detail="\n".join(part for part in parts if part),
        hint=error.hint,
        span=error.span,
    )
