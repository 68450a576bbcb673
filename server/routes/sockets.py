"""`GET /ws/query`: one SELECT or PRINT over a WebSocket, a text frame a row.

The last frame says why it ends, and so does the close frame: `{"error":"done"}` and 1000 after the
last row, the message and 1003 for what is wrong with the request.
Source: parity/rest-api.md, section 7; recorded exchanges of a ksqlDB server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import structlog
from fastapi import APIRouter, WebSocket
from starlette.requests import Request
from starlette.responses import Response

from merganser.engine.answer import PrintResult, QueryResult
from merganser.engine.engine import StatementFailure
from merganser.errors import MerganserError, RequestError
from merganser.server.failures import not_found
from merganser.server.frames import Header, SocketRows
from merganser.server.handover import Handover
from merganser.server.services import ServerState, Services, services_of
from merganser.server.streaming import print_groups, row_groups
from merganser.server.wire import KsqlRequest, parse_body, variables_of

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["queries"])

VERSION = "1"
REASON_BYTES_MAX = 123  # What a close frame holds besides its code.
NORMAL, REFUSED, FAILED = 1000, 1003, 1011


@router.get("/ws/query", include_in_schema=False)
async def without_upgrade(_request: Request) -> Response:
    """What plain requests get."""
    return Response(b'"Connection" header must be "Upgrade".', status_code=400)


@router.websocket("/ws/query")
async def socket_query(socket: WebSocket) -> None:
    """Runs the statement of the parameter `request`."""
    await socket.accept()
    services = services_of(socket)
    try:
        if services.state is not ServerState.READY:
            raise RequestError(f"the server is {services.state.value.lower()}")  # noqa: TRY301
        result = await services.run(_starter(services, socket))
    except (MerganserError, StatementFailure) as error:
        await _end(socket, REFUSED, str(error))
        return
    except Exception:
        logger.exception("query did not start")
        await _end(socket, FAILED, "the query did not start: see the server's log")
        return
    await _stream(services, socket, result)


@router.websocket("/{path:path}")
async def no_such_socket(socket: WebSocket, path: str) -> None:
    """What upgrades of other paths get."""
    logger.info("no such socket", path=path)
    await socket.send_denial_response(not_found())


def _starter(services: Services, socket: WebSocket) -> Callable[[], QueryResult | PrintResult]:
    """What starts the statement that a socket asks for."""
    version = socket.query_params.get("version")
    if version not in (None, VERSION):
        raise RequestError(f"version {version} is not spoken, only {VERSION}")
    body = parse_body(KsqlRequest, socket.query_params.get("request", "").encode())
    services.limits.check_statement(body.ksql)
    if not body.ksql.strip():
        raise RequestError("there is no statement to run")

    def start() -> QueryResult | PrintResult:
        if body.command_sequence_number is not None:
            services.engine.wait_for_command(body.command_sequence_number)
        return services.engine.query(
            body.ksql,
            properties=body.streams_properties,
            variables=variables_of(body.session_variables),
        )

    return start


async def _stream(services: Services, socket: WebSocket, result: QueryResult | PrintResult) -> None:
    framing: SocketRows | None = None
    if isinstance(result, PrintResult):
        lines = print_groups(result, with_formats=False)
        groups = ([orjson.dumps(p.decode().rstrip("\n")) for p in group] for group in lines)
        handover = Handover("print", groups, result.close)
    else:
        framing = SocketRows(Header.of(result))
        handover = Handover(result.query_id, row_groups(result, framing), result.rows.close)
    services.opened(handover)
    sender = asyncio.ensure_future(_send_all(socket, handover, framing))
    watcher = asyncio.ensure_future(_gone(socket))
    try:
        done, _ = await asyncio.wait({sender, watcher}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        services.ended(handover)
        handover.stop()
        sender.cancel()
        watcher.cancel()


async def _send_all(socket: WebSocket, handover: Handover, framing: SocketRows | None) -> None:
    while (group := await handover.take()) is not None:
        for piece in group:
            await socket.send_text(piece.decode())
    if framing is not None and framing.failure is not None:
        await _end(socket, FAILED, framing.failure)
    else:
        await _end(socket, NORMAL, "done")


async def _gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _end(socket: WebSocket, code: int, reason: str) -> None:
    await socket.send_text(orjson.dumps({"error": reason}).decode())
    shown = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
    await socket.close(code, shown)
