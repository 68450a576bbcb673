"""`merganser demo`: a day of real flights in some twenty seconds, on the embedded log.

1. A server starts in this process, in memory, and gets the statements of the quickstart.
2. A push query listens to the table of windows.
3. The day's records are appended in event time; the windows are shown as they change.
4. Once every flight is in a window, the demo says what to try next and ends.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, closing, suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax

from merganser.cli.arguments import FAILED, OK, amount
from merganser.cli.demo.board import QUERY, Board, Hour
from merganser.cli.demo.view import view_of
from merganser.cli.embedded import own_server
from merganser.cli.signals import stop_requested
from merganser.server.client import Client, Header, Row, ServerError, UnreachableError

if TYPE_CHECKING:
    from merganser.cli.demo.replay import Quickstart
    from merganser.server.run import RunningServer

REPLAY_SECONDS = 14.0
SETTLE_SECONDS = 20.0  # Far more than the last windows need; past it something is broken.
_EARLIEST = {"auto.offset.reset": "earliest"}

NEXT = """\
What to try next:
  merganser                        type statements at a prompt; help tells the rest
  merganser run FILE.sql           run a file of queries; sql-examples/ has six more
  merganser datagen orders --data-dir ./data --count 1000
  merganser server --data-dir ./data --listen 127.0.0.1:8088
                                   serve ksqlDB's REST API
With Kafka, add --bootstrap-servers HOST:PORT."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Replays the departures from New York's airports on 10 July 2013, a day of thunderstorms, "
        "into\na windowed aggregation, and shows the windows while they change. Needs no Kafka and "
        "leaves\nnothing behind."
    )
    parser.add_argument(
        "--seconds",
        type=amount,
        default=REPLAY_SECONDS,
        metavar="N",
        help=f"how long the replay of the day takes (default: {REPLAY_SECONDS:.0f})",
    )


def execute(options: argparse.Namespace) -> int:
    """Runs the demo to its end, or until a signal."""
    # Help needs no engine, and that takes its time to import.
    from merganser.cli.demo.replay import Quickstart, replay  # noqa: PLC0415
    from merganser.server.produce import producer_beside  # noqa: PLC0415

    console = Console(highlight=False)
    quickstart = Quickstart.load()
    started = monotonic()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_requested())
        console.print("Starting a server in this process, on the embedded log, in memory.")
        server = stack.enter_context(own_server())
        _declare(server, quickstart, console)
        board = Board(len(quickstart.records))
        _listen(server, board)
        producer = producer_beside(server, quickstart.topic)
        view = stack.enter_context(view_of(board, console))
        given = 0
        for tick in replay(quickstart.records, options.seconds, stop):
            producer.append(tick.records)
            given += len(tick.records)
            view.show(tick.event_time_ms, given)
        complete = board.wait_until_complete(SETTLE_SECONDS, stop)
    if stop.is_set():
        return OK
    if not complete:
        counted = f"{board.flights} of {board.expected} flights"
        print(f"error: only {counted} were counted", file=sys.stderr)  # noqa: T201 (last word)
        return FAILED
    console.print(
        f"{board.flights} flights in {len(board.hours())} windows, which were updated "
        f"{board.updates} times, in {monotonic() - started:.0f} s.\n"
    )
    console.print(NEXT, markup=False, soft_wrap=True)
    return OK


def _declare(server: RunningServer, quickstart: Quickstart, console: Console) -> None:
    if console.is_terminal:
        console.print(Syntax(quickstart.statements, "sql", background_color="default"))
    else:
        console.print(quickstart.statements, markup=False, soft_wrap=True)
    with Client(server.url) as client:
        client.execute(quickstart.statements, properties=_EARLIEST)


def _listen(server: RunningServer, board: Board) -> None:
    """Reads the push query in a thread until the server ends it; returns once it has begun."""
    begun = Event()

    def read() -> None:
        with (
            suppress(UnreachableError, ServerError),
            Client(server.url) as client,
            closing(client.stream(QUERY, properties=_EARLIEST)) as events,
        ):
            for event in events:
                if isinstance(event, Header):
                    begun.set()
                elif isinstance(event, Row):
                    board.put(Hour.of(event))

    Thread(target=read, name="board", daemon=True).start()
    begun.wait(timeout=SETTLE_SECONDS)
