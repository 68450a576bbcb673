"""`merganser sql`: statements for scripts, with results that programs can read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from merganser.cli.arguments import (
    FAILED,
    OK,
    add_credentials,
    add_log_options,
    add_service_option,
    credentials_of,
    name_and_value,
    positive,
    server_url,
)
from merganser.cli.connection import Connection
from merganser.cli.embedded import own_server
from merganser.cli.plain import ArrowTables, Csv, JsonLines, Tables
from merganser.cli.presenter import Presenter
from merganser.cli.session import SQL_PROPERTY, Session
from merganser.cli.statements import StatementRunner, read_script
from merganser.cli.terminal import Terminal
from merganser.errors import ExternalError, PropertyError
from merganser.server import media
from merganser.server.client import UnreachableError

_OWN_SERVER = ("data_dir", "bootstrap_servers", "service_id")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Runs statements on a server (--server), or on a log without one (--data-dir, "
        "--bootstrap-servers).\nRows go to stdout, messages to stderr. The exit status is 1 if a "
        "statement was refused."
    )
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("-e", "--execute", metavar="SQL", help="the statements")
    given.add_argument("-f", "--file", metavar="FILE", help="a file of statements")
    parser.add_argument("--server", type=server_url, metavar="URL", help="a running server")
    add_log_options(parser)
    add_service_option(parser)
    parser.add_argument(
        "--output",
        choices=["table", "json", "csv", "arrow"],
        default="table",
        help="form of results: a table, a JSON object a line, CSV, or an Arrow IPC stream "
        "(default: table)",
    )
    parser.add_argument(
        "-d",
        "--define",
        type=name_and_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable for ${NAME} in statements; may be repeated",
    )
    parser.add_argument(
        "--property",
        dest="properties",
        type=name_and_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property, as SET would give it; may be repeated",
    )
    add_credentials(parser)
    parser.add_argument("--row-limit", type=positive, metavar="N", help="end SELECTs after N rows")
    parser.add_argument("--timeout", type=positive, metavar="MS", help="end SELECTs after so long")


def execute(options: argparse.Namespace) -> int:
    """Runs the statements."""
    text = options.execute if options.file is None else read_script(options.file)
    text = text.rstrip()
    session = Session(
        # A SELECT that ksqlDB's rules refuse is run as full SQL, if the server knows it.
        properties={SQL_PROPERTY: "true", **dict(options.properties)},
        row_limit=options.row_limit,
        timeout_ms=options.timeout,
    )
    session.variables.update(options.define)
    credentials = credentials_of(options)
    with _server(options) as url:
        connection = Connection(url, credentials)
        arrow = media.ARROW if options.output == "arrow" else None
        presenter = _presenter(options.output, session)
        runner = StatementRunner(session, connection, presenter, table_type=arrow)
        try:
            runner.run(text if text.endswith(";") else text + ";")
        except UnreachableError as error:
            raise ExternalError(str(error), retryable=True) from error
        finally:
            connection.close()
    return FAILED if runner.refusals else OK


def _presenter(output: str, session: Session) -> Presenter:
    match output:
        case "json":
            return JsonLines(sys.stdout)
        case "csv":
            return Csv(sys.stdout)
        case "arrow":
            return ArrowTables(sys.stdout)
        case _:
            return Tables(session, Terminal(sys.stdout))


@contextmanager
def _server(options: argparse.Namespace) -> Iterator[str]:
    flags = {name: getattr(options, name) for name in _OWN_SERVER}
    if options.server is None:
        with own_server(flags=flags) as server:
            yield server.url
        return
    if any(value is not None for value in flags.values()):
        raise PropertyError("--server does not go together with options for a server of one's own")
    yield options.server
