"""DROP STREAM, DROP TABLE.

Source: parity/statements.md, ALTER / DROP.
"""

from __future__ import annotations

from merganser.engine.answer import Answer
from merganser.engine.catalog import Source
from merganser.engine.statements.current_status import CurrentStatus
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import InUseError, RequestError, UnknownNameError, UserError
from merganser.parser import ast


@handles(ast.DropSource)
def drop_source(statement: ast.DropSource, session: Session) -> Answer:
    """Removes the source, and the query that was made with it."""
    kind = "table" if statement.is_table else "stream"
    source = session.catalog.sources.get(statement.name)
    if source is None:
        if statement.if_exists:
            return CurrentStatus(
                command_id=f"{kind}/{statement.name}/drop",
                message=f"Source `{statement.name}` does not exist.",
                sequence=session.sequence,
            )
        if statement.delete_topic:
            raise RequestError(f"{kind} {statement.name} does not exist", span=statement.span)
        raise UnknownNameError(f"{kind} {statement.name} does not exist", span=statement.span)
    if source.is_table != statement.is_table:
        raise UserError(
            f"incompatible data source type is {source.kind.upper()}, "
            f"but statement was DROP {kind.upper()}",
            span=statement.span,
        )
    if statement.delete_topic and source.read_only:
        raise RequestError(f"cannot delete the topic of read-only {source.kind}: {source.name}")
    _check_unused(source, session)
    own = [query for query in session.catalog.readers(source.name) if query.sink is None]
    own += session.catalog.writers(source.name)
    for query in own:
        session.doing.stop_query(query.query_id)
        session.catalog = session.catalog.without_query(query.query_id)
    session.catalog = session.catalog.without_source(source.name)
    if statement.delete_topic:
        session.doing.delete_topic(source.topic)
    return CurrentStatus(
        command_id=f"{kind}/{statement.name}/drop",
        message=f"Source `{source.name}` (topic: {source.topic}) was dropped.",
        sequence=session.sequence,
    )


def _check_unused(source: Source, session: Session) -> None:
    readers = [q.query_id for q in session.catalog.readers(source.name) if q.sink is not None]
    writers = [
        q.query_id for q in session.catalog.writers(source.name) if q.query_id != source.query_id
    ]
    if readers or writers:
        raise InUseError(
            f"cannot drop {source.name}",
            detail=f"The following queries read from this source: [{', '.join(readers)}]. "
            f"The following queries write into this source: [{', '.join(writers)}].",
            hint="You need to terminate them before dropping it.",
        )
