"""`merganser [SERVER_URL]`: statements at a prompt, from a pipe, from `-e` or from `-f`."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merganser.cli.arguments import (
    OK,
    SHELL_FAILED,
    add_credentials,
    add_server_options,
    credentials_of,
    name_and_value,
    positive,
    server_flags,
)
from merganser.cli.connection import Connection, Credentials
from merganser.cli.embedded import own_server
from merganser.cli.properties import read_properties
from merganser.cli.session import OutputFormat, Session
from merganser.cli.shell import Shell
from merganser.cli.statements import read_script
from merganser.cli.terminal import Terminal
from merganser.errors import MerganserError, PropertyError, UserError
from merganser.server.client import ServerError, UnreachableError

_CLIENT_PROPERTIES = ("ssl.", "sasl.", "security.")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options: ksqlDB's by name and meaning, and those of a server of one's own."""
    parser.description = (
        "Streaming SQL at a prompt. Without SERVER_URL a server runs inside this process, on the "
        "embedded\nlog; unless --data-dir is given it keeps everything in memory and forgets it at "
        "the end."
    )
    parser.add_argument("server_url", nargs="?", metavar="SERVER_URL", help="http://host:port")
    parser.add_argument(
        "--config-file",
        type=Path,
        metavar="FILE",
        help="a properties file (name=value lines) with properties for the session",
    )
    add_credentials(parser)
    parser.add_argument(
        "--output",
        choices=[form.value for form in OutputFormat],
        default="TABULAR",
        help="form of results (default: TABULAR)",
    )
    parser.add_argument("-e", "--execute", metavar="SQL", help="run these statements and exit")
    parser.add_argument(
        "-f", "--file", metavar="FILE", help="run the statements of a file and exit"
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
        "--query-row-limit", type=positive, metavar="ROWS", help="end a SELECT after so many rows"
    )
    parser.add_argument(
        "--query-timeout", type=positive, metavar="MS", help="end a SELECT after so long"
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    add_server_options(parser.add_argument_group("a server of one's own"))


def execute(options: argparse.Namespace) -> int:
    """Runs the shell."""
    session = Session(
        properties=_session_properties(options.config_file),
        output=OutputFormat(options.output),
        row_limit=options.query_row_limit,
        timeout_ms=options.query_timeout,
    )
    session.variables.update(options.define)
    credentials = _credentials(options)
    terminal = Terminal(sys.stdout)
    with _server(options) as url:
        connection = Connection(url, credentials)
        try:
            return _serve_user(Shell(session, connection, terminal), options)
        finally:
            connection.close()


def _serve_user(shell: Shell, options: argparse.Namespace) -> int:
    if options.execute is not None or options.file is not None:
        return _run_given(shell, options)
    if sys.stdin.isatty():
        from merganser.cli.repl import interact  # noqa: PLC0415 (only a prompt needs it)

        shell.greet()
        interact(shell)
    else:
        from merganser.cli.repl import read_piped  # noqa: PLC0415 (likewise)

        read_piped(shell, sys.stdin)
    return OK


def _run_given(shell: Shell, options: argparse.Namespace) -> int:
    """Runs `-e` or `-f`. As in ksqlDB, what the server refuses does not change the exit status."""
    if options.execute is not None:
        text = options.execute.rstrip()
        text += "" if text.endswith(";") else ";"
    else:
        text = read_script(options.file)
    try:
        shell.run_statements(text)
    except (MerganserError, ServerError, UnreachableError) as error:
        shell.terminal.error(str(error))
        return SHELL_FAILED
    return OK


@contextmanager
def _server(options: argparse.Namespace) -> Iterator[str]:
    flags = server_flags(options)
    if options.server_url is None:
        with own_server(config_file=options.config, flags=flags) as server:
            yield server.url
        return
    if options.config or any(value is not None for value in flags.values()):
        raise PropertyError("a SERVER_URL and options for a server of one's own do not go together")
    yield options.server_url


def _credentials(options: argparse.Namespace) -> Credentials:
    password = options.password
    if options.user and not password:
        if not sys.stdin.isatty():
            raise UserError("there is no password, and no terminal to ask for it on")
        password = getpass.getpass("Enter password: ")
    return credentials_of(options, password)


def _session_properties(file: Path | None) -> dict[str, str]:
    """Reads the session's properties; those about the client's connection are not used here."""
    if file is None:
        return {}
    found = read_properties(file)
    unused = sorted(name for name in found if name.startswith(_CLIENT_PROPERTIES))
    if unused:
        names = ", ".join(unused)
        print(f"note: {file}: not used by this client: {names}", file=sys.stderr)  # noqa: T201
    return {name: value for name, value in found.items() if name not in unused}
