"""Streamed results within a session's limits.

A stream ends at its LIMIT or end, at the session's row limit or timeout, or when its reader closes
it. Whatever ends it, the server is told, so that no push query goes on unseen.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from threading import Timer

from merganser.cli.connection import Connection
from merganser.cli.session import Session
from merganser.server.client import Event, Header, Row, ServerError, UnreachableError


def limited_stream(
    text: str, session: Session, connection: Connection
) -> Generator[Event, None, None]:
    """Yields what a SELECT gives, within the session's row limit and timeout.

    Raises:
        ServerError: The server refused it, or broke off.
        UnreachableError: The server is not there, or the connection broke.
    """
    rows = 0
    timer: Timer | None = None
    try:
        with closing(connection.client.stream(text, properties=session.properties)) as events:
            for event in events:
                if isinstance(event, Header) and session.timeout_ms is not None:
                    timer = _end_later(event.query_id, session.timeout_ms, connection)
                yield event
                rows += isinstance(event, Row)
                if rows == session.row_limit:
                    return
    finally:
        if timer:
            timer.cancel()


def _end_later(query_id: str, timeout_ms: int, connection: Connection) -> Timer:
    def end() -> None:
        with connection.another() as client, suppress(ServerError, UnreachableError):
            client.close_query(query_id)

    timer = Timer(timeout_ms / 1000, end)
    timer.daemon = True
    timer.start()
    return timer
