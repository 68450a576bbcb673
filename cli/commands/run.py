"""`merganser run FILE.sql`: the persistent queries of a file, on a server in this process.

1. The file is read and checked whole; what the log has from an earlier run is left as it is.
2. The rest goes to the server as one request, so that a mistake leaves nothing half done.
3. Throughput is shown, or the rows of the SELECT that the file ends with, until
4. SIGTERM, SIGINT or idleness ends it: queries commit what they have, and the next run goes on. It
   also ends when every query has stopped with an error, so that whoever supervises it is told.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from merganser.cli.arguments import (
    FAILED,
    OK,
    add_server_options,
    amount,
    name_and_value,
    server_flags,
)
from merganser.cli.connection import Connection, Credentials
from merganser.cli.embedded import own_server
from merganser.cli.presenter import ShellPresenter
from merganser.cli.running.live_select import LiveSelect
from merganser.cli.running.progress import Progress
from merganser.cli.running.script import Existing, Script, read, request_text
from merganser.cli.session import Session
from merganser.cli.signals import stop_requested
from merganser.cli.statements import read_script
from merganser.cli.terminal import Terminal
from merganser.server.client import ServerError

if TYPE_CHECKING:
    from merganser.server.run import RunningServer

READ_SECONDS = 0.5
LINE_SECONDS = 5.0  # Between the lines of a log; a terminal is refreshed at every reading.


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Runs the persistent queries of a file until SIGTERM or SIGINT (exit status 0). Started "
        "again on\nthe same log, it goes on where it ended. A SELECT … EMIT CHANGES at the end of "
        "the file is shown\nlive; when it reaches its LIMIT, the run ends."
    )
    parser.add_argument("file", metavar="FILE.sql", help="the statements")
    add_server_options(parser)
    parser.add_argument(
        "-d",
        "--define",
        type=name_and_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable for ${NAME} in the file; may be repeated",
    )
    parser.add_argument(
        "--exit-when-idle",
        type=amount,
        metavar="SECONDS",
        help="end once no query has had anything to do for so long",
    )


def execute(options: argparse.Namespace) -> int:
    """Runs the file."""
    script = read(read_script(options.file), dict(options.define))
    with ExitStack() as stack:
        stop = stack.enter_context(stop_requested())
        server = stack.enter_context(
            own_server(config_file=options.config, flags=server_flags(options))
        )
        connection = Connection(server.url, Credentials())
        stack.callback(connection.close)
        session, terminal = Session(dict(script.properties)), Terminal(sys.stdout)
        presenter = ShellPresenter(session, terminal)
        try:
            _start(script, connection, presenter)
        except ServerError as error:
            presenter.refusal(error)
            return FAILED
        progress = Progress()
        refused = False
        if script.final is None:
            _watch(server, progress, stop, options.exit_when_idle)
        else:
            select = LiveSelect(script.final.text, session, connection, presenter)
            _show_live(select, server, progress, stop, options.exit_when_idle)
            refused = select.refused
        progress.read(server.engine.stats())
        presenter.message("\n".join(["Totals:", *progress.totals()]))
        for query_id in progress.failed:
            terminal.error(f"{query_id} has stopped with an error")
        return FAILED if refused or progress.failed else OK


def _start(script: Script, connection: Connection, presenter: ShellPresenter) -> None:
    wanted, known = script.still_to_run(Existing.of(connection.client))
    for title in known:
        presenter.message(f"already there: {title}")
    if wanted:
        presenter.answers(connection.client.execute(request_text(wanted), with_tables=True))
    presenter.message("Running. CTRL-C ends it.")


def _watch(
    server: RunningServer, progress: Progress, stop: Event, exit_when_idle: float | None
) -> None:
    """Shows the counters until it is time to end."""
    console = Console()
    with ExitStack() as stack:
        live = stack.enter_context(Live(console=console)) if console.is_terminal else None
        since_line = LINE_SECONDS
        while not stop.is_set():
            progress.read(server.engine.stats())
            since_line += READ_SECONDS
            if live:
                live.update(progress.table())
            elif since_line >= LINE_SECONDS:
                since_line = 0.0
                print(*progress.lines(), sep="\n", flush=True)  # noqa: T201 (a log's lines)
            if _is_over(progress, exit_when_idle):
                return
            stop.wait(READ_SECONDS)


def _show_live(
    select: LiveSelect,
    server: RunningServer,
    progress: Progress,
    stop: Event,
    exit_when_idle: float | None,
) -> None:
    """Shows the rows of the last SELECT until it ends, or it is time to end it."""
    select.start()
    while select.running and not stop.wait(READ_SECONDS):
        progress.read(server.engine.stats())
        if _is_over(progress, exit_when_idle):
            break
    select.end()


def _is_over(progress: Progress, exit_when_idle: float | None) -> bool:
    """Tells whether to end unasked: for idleness, or because no query is left that could go on."""
    idle = exit_when_idle is not None and progress.idle_seconds >= exit_when_idle
    return idle or progress.all_failed
