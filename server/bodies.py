"""Reading request bodies, with a limit."""

from __future__ import annotations

from fastapi import Request

from merganser.server.limits import Limits
from merganser.server.services import services_of
from merganser.server.wire import Model, parse_body, statements_of

BODY_BYTES_MAX = Limits.body_max_bytes


async def read_body(request: Request, model: type[Model]) -> Model:
    """A request's body as its model.

    Raises:
        TooLargeError: It, or the text of its statements, is too long.
        RequestError: It cannot be read.
    """
    limits = services_of(request).limits
    body = bytearray()
    async for piece in request.stream():
        body += piece
        limits.check_body(len(body))
    found = parse_body(model, bytes(body))
    limits.check_statement(statements_of(found))
    return found
