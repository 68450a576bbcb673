"""The shell behind every way of entering statements: a prompt, a pipe, `-e`, `-f`.

It owns the session, the connection and the terminal, and tells its own commands from SQL.
"""

from __future__ import annotations

from collections.abc import Callable

import merganser
from merganser.cli.connection import Connection
from merganser.cli.local import find_local, run_local
from merganser.cli.presenter import ShellPresenter
from merganser.cli.session import Session
from merganser.cli.statements import StatementRunner, read_script
from merganser.cli.terminal import Terminal
from merganser.errors import MerganserError
from merganser.server.client import ServerError, UnreachableError

FAREWELL = "Exiting Merganser."
BOX_WIDTH = 80

BANNER = r"""
      ___
   __(  o)>   Merganser
   \ <_. )    streaming SQL on Kafka
    `---'
"""


class Shell:
    """One session with one server at a time.

    Attributes:
        open: False once the user has left.
    """

    def __init__(self, session: Session, connection: Connection, terminal: Terminal) -> None:
        self.session = session
        self.terminal = terminal
        self.open = True
        self.history: Callable[[], list[str]] = list
        self._runner = StatementRunner(session, connection, ShellPresenter(session, terminal))

    @property
    def url(self) -> str:
        """Address of the server."""
        return self.connection.url

    @property
    def connection(self) -> Connection:
        """The way to the server."""
        return self._runner.connection

    @property
    def refusals(self) -> int:
        """How many requests the server has refused so far."""
        return self._runner.refusals

    def greet(self) -> None:
        """Says who is talking to which server, and how that is."""
        terminal = self.terminal
        terminal.write(BANNER)
        try:
            info = self.connection.client.info()
        except (ServerError, UnreachableError) as error:
            terminal.write(f"CLI v{merganser.__version__}, Server v<unknown> located at {self.url}")
            self._warn_in_a_box(str(error))
        else:
            version, status = info.get("version", "<unknown>"), info.get("serverStatus")
            terminal.write(
                f"CLI v{merganser.__version__}, Server v{version} located at {self.url}\n"
                f"Server Status: {status or '<unknown>'}"
            )
        terminal.write("\nStatements end with a semicolon. Type 'help' for the rest.\n")

    def enter(self, text: str) -> None:
        """Runs what a user entered; whatever goes wrong is shown, and the session goes on."""
        if not text.strip():
            return
        self.terminal.typed(text)
        try:
            self.run(text)
        except (MerganserError, ServerError, UnreachableError) as error:
            self.terminal.error(str(error))
        except KeyboardInterrupt:
            self.terminal.write()

    def run(self, text: str) -> None:
        """Runs a command of the shell or statements.

        Raises:
            UserError: It is malformed, or cannot be carried out by the shell.
            ServerError: The server refused something that no statement asked for.
            UnreachableError: The server is not there.
        """
        local = find_local(text)
        if local:
            run_local(*local, self)
        else:
            self._runner.run(text)

    def run_statements(self, text: str) -> None:
        """Runs statements, and no commands of the shell.

        Raises:
            UserError: One is malformed, or one about the session cannot be carried out.
            UnreachableError: The server is not there.
        """
        self._runner.run(text)

    # ------------------------------------------------------------------ for local commands

    def connect(self, url: str) -> None:
        """Goes over to another server; what was known of the last one's commands is forgotten."""
        before = self.connection
        self._runner.connection = before.moved(url)
        before.close()
        self.session.sequence = None
        self.session.pipelining = False
        self.terminal.write(f"Server now: {self.url}")
        try:
            self.connection.client.info()
        except (ServerError, UnreachableError) as error:
            self._warn_in_a_box(str(error))

    def run_script(self, path: str) -> None:
        """Sends the statements of a file as one request.

        Raises:
            UserError: The file cannot be read.
        """
        self._runner.run_as_one(read_script(path))

    def server_version(self) -> str:
        """Asks the server for its version."""
        return self.connection.client.info().get("version", "<unknown>")

    def leave(self) -> None:
        """Ends the session."""
        self.open = False
        self.terminal.write(FAREWELL)

    def _warn_in_a_box(self, text: str) -> None:
        self.terminal.write(f"\n{'ERROR'.center(BOX_WIDTH, '*')}\n{text}\n{'*' * BOX_WIDTH}\n")
