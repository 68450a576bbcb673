"""Streamed results within a session's limits.

A stream ends at its LIMIT or end, at the session's row limit or timeout, or when its reader closes
it. Whatever ends it, the server is told, so that no push query goes on unseen.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from threading import Timer
from typing import Self

from merganser.cli.connection import Connection
from merganser.cli.session import Session
from merganser.server.client import Event, FinalMessage, Header, Row, ServerError, UnreachableError


def limited_stream(
    text: str, session: Session, connection: Connection
) -> Generator[Event, None, None]:
    """Yields what a SELECT gives, within the session's row limit and timeout.

    Raises:
        ServerError: The server refused it, or broke off.
        UnreachableError: The server is not there, or the connection broke.
    """
    rows = 0
    limit = _TimeLimit(connection, session.timeout_ms)
    with closing(connection.client.stream(text, properties=session.properties)) as events, limit:
        for event in events:
            if isinstance(event, Header):
                limit.start(event.query_id)
            if isinstance(event, FinalMessage) and limit.reached:
                return  # The server says how it has ended, but that was not the query's doing.
            yield event
            rows += isinstance(event, Row)
            if rows == session.row_limit:
                return


class _TimeLimit:
    """Ends a query at the server once its time is over.

    Attributes:
        reached: Whether it was.
    """

    def __init__(self, connection: Connection, timeout_ms: int | None) -> None:
        self.reached = False
        self._connection = connection
        self._timeout_ms = timeout_ms
        self._timer: Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._timer:
            self._timer.cancel()

    def start(self, query_id: str) -> None:
        """Begins to count, if there is a limit."""
        if self._timeout_ms is not None:
            self._timer = Timer(self._timeout_ms / 1000, self._end, [query_id])
            self._timer.daemon = True
            self._timer.start()

    def _end(self, query_id: str) -> None:
        self.reached = True
        with self._connection.another() as client, suppress(ServerError, UnreachableError):
            client.close_query(query_id)
