"""Responses whose body is a running query."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from merganser.engine.answer import FormatLine, PrintResult, QueryResult
from merganser.errors import MerganserError
from merganser.server.failures import Body, generic_error, json_bytes
from merganser.server.frames import BROKEN, Framing, Group
from merganser.server.handover import Handover
from merganser.server.services import Services

logger = structlog.get_logger(__name__)

LIMIT_REACHED = "Limit Reached"
QUERY_COMPLETED = "Query Completed"
_IN_BAND_CODE = 50000


class BrokenAnswerError(Exception):
    """An answer cannot be brought to an end: the server closes its connection."""


class StreamAnswer(Response):
    """Sends the groups of a hand-over, and stops its query as soon as the client is gone."""

    def __init__(self, services: Services, handover: Handover, media_type: str | None) -> None:
        super().__init__(media_type=media_type)
        self.raw_headers = _without_length(self.raw_headers)
        self._services = services
        self._handover = handover
        services.opened(handover)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tasks = {
            asyncio.ensure_future(self._send_all(send)),
            asyncio.ensure_future(_disconnected(receive)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._services.ended(self._handover)
            self._handover.stop()
            for task in tasks:
                task.cancel()

    async def _send_all(self, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        while (group := await self._handover.take()) is not None:
            if group is BROKEN:
                raise BrokenAnswerError
            for piece in group:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ChunkedError(Response):
    """An error of the query endpoints: ksqlDB sends it in chunks and names no content type."""

    def __init__(self, body: Body | None, *, status: int | None = None) -> None:
        code = status or int(str(body["error_code"] if body else 50000)) // 100
        super().__init__(json_bytes(body) if body else b"", status_code=code)
        self._framed_headers = self.raw_headers
        self.raw_headers = _without_length(self.raw_headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["http_version"] == "2":
            self.raw_headers = self._framed_headers
        await super().__call__(scope, receive, send)


def _without_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in headers if pair[0] != b"content-length"]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def row_groups(result: QueryResult, framing: Framing) -> Generator[Group, None, None]:
    """The body of a SELECT, from its header to its end or failure."""
    try:
        yield framing.opening()
        yield from _rows_to_end(result, framing)
    except MerganserError as error:
        logger.warning("query failed", query_id=result.query_id, error=str(error))
        yield framing.failing(generic_error(_IN_BAND_CODE, str(error)))
    except Exception:
        logger.exception("query failed", query_id=result.query_id)
        yield framing.failing(
            generic_error(_IN_BAND_CODE, "the query failed: see the server's log")
        )
    finally:
        result.rows.close()
        for callback in result.on_close:
            callback()


def _rows_to_end(result: QueryResult, framing: Framing) -> Iterator[Group]:
    count = 0
    for batch in result.rows:
        count += batch.rows.num_rows
        yield from framing.rows(batch)
    limited = result.limit is not None and count >= result.limit
    yield framing.closing(LIMIT_REACHED if limited else QUERY_COMPLETED)


def print_groups(result: PrintResult, *, with_formats: bool) -> Generator[Group, None, None]:
    """The body of a PRINT: a line a record.

    `with_formats` also gives the lines that tell the guessed formats, and empty lines while nothing
    comes; only `/query` has those.
    """
    try:
        for line in result.lines:
            if isinstance(line, FormatLine):
                label, formats = line.split(": ", 1)
                if with_formats:
                    yield [f"{label}: ".encode(), f"{formats}\n".encode()]
            elif line or with_formats:
                yield [f"{line}\n".encode()]
    except MerganserError as error:
        logger.warning("print failed", error=str(error))
        yield [f"{error}\n".encode()]
    except Exception:
        logger.exception("print failed")
        yield [b"printing failed: see the server's log\n"]
    finally:
        result.close()
