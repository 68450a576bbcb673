"""Error bodies: what a failed request answers.

Two shapes: `generic_error` for what is wrong with the request or the server, `statement_error` for
a statement that cannot be run, with the statement and the answers of those before it.
Source: parity/rest-api.md, errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from starlette.responses import Response

from merganser.errors import MerganserError
from merganser.server import media

_STATEMENT_CODES = frozenset({40001, 40002, 50000})

Body = dict[str, object]


def generic_error(code: int, message: str) -> Body:
    """The body of a failed request."""
    return {"@type": "generic_error", "error_code": code, "message": message}


def statement_error(
    error: MerganserError, statement_text: str, entities: Sequence[object] = ()
) -> Body:
    """The body for a failed statement; what is not the statement's fault is a `generic_error`."""
    if error.code not in _STATEMENT_CODES:
        return generic_error(error.code, str(error))
    return {
        "@type": "statement_error",
        "error_code": error.code,
        "message": str(error),
        "statementText": statement_text,
        "entities": list(entities),
    }


def json_bytes(body: object) -> bytes:
    """A body as compact JSON."""
    return orjson.dumps(body, default=str)


def error_response(body: Body, *, typed: bool = True, status: int | None = None) -> Response:
    """An error as a response. Its status follows from the code, if none is given.

    `typed` ones carry a content type: ksqlDB names none where the request could not even be read.
    """
    code = int(str(body["error_code"]))
    return Response(
        json_bytes(body),
        status_code=status or code // 100,
        media_type=media.JSON if typed else None,
    )


def not_found() -> Response:
    """What unknown paths, wrong methods and unacceptable types get."""
    return Response(b"Not Found", status_code=404)
