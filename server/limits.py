"""How much callers may ask: length of bodies and statements, requests at once and a second.

Longer ones get 413 (41300), too many 429 (42900). Requests that only ask how the server does are
not counted, so that it can be watched while it is busy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from merganser.engine.clock import Clock, SystemClock
from merganser.errors import MerganserError, PropertyError, TooLargeError, TooManyRequestsError
from merganser.server.failures import error_response, generic_error
from merganser.server.permissions import principal_of

BODY_MAX = "merganser.request.max.bytes"
STATEMENT_MAX = "merganser.statement.max.bytes"
AT_ONCE_MAX = "merganser.request.max.concurrent"
RATE_MAX = "merganser.request.max.per.second"
CALLERS_MAX = 10_000  # Remembered for their rate; who has been quiet longest is forgotten.


@dataclass(frozen=True)
class Limits:
    """Limits of a server; 0 stands for none."""

    body_max_bytes: int = 32 * 1024 * 1024
    statement_max_bytes: int = 8 * 1024 * 1024
    at_once_max: int = 0
    rate_max: int = 0

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Limits:
        """The limits in the server's properties.

        Raises:
            PropertyError: One is no number.
        """

        def number(name: str, default: int) -> int:
            text = properties.get(name, "").strip()
            if text and not text.isdecimal():
                raise PropertyError(f'{name} is "{text}", but must be a whole number')
            return int(text) if text else default

        return cls(
            number(BODY_MAX, cls.body_max_bytes),
            number(STATEMENT_MAX, cls.statement_max_bytes),
            number(AT_ONCE_MAX, cls.at_once_max),
            number(RATE_MAX, cls.rate_max),
        )

    def check_body(self, byte_count: int) -> None:
        """Raises TooLargeError for a body that is longer than it may be."""
        if self.body_max_bytes and byte_count > self.body_max_bytes:
            raise TooLargeError(
                f"the request body is longer than {self.body_max_bytes} bytes",
                hint=f"Send less, or raise {BODY_MAX}.",
            )

    def check_statement(self, text: str) -> None:
        """Raises TooLargeError for a text of statements that is longer than it may be."""
        if self.statement_max_bytes and len(text) > self.statement_max_bytes:
            raise TooLargeError(
                f"the statements are longer than {self.statement_max_bytes} characters",
                hint=f"Send them one after the other, or raise {STATEMENT_MAX}.",
            )


@dataclass
class CallRates:
    """How often each caller has asked of late: as many as allowed a second, and as many at once."""

    per_second: int
    clock: Clock = field(default_factory=SystemClock)
    _spare: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def take(self, caller: str) -> None:
        """Counts a request.

        Raises:
            TooManyRequestsError: The caller has had its share.
        """
        now_ms = self.clock.now_ms()
        spare, before_ms = self._spare.pop(caller, (float(self.per_second), now_ms))
        gained = max(now_ms - before_ms, 0) * self.per_second / 1000
        spare = min(float(self.per_second), spare + gained)
        allowed = spare >= 1
        self._spare[caller] = (spare - 1 if allowed else spare, now_ms)
        if len(self._spare) > CALLERS_MAX:
            self._spare.popitem(last=False)
        if not allowed:
            raise TooManyRequestsError(
                f"more than {self.per_second} requests a second",
                hint=f"Ask again later, or raise {RATE_MAX}.",
            )


class LimitMiddleware:
    """Refuses what is too much before anything of it is read."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._rates = CallRates(limits.rate_max)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD")
        if scope["type"] not in ("http", "websocket") or not counted:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except MerganserError as error:
            await _refusal(error)(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1

    def _check(self, scope: Scope) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        self._limits.check_body(int(length) if length.isdecimal() else 0)
        if self._limits.rate_max:
            self._rates.take(_caller(scope))
        if self._limits.at_once_max and self._running >= self._limits.at_once_max:
            raise TooManyRequestsError(
                f"{self._limits.at_once_max} requests are under way",
                hint=f"Ask again later, or raise {AT_ONCE_MAX}.",
            )


def _caller(scope: Scope) -> str:
    """Whose share a request counts against: a user's, or an address's."""
    connection = HTTPConnection(scope)
    principal = principal_of(connection)
    if principal is not None:
        return f"user {principal.name}"
    return connection.client.host if connection.client is not None else ""


def _refusal(error: MerganserError) -> Response:
    response = error_response(generic_error(error.code, str(error)))
    if error.code == TooLargeError.code:
        response.headers["connection"] = "close"  # What follows of the body is not read.
    return response
