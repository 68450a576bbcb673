"""CREATE STREAM, CREATE TABLE, CREATE SOURCE …, CREATE OR REPLACE of them."""

from __future__ import annotations

from dataclasses import replace

from merganser.engine.answer import Answer
from merganser.engine.catalog import QueryEntry, Source
from merganser.engine.plan.create import PlannedSource, plan_create
from merganser.engine.plan.infer import NoColumnsError
from merganser.engine.plan.materialize import materialize_plan
from merganser.engine.plan.upgrade import check_source_upgrade
from merganser.engine.statements.bind_schemas import bind_source
from merganser.engine.statements.current_status import CurrentStatus, WarningEntity, create_id
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.statements.propose_columns import with_proposal
from merganser.engine.statements.queries import spec_of
from merganser.errors import NameTakenError, RequestError, UserError
from merganser.parser import ast


@handles(ast.CreateSource)
def create_source(statement: ast.CreateSource, session: Session) -> Answer:
    """Adds the source; makes its topic if PARTITIONS is given."""
    kind = "table" if statement.is_table else "stream"
    existing = session.catalog.sources.get(statement.name)
    if statement.or_replace and statement.read_only:
        raise UserError(
            f"cannot add {kind} '{statement.name}': CREATE OR REPLACE is not supported on "
            f"SOURCE {kind}s",
            span=statement.span,
        )
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
    topic_name = dict(statement.properties).get("KAFKA_TOPIC")
    topic = session.doing.topic(str(topic_name)) if topic_name else None
    try:
        planned = plan_create(
            statement,
            session.catalog,
            session.in_force,
            topic.partition_count if topic else None,
            session.schemas,
        )
    except NoColumnsError as error:
        raise with_proposal(error, statement, session) from error
    planned = replace(planned, source=bind_source(planned.source, session))
    if existing is not None:
        check_source_upgrade(existing, planned.source)
    if topic is None:
        _make_topic(planned, session)
    session.catalog = session.catalog.with_source(planned.source, replace_existing=True)
    query_id = None
    if statement.read_only and statement.is_table and existing is None:
        query_id = _materialize(planned.source, session)
    return CurrentStatus(
        command_id=create_id(kind, statement.name),
        message=f"Created query with ID {query_id}" if query_id else f"{kind.capitalize()} created",
        query_id=query_id,
        sequence=session.sequence,
    )


def _make_topic(planned: PlannedSource, session: Session) -> None:
    source = planned.source
    if planned.partition_count is None:
        raise RequestError(
            f"topic '{source.topic}' does not exist",
            hint="Create it first, or give PARTITIONS so that it is made.",
        )
    config = {}
    if source.is_table:
        config["cleanup.policy"] = "compact,delete" if source.window else "compact"
    if planned.retention_ms is not None:
        config["retention.ms"] = str(planned.retention_ms)
    session.doing.create_topic(source.topic, planned.partition_count, planned.replica_count, config)


def _materialize(source: Source, session: Session) -> str:
    """CREATE SOURCE TABLE keeps the table's rows, so that pull queries can read them."""
    query_id = f"CST_{source.name}_{session.sequence}"
    plan = materialize_plan(source)
    entry = QueryEntry(query_id, source.statement, (source.name,), None, is_table=True)
    session.catalog = session.catalog.with_query(entry)
    session.doing.start_query(spec_of(session, query_id, source.statement, plan, (source,), None))
    return query_id
