"""`POST /ksql`: any statements but SELECT and PRINT."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from merganser.engine.answer import Answer, Table
from merganser.engine.engine import StatementFailure
from merganser.errors import RequestError, UserError
from merganser.parser import ast
from merganser.server import media
from merganser.server.bodies import read_body
from merganser.server.failures import (
    Body,
    error_response,
    generic_error,
    json_bytes,
    statement_error,
)
from merganser.server.gate import Classic
from merganser.server.openapi import ERRORS, body_of
from merganser.server.permissions import principal_of
from merganser.server.services import Services
from merganser.server.tracing import span
from merganser.server.wire import KsqlRequest, TerminateRequest, variables_of
from merganser.server.wire_answers import Entity

router = APIRouter(tags=["statements"])

TABLES_PROPERTY = "merganser.tables"
"""The request property that asks for `$tables` in every entity: what a terminal shows for it."""


@router.post(
    "/ksql",
    response_model=list[Entity],
    responses=ERRORS,
    openapi_extra=body_of(KsqlRequest),
)
async def run_statements(request: Request, services: Classic) -> Response:
    """Runs statements in order and answers an entity for each that has something to say.

    All are checked first, so that nothing runs if one of them cannot. With
    `requestProperties: {"merganser.tables": true}` each entity has a member `$tables`.
    """
    try:
        body = await read_body(request, KsqlRequest)
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)), typed=False)
    principal = principal_of(request)
    permit = principal.check if principal is not None else None
    return await services.run(lambda: _execute(services, body, permit))


@router.post(
    "/ksql/terminate",
    response_model=list[Entity],
    responses=ERRORS,
    openapi_extra=body_of(TerminateRequest),
)
async def terminate_cluster(request: Request, services: Classic) -> Response:
    """Ends the service for good: all its queries, their states, its command topic.

    It is answered at once; the server then refuses what comes, and ends by itself.
    """
    try:
        body = await read_body(request, TerminateRequest)
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)), typed=False)
    try:
        answer, end = services.engine.terminate_cluster(body.delete_topics)
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)))
    services.terminate(end)
    return Response(json_bytes([answer.to_wire()]), media_type=media.JSON)


def _execute(
    services: Services, body: KsqlRequest, permit: Callable[[ast.Statement], None] | None
) -> Response:
    with_tables = body.request_properties.get(TABLES_PROPERTY) is True
    try:
        with span("statements", services.traced(body.ksql)):
            answers = services.engine.execute(
                body.ksql,
                properties=body.streams_properties,
                variables=variables_of(body.session_variables),
                after_sequence=body.command_sequence_number,
                permit=permit,
            )
    except StatementFailure as failure:
        services.meters.refusals.labels(str(failure.error.code)).inc()
        entities = entities_of(failure.answers, with_tables=with_tables)
        return error_response(statement_error(failure.error, failure.statement_text, entities))
    except UserError as error:  # Of the request around the statements: its properties.
        return error_response(generic_error(RequestError.code, str(error)))
    services.meters.statements.inc()
    return Response(
        json_bytes(entities_of(answers, with_tables=with_tables)), media_type=media.JSON
    )


def entities_of(answers: Sequence[Answer], *, with_tables: bool) -> list[Body]:
    """Answers as REST entities."""
    if not with_tables:
        return [answer.to_wire() for answer in answers]
    return [
        {**answer.to_wire(), "$tables": [_table(table) for table in answer.tables()]}
        for answer in answers
    ]


def _table(table: Table) -> Body:
    return {
        "title": table.title,
        "headers": table.headers,
        "rows": table.rows,
        "footer": table.footer,
    }
