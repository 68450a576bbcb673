"""`POST /inserts-stream`: rows in, an acknowledgement a row out, both while the other runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import structlog
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from merganser.errors import Http2RequiredError, MerganserError, RequestError
from merganser.server import media
from merganser.server.bodies import BODY_BYTES_MAX
from merganser.server.failures import Body, error_response, generic_error, json_bytes
from merganser.server.gate import Ready
from merganser.server.openapi import ERRORS, text_of
from merganser.server.services import Inserter, Services
from merganser.server.wire import InsertsRequest, parse_body

logger = structlog.get_logger(__name__)

router = APIRouter(tags=["queries"])


@router.post(
    "/inserts-stream",
    responses={
        **ERRORS,
        200: {
            "description": "An acknowledgement for each row",
            "content": {
                **text_of(media.DELIMITED, "An object a line"),
                **text_of(media.JSON, "One array of objects"),
            },
        },
    },
)
async def inserts_stream(request: Request, services: Ready) -> Response:
    """Inserts rows as they come: a line with the target, then a JSON object a line.

    A row that is wrong ends the answer; those before it are written. Needs HTTP/2, as the answer
    runs beside the request.
    """
    media_type = media.negotiate(request.headers.get("accept"), media.INSERT_TYPES)
    if media_type is None:
        raise HTTPException(404)
    if request.scope["http_version"] != "2":
        error = Http2RequiredError("this endpoint needs HTTP/2")
        return error_response(generic_error(error.code, str(error)), typed=False)
    lines = _lines(request)
    first = await anext(lines, [b""])
    try:
        target = parse_body(InsertsRequest, first[0])
        inserter = await services.run(
            lambda: services.engine.inserter(target.target, properties=target.properties)
        )
    except MerganserError as error:
        return error_response(generic_error(error.code, str(error)), typed=False)
    return _Acknowledged(services, inserter, first[1:], lines, as_array=media_type == media.JSON)


async def _lines(request: Request) -> AsyncIterator[list[bytes]]:
    """The lines of a body, those that came together at once; the last may lack its end.

    Raises:
        RequestError: A line is too long.
    """
    rest = b""
    async for piece in request.stream():
        *whole, rest = (rest + piece).split(b"\n")
        if whole:
            yield whole
        if len(rest) > BODY_BYTES_MAX:
            raise RequestError(f"a line is longer than {BODY_BYTES_MAX} bytes")
    if rest.strip():
        yield [rest]


class _Acknowledged(Response):
    """Writes rows as they come and tells what became of each, in order."""

    def __init__(
        self,
        services: Services,
        inserter: Inserter,
        waiting: list[bytes],
        lines: AsyncIterator[list[bytes]],
        *,
        as_array: bool,
    ) -> None:
        super().__init__()
        self._services = services
        self._inserter = inserter
        self._waiting = waiting
        self._lines = lines
        self._as_array = as_array
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await self._insert_all(send)
        except ClientDisconnect:
            return
        end = b"" if not self._as_array else b"]" if self._count else b"[]"
        await send({"type": "http.response.body", "body": end})

    async def _insert_all(self, send: Send) -> None:
        try:
            going_on = await self._insert(self._waiting, send)
            while going_on and (lines := await anext(self._lines, None)) is not None:
                going_on = await self._insert(lines, send)
        except MerganserError as error:
            await self._fail(error, send)

    async def _insert(self, lines: list[bytes], send: Send) -> bool:
        """Whether there may be more."""
        rows: list[object] = []
        failure: MerganserError | None = None
        for line in lines:
            try:
                rows.append(json.loads(line, parse_float=Decimal))
            except ValueError:
                failure = RequestError("a row is no JSON")
                break
        count, refused = await self._services.run(lambda: self._inserter.insert(rows))
        for _ in range(count):
            await self._tell({"seq": self._count, "status": "ok"}, send)
        if (error := refused or failure) is not None:
            await self._fail(error, send)
            return False
        return True

    async def _fail(self, error: MerganserError, send: Send) -> None:
        logger.info("row not inserted", error=str(error))
        entry: Body = {"@type": "InsertError", "status": "error", "seq": self._count}
        await self._tell({**entry, "message": str(error), "error_code": error.code}, send)

    async def _tell(self, entry: Body, send: Send) -> None:
        text = json_bytes(entry)
        if self._as_array:
            text = (b"," if self._count else b"[") + text
        else:
            text += b"\n"
        self._count += 1
        await send({"type": "http.response.body", "body": text, "more_body": True})
