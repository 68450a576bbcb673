"""Which web pages of other origins may use the server (CORS). Off unless an origin is configured.

Source: parity/rest-api.md, transport; recorded exchanges of a ksqlDB server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merganser.server.failures import error_response, generic_error
from merganser.server.http1_exchange import REASON

ORIGIN = "access.control.allow.origin"
METHODS = "access.control.allow.methods"
HEADERS = "access.control.allow.headers"

_FORBIDDEN = 40300
_START = "http.response.start"
_REFUSED = "CORS Rejected - Invalid origin"
_ANY = "*"
_VARY = (b"vary", b"origin")


@dataclass(frozen=True, slots=True)
class CorsRules:
    """What other origins may do.

    Attributes:
        origin: The one that may ask, or `*` for all (then without credentials).
        methods, headers: Lists for browsers, that ask before they send; empty ones are not sent.
    """

    origin: str
    methods: str = ""
    headers: str = ""

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> CorsRules | None:
        """The rules in the server's properties; None if there are none."""
        origin = properties.get(ORIGIN, "").strip()
        if not origin:
            return None
        return cls(origin, _listed(properties.get(METHODS)), _listed(properties.get(HEADERS)))

    def allows(self, origin: str) -> bool:
        """Whether pages of that origin may ask."""
        return self.origin in (_ANY, origin)

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """What an answer to an allowed origin carries."""
        allowed = (b"access-control-allow-origin", self.origin.encode("latin-1"))
        if self.origin == _ANY:
            return [allowed]
        return [(b"access-control-allow-credentials", b"true"), allowed]


class CorsMiddleware:
    """Refuses other origins, answers browsers that ask before they send, and marks answers."""

    def __init__(self, app: ASGIApp, rules: CorsRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        if origin is not None and not self._rules.allows(origin):
            await self._refuse(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif (
            origin is not None
            and scope["method"] == "OPTIONS"
            and "access-control-request-method" in asked
        ):
            await self._preflight()(scope, receive, send)
        else:
            await self._app(scope, receive, self._marking(send, allowed=origin is not None))

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page of another origin must not read anything, over sockets either."""
        message = "pages of this origin may not use this server"
        response = error_response(generic_error(_FORBIDDEN, message), typed=False)

        async def with_reason(sent: Message) -> None:
            await send({**sent, REASON: _REFUSED} if sent["type"] == _START else sent)

        await response(scope, receive, with_reason if scope["type"] == "http" else send)

    def _preflight(self) -> Response:
        response = Response(status_code=204)
        response.raw_headers = self._rules.answer_headers()
        for name, value in (("methods", self._rules.methods), ("headers", self._rules.headers)):
            if value:
                response.headers[f"access-control-allow-{name}"] = value
        return response

    def _marking(self, send: Send, *, allowed: bool) -> Send:
        extra = [_VARY, *(self._rules.answer_headers() if allowed else [])]

        async def marked(message: Message) -> None:
            if message["type"] == _START:
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        return marked


def _listed(text: str | None) -> str:
    return ",".join(part.strip() for part in (text or "").split(",") if part.strip())
