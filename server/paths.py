"""What happens to a request before it is routed.

Paths are taken as ksqlDB's server takes them: empty and dot segments go, a trailing slash too, and
an encoded slash stays inside its segment. Overlong request lines are refused.
Source: recorded exchanges of a ksqlDB server (double slash, encoded path, long query string).
"""

from __future__ import annotations

from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

REQUEST_LINE_BYTES_MAX = 4096


class PathMiddleware:
    """Tidies the path of every HTTP request and WebSocket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if _line_length(scope) > REQUEST_LINE_BYTES_MAX:
                refusal = Response(status_code=414, headers={"connection": "close"})
                await refusal(scope, receive, send)
                return
            if _raw_path(scope) == "*":
                await Response(status_code=404)(scope, receive, send)
                return
            scope["path"] = tidy(_raw_path(scope))
        await self._app(scope, receive, send)


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if isinstance(raw, bytes) else str(scope["path"])


def _line_length(scope: Scope) -> int:
    return len(_raw_path(scope)) + len(scope["query_string"]) + len(scope["method"]) + 11


def tidy(raw_path: str) -> str:
    """A raw path in its plain form.

    >>> tidy("//x/../status/stream/%60S%2F1%60/")
    '/status/stream/`S%2F1`'
    """
    segments: list[str] = []
    for raw in raw_path.split("/"):
        match raw:
            case "" | ".":
                continue
            case "..":
                del segments[-1:]
            case _:
                segments.append(unquote(raw).replace("/", "%2F"))
    return "/" + "/".join(segments)
