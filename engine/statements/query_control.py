"""TERMINATE, PAUSE, RESUME."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.current_status import CurrentStatus
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import UnknownNameError, UserError
from merganser.parser import ast


@dataclass(frozen=True, kw_only=True)
class PushQueryTerminated(Answer):
    """TERMINATE of a push query."""

    wire_type: ClassVar[str] = "terminate_query"

    query_id: str
    was_terminated: bool

    def fields(self) -> dict[str, object]:
        return {"queryId": self.query_id, "wasTerminated": self.was_terminated}

    def tables(self) -> Sequence[Table]:
        return (Table(("Message",), ((f'Terminated query "{self.query_id}"',),)),)


@handles(ast.TerminateQuery)
def terminate_query(statement: ast.TerminateQuery, session: Session) -> Answer:
    """Ends queries for good. Their sinks stay."""
    push = {query.query_id for query in session.queries.running() if query.kind == "PUSH"}
    if statement.query_id is not None:
        transient = next((q for q in push if q.upper() == statement.query_id.upper()), None)
        if transient is not None:
            ended = session.doing.close_push_query(transient)
            return PushQueryTerminated(query_id=transient.upper(), was_terminated=ended)
    for query_id in _ids(statement.query_id, session):
        if query_id.startswith("CST_"):
            if statement.query_id is None:
                continue
            raise UserError(
                f"cannot terminate query '{query_id}' as it is linked to a source table"
            )
        session.doing.stop_query(query_id)
        session.catalog = session.catalog.without_query(query_id)
    return _done("terminate", "Query terminated.", statement.query_id, session)


@handles(ast.PauseQuery)
def pause_query(statement: ast.PauseQuery, session: Session) -> Answer:
    """Stops reading; state and positions stay."""
    for query_id in _ids(statement.query_id, session):
        session.doing.pause_query(query_id, paused=True)
    return _done("pause", "Query paused.", statement.query_id, session)


@handles(ast.ResumeQuery)
def resume_query(statement: ast.ResumeQuery, session: Session) -> Answer:
    """Goes on where a paused query stopped."""
    for query_id in _ids(statement.query_id, session):
        session.doing.pause_query(query_id, paused=False)
    return _done("resume", "Query resumed.", statement.query_id, session)


def _ids(query_id: str | None, session: Session) -> list[str]:
    known = list(session.catalog.queries)
    if query_id is None:
        return known
    found = [name for name in known if name.upper() == query_id.upper()]
    if not found:
        raise UnknownNameError(f"unknown queryId: {query_id}")
    return found


def _done(action: str, message: str, query_id: str | None, session: Session) -> CurrentStatus:
    return CurrentStatus(
        command_id=f"{action}/{query_id.upper() if query_id else 'ALL'}/execute",
        message=message,
        sequence=session.sequence,
    )
