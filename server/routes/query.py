"""`POST /query`, `POST /query-stream`, `POST /sql`, `POST /close-query`: SELECT and PRINT.

ksqlDB's two query endpoints run the same queries. They differ in names of members, in the media
type that is the default, and in how a failed request looks. `/sql` is ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from merganser.engine.answer import PrintResult, QueryResult
from merganser.engine.engine import StatementFailure
from merganser.errors import (
    InternalError,
    PropertyError,
    RequestError,
    SqlSyntaxError,
    TooManyRequestsError,
    UnavailableError,
    UnknownColumnError,
    UnknownNameError,
    UnknownPropertyError,
    UnknownTopicError,
    UnsupportedError,
    UserError,
    WrongEndpointError,
)
from merganser.server import media
from merganser.server.bodies import read_body
from merganser.server.failures import Body, error_response, generic_error, statement_error
from merganser.server.frames import (
    ClassicRows,
    Delimited,
    Framing,
    Header,
    JsonArray,
    Messages,
    PulledRows,
    StreamedRows,
)
from merganser.server.gate import Ready
from merganser.server.handover import Handover
from merganser.server.openapi import ERRORS, body_of, text_of
from merganser.server.services import Services
from merganser.server.streaming import ChunkedError, StreamAnswer, print_groups, row_groups
from merganser.server.tabular import ArrowStream, CsvRows
from merganser.server.tracing import span
from merganser.server.wire import (
    CloseQueryRequest,
    KsqlRequest,
    QueryStreamRequest,
    variables_of,
)

router = APIRouter(tags=["queries"])

_MIGRATE = "ksql.endpoint.migrate.query"
_DEBUG_PROPERTY = "request.ksql.debug.request"
_STREAMED: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    200: {
        "description": "Rows as they come; the form follows from Accept",
        "content": {
            **text_of(media.DELIMITED, "A header line, then a JSON array a row"),
            **text_of(media.JSON, "One array: a header object, then an array a row"),
            **text_of(media.V1_JSON, "One array of objects: header, row, …, finalMessage"),
            **text_of(media.V1_PROTOBUF, "The same, a row being a message in base64"),
        },
    },
}


_SQL: dict[int | str, dict[str, Any]] = {
    **_STREAMED,
    200: {
        "description": "Rows; the form follows from Accept",
        "content": {
            **_STREAMED[200]["content"],
            **text_of(media.ARROW, "An Arrow IPC stream"),
            **text_of(media.CSV, "A line of names, then a line a row"),
        },
    },
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A query request in the words that both endpoints share."""

    text: str
    properties: Mapping[str, object]
    variables: Mapping[str, str]
    media_type: str
    debug: bool = False
    after_sequence: int | None = None
    known_properties_only: bool = True
    parameters: Sequence[object] | Mapping[str, object] | None = None
    in_sql: bool = False


@router.post("/query-stream", openapi_extra=body_of(QueryStreamRequest), responses=_STREAMED)
async def query_stream(request: Request, services: Ready) -> Response:
    """Runs one SELECT or PRINT and streams what it gives.

    A push query lives as long as its connection, or until `/close-query` or TERMINATE ends it.
    """
    media_type = _accepted(request)
    if (refusal := _old_protocol(request)) is not None:
        return refusal
    try:
        body = await read_body(request, QueryStreamRequest)
    except RequestError as error:
        return ChunkedError(generic_error(error.code, str(error)))
    question = _Question(
        body.sql,
        body.properties,
        variables_of(body.session_variables),
        media_type,
        debug=body.request_properties.get(_DEBUG_PROPERTY) is True,
        known_properties_only=False,
        parameters=body.parameters,
    )
    try:
        result = await _started(services, question)
    except StatementFailure as failure:
        return ChunkedError(_stream_error(failure))
    _check_form(result, media_type)
    if isinstance(result, PrintResult):
        if media_type != media.DELIMITED:
            result.close()
            return ChunkedError(None, status=406)
        return _printed(services, result, None, with_formats=False)
    return _selected(services, result, _framing(result, question, services), media_type)


@router.post("/query", openapi_extra=body_of(KsqlRequest), responses=_STREAMED)
async def query(request: Request, services: Ready) -> Response:
    """The older form of `/query-stream`. Without Accept its rows are objects with one member."""
    accept = request.headers.get("accept")
    chosen = _accepted(request) if accept and accept.strip() else media.JSON
    media_type = media.V1_JSON if chosen == media.JSON else chosen
    if (refusal := _old_protocol(request)) is not None:
        return refusal
    try:
        body = await read_body(request, KsqlRequest)
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)), typed=False)
    if not body.ksql.strip():
        return error_response(generic_error(RequestError.code, "there is no statement to run"))
    question = _Question(
        body.ksql,
        body.streams_properties,
        {},  # ksqlDB takes no variables here.
        media_type,
        debug=body.request_properties.get(_DEBUG_PROPERTY) is True,
        after_sequence=body.command_sequence_number,
    )
    try:
        result = await _started(services, question)
    except StatementFailure as failure:
        return _query_refusal(failure)
    _check_form(result, media_type)
    if isinstance(result, PrintResult):
        return _printed(services, result, media.JSON, with_formats=True)
    migrated = str(body.streams_properties.get(_MIGRATE, "true")).lower() != "false"
    if result.kind == "push" and not migrated and media_type == media.V1_JSON:
        return _selected(services, result, ClassicRows(Header.of(result)), media.JSON)
    return _selected(services, result, _framing(result, question, services), media_type)


@router.post("/sql", openapi_extra=body_of(QueryStreamRequest), responses=_SQL)
async def sql(request: Request, services: Ready) -> Response:
    """Runs one SELECT: as ksqlDB would, or, if its rules refuse it, as a pull query in full SQL.

    Full SQL is DuckDB's, over the materialised tables of the server. Not part of ksqlDB's API.
    """
    media_type = _accepted(request)
    if (refusal := _old_protocol(request)) is not None:
        return refusal
    try:
        body = await read_body(request, QueryStreamRequest)
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)))
    question = _Question(
        body.sql,
        body.properties,
        variables_of(body.session_variables),
        media_type,
        parameters=body.parameters,
        in_sql=True,
    )
    try:
        result = await _started(services, question)
    except StatementFailure as failure:
        return error_response(statement_error(failure.error, failure.statement_text))
    if isinstance(result, PrintResult):
        result.close()
        return error_response(generic_error(RequestError.code, "PRINT is for /query-stream"))
    return _selected(services, result, _framing(result, question, services), media_type)


@router.post(
    "/close-query",
    openapi_extra=body_of(CloseQueryRequest),
    responses={**ERRORS, 200: {"description": "The query is closed", "content": {}}},
)
async def close_query(request: Request, services: Ready) -> Response:
    """Ends a push query, from any connection to this server."""
    try:
        body = await read_body(request, CloseQueryRequest)
        if not await services.run(lambda: services.engine.close_query(body.query_id)):
            raise RequestError(f'no push query with id "{body.query_id}" runs here')  # noqa: TRY301
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)), typed=False)
    return Response()


def _accepted(request: Request) -> str:
    offered = (*media.STREAM_TYPES, *media.TABLE_TYPES)
    media_type = media.negotiate(request.headers.get("accept"), offered)
    if media_type is None:
        raise HTTPException(404)
    return media_type


def _check_form(result: QueryResult | PrintResult, media_type: str) -> None:
    """At ksqlDB's endpoints only pull queries are given as tables: it has no such forms."""
    if media_type not in media.TABLE_TYPES:
        return
    if isinstance(result, PrintResult):
        result.close()
        raise HTTPException(404)
    if result.kind != "pull":
        result.rows.close()
        raise HTTPException(404)


def _old_protocol(request: Request) -> Response | None:
    """HTTP/1.0 has no chunks, so it cannot tell the end of a stream from a broken one."""
    if request.scope["http_version"] != "1.0":
        return None
    message = "this endpoint needs HTTP/1.1 or HTTP/2"
    return error_response(generic_error(RequestError.code, message), typed=False)


async def _started(services: Services, question: _Question) -> QueryResult | PrintResult:
    def start() -> QueryResult | PrintResult:
        if question.after_sequence is not None:
            services.engine.wait_for_command(question.after_sequence)
        with span("query", services.traced(question.text)):
            return services.engine.query(
                question.text,
                properties=question.properties,
                variables=question.variables,
                known_only=question.known_properties_only,
                parameters=question.parameters,
                in_sql=question.in_sql,
            )

    meters = services.meters
    began = time.perf_counter()
    try:
        result = await services.run(start)
    except StatementFailure as failure:
        meters.refusals.labels(str(failure.error.code)).inc()
        raise
    kind = result.kind if isinstance(result, QueryResult) else "print"
    meters.queries.labels(kind).inc()
    meters.query_seconds.labels(kind).observe(time.perf_counter() - began)
    return result


def _framing(result: QueryResult | PrintResult, question: _Question, services: Services) -> Framing:
    assert isinstance(result, QueryResult)
    header = Header.of(result, services.host if question.debug else None)
    match question.media_type:
        case media.DELIMITED:
            return Delimited(header)
        case media.JSON:
            return JsonArray(header)
        case media.ARROW:
            return ArrowStream(header)
        case media.CSV:
            return CsvRows(header)
        case _:
            messages = _messages(result) if question.media_type == media.V1_PROTOBUF else None
            form = PulledRows if header.is_pull else StreamedRows
            return form(header, messages)


def _messages(result: QueryResult) -> Messages:
    """The writer of a result's rows; a result that it cannot express is closed."""
    try:
        # An extra: servers without it answer in all other forms.
        from merganser.engine.formats.proto_answer import ProtobufRows  # noqa: PLC0415

        return ProtobufRows(result.columns)
    except (UserError, ImportError) as error:
        result.rows.close()
        for callback in result.on_close:
            callback()
        if isinstance(error, ImportError):
            raise UnsupportedError(
                "this server cannot write Protobuf", hint='Install "merganser[protobuf]".'
            ) from error
        raise


def _selected(
    services: Services, result: QueryResult, framing: Framing, media_type: str
) -> StreamAnswer:
    handover = Handover(result.query_id, row_groups(result, framing), result.rows.close)
    return StreamAnswer(services, handover, media_type)


def _printed(
    services: Services, result: PrintResult, media_type: str | None, *, with_formats: bool
) -> StreamAnswer:
    groups = print_groups(result, with_formats=with_formats)
    return StreamAnswer(services, Handover("print", groups, result.close), media_type)


def _stream_error(failure: StatementFailure) -> Body:
    """What `/query-stream` says of a refused query. Its codes are not quite those of `/query`."""
    error = failure.error
    match error:
        case UnknownTopicError():
            return generic_error(UserError.code, str(error))
        case PropertyError():
            return generic_error(InternalError.code, str(error))
        case WrongEndpointError():
            return {
                **statement_error(error, failure.statement_text),
                "error_code": UserError.code,
            }
        case _:
            return statement_error(error, failure.statement_text)


def _query_refusal(failure: StatementFailure) -> Response:
    """What `/query` says of a refused query.

    What is seen before planning is answered as by the statement endpoint, the rest in chunks.
    """
    error = failure.error
    match error:
        case UnknownPropertyError():
            return error_response(generic_error(error.code, str(error)))
        case UnknownColumnError():
            return ChunkedError(statement_error(error, failure.statement_text))
        case PropertyError() | WrongEndpointError():
            return error_response(generic_error(RequestError.code, str(error)))
        case TooManyRequestsError():
            return ChunkedError(generic_error(error.code, str(error)))
        case SqlSyntaxError() | UnknownNameError() | RequestError() | UnavailableError():
            return error_response(statement_error(error, failure.statement_text))
        case _:
            return ChunkedError(statement_error(error, failure.statement_text))
