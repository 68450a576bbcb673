"""A SELECT that is shown while something else decides how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread

from merganser.cli.connection import Connection
from merganser.cli.presenter import Presenter
from merganser.cli.session import Session
from merganser.cli.streams import limited_stream
from merganser.server.client import Event, Header, ServerError, UnreachableError


class LiveSelect:
    """Shows a SELECT in a thread of its own."""

    def __init__(
        self, text: str, session: Session, connection: Connection, presenter: Presenter
    ) -> None:
        self._text = text
        self._session = session
        self._connection = connection
        self._presenter = presenter
        self._query_id: str | None = None
        self._thread = Thread(target=self._show, name="select", daemon=True)
        self.refused = False

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether rows may still come."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Ends the query, and waits until what it gave is shown."""
        if self._query_id is not None and self.running:
            with (
                suppress(ServerError, UnreachableError),
                self._connection.another() as client,
            ):
                client.close_query(self._query_id)
        self._thread.join(timeout=5.0)

    def _show(self) -> None:
        try:
            with closing(limited_stream(self._text, self._session, self._connection)) as events:
                self._presenter.rows(self._noting_id(events), endless=True)
        except ServerError as error:
            self.refused = True
            self._presenter.refusal(error)
        except UnreachableError as error:
            self.refused = True
            self._presenter.message(str(error))

    def _noting_id(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, Header):
                self._query_id = event.query_id
            yield event
