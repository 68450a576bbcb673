"""Reading request bodies, with a limit."""

from __future__ import annotations

from fastapi import Request

from merganser.errors import RequestError
from merganser.server.wire import Model, parse_body

BODY_BYTES_MAX = 32 * 1024 * 1024  # Scripts are text: what is longer is a mistake or an attack.


async def read_body(request: Request, model: type[Model]) -> Model:
    """A request's body as its model.

    Raises:
        RequestError: It is too long, or cannot be read.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise RequestError(f"the request body is longer than {BODY_BYTES_MAX} bytes")
    return parse_body(model, bytes(body))
