"""CREATE STREAM AS SELECT, CREATE TABLE AS SELECT."""

from __future__ import annotations

from dataclasses import replace

from merganser.engine.answer import Answer
from merganser.engine.catalog import QueryEntry, Source
from merganser.engine.plan.sink import PlannedSink, plan_create_as
from merganser.engine.plan.upgrade import check_source_upgrade
from merganser.engine.statements.bind_schemas import bind_sink
from merganser.engine.statements.current_status import CurrentStatus, WarningEntity, create_id
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.statements.queries import make_sink_topic, spec_of
from merganser.errors import NameTakenError, UserError
from merganser.parser import ast


@handles(ast.CreateAsSelect)
def create_as_select(statement: ast.CreateAsSelect, session: Session) -> Answer:
    """Adds the sink and starts the query that fills it."""
    kind = "table" if statement.is_table else "stream"
    existing = session.catalog.sources.get(statement.name)
    if existing is not None and statement.if_not_exists:
        return WarningEntity(
            message=f"Cannot add {kind} `{statement.name}`: A {existing.kind} with the same name "
            "already exists."
        )
    if existing is not None and not statement.or_replace:
        raise NameTakenError(
            f"cannot add {kind} '{statement.name}': a {existing.kind} with the same name "
            "already exists",
            span=statement.span,
        )
    prefix = "CTAS" if statement.is_table else "CSAS"
    query_id = f"{prefix}_{statement.name.upper()}_{session.sequence}"
    if existing is not None:
        return _replace(statement, existing, session)
    planned = _planned(statement, query_id, session)
    make_sink_topic(planned, session)
    _add(planned, query_id, statement, session)
    return _answer(kind, statement.name, query_id, session)


def _planned(statement: ast.CreateAsSelect, query_id: str, session: Session) -> PlannedSink:
    """The planned query; its sink's schemas are registered."""
    planned = plan_create_as(statement, session.catalog, session.in_force, query_id)
    sink = bind_sink(planned.plan.sink, session)
    return replace(planned, plan=replace(planned.plan, sink=sink))


def _add(
    planned: PlannedSink, query_id: str, statement: ast.CreateAsSelect, session: Session
) -> None:
    sink = planned.plan.sink
    names = tuple(source.name for source in planned.sources)
    entry = QueryEntry(query_id, statement.text, names, sink.name, planned.plan.is_table)
    session.catalog = session.catalog.with_source(sink, replace_existing=True).with_query(entry)
    session.doing.start_query(
        spec_of(session, query_id, statement.text, planned.plan, planned.sources, sink)
    )


def _replace(statement: ast.CreateAsSelect, existing: Source, session: Session) -> Answer:
    """CREATE OR REPLACE … AS SELECT: the query keeps its id, positions and state."""
    query_id = existing.query_id
    if query_id is None:
        raise UserError(f"cannot replace {existing.name}: it was not made by CREATE … AS SELECT")
    planned = _planned(statement, query_id, session)
    sink = planned.plan.sink
    check_source_upgrade(existing, sink)
    entry = session.catalog.queries[query_id]
    names = tuple(source.name for source in planned.sources)
    entry = replace(entry, statement=statement.text, sources=names)
    session.catalog = session.catalog.with_source(sink, replace_existing=True).with_query(entry)
    session.doing.replace_query(
        spec_of(session, query_id, statement.text, planned.plan, planned.sources, sink)
    )
    return _answer(existing.kind, statement.name, query_id, session)


def _answer(kind: str, name: str, query_id: str, session: Session) -> CurrentStatus:
    return CurrentStatus(
        command_id=create_id(kind, name),
        message=f"Created query with ID {query_id}",
        query_id=query_id,
        sequence=session.sequence,
    )
