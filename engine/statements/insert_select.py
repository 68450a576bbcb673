"""INSERT INTO stream SELECT."""

from __future__ import annotations

from merganser.engine.answer import Answer
from merganser.engine.catalog import QueryEntry
from merganser.engine.plan.sink import plan_insert
from merganser.engine.statements.current_status import CurrentStatus, create_id
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.statements.queries import spec_of
from merganser.errors import NameTakenError, PropertyError
from merganser.parser import ast


@handles(ast.InsertSelect)
def insert_select(statement: ast.InsertSelect, session: Session) -> Answer:
    """Starts a query that writes into an existing stream."""
    planned = plan_insert(statement, session.catalog, session.in_force)
    query_id = _query_id(statement, session)
    sink = planned.plan.sink
    names = tuple(source.name for source in planned.sources)
    entry = QueryEntry(query_id, statement.text, names, sink.name, is_table=False)
    session.catalog = session.catalog.with_query(entry)
    session.doing.start_query(
        spec_of(session, query_id, statement.text, planned.plan, planned.sources, sink)
    )
    return CurrentStatus(
        command_id=create_id("stream", sink.name),
        message=f"Created query with ID {query_id}",
        query_id=query_id,
        sequence=session.sequence,
    )


def _query_id(statement: ast.InsertSelect, session: Session) -> str:
    for name, value in statement.properties:
        if name.upper() != "QUERY_ID":
            raise PropertyError(f"INSERT INTO … WITH knows only QUERY_ID, not {name}")
        query_id = str(value).upper()
        if query_id in session.catalog.queries:
            raise NameTakenError(f"query ID '{query_id}' already exists")
        return query_id
    return f"INSERTQUERY_{session.sequence}"
