"""Options that several commands have, and readers of option values."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Protocol

from merganser.cli.connection import Credentials, checked_url
from merganser.errors import UserError
from merganser.server.client import ClientTls

OK = 0
FAILED = 1
"""Something that was asked for could not be done."""
MISUSED = 2
"""The command line itself is wrong."""
SHELL_FAILED = 255
"""What ksqlDB's shell exits with, for both."""


def name_and_value(text: str) -> tuple[str, str]:
    """Reads `name=value`; the value may have further equals signs."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f'"{text}" is not of the form name=value')
    return name.strip(), value


def positive(text: str) -> int:
    """Reads a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no whole number above 0')
    return int(text)


def amount(text: str) -> float:
    """Reads a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f'"{text}" is no number above 0')
    return value


def server_url(text: str) -> str:
    """Reads a server's address."""
    try:
        return checked_url(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def address(text: str) -> tuple[str, int]:
    """Reads `HOST:PORT`, `:PORT` or `[v6]:PORT`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not of the form HOST:PORT')
    return host.strip("[]") or "127.0.0.1", int(port)


def environment(name: str) -> str:
    """Reads a default that is better not given on a command line, which others can see."""
    return os.environ.get(f"MERGANSER_{name}", "")


class Options(Protocol):
    """A parser, or a group of options in one."""

    def add_argument(self, *names: str, **settings: Any) -> object:
        """Declares an option."""
        ...


def add_credentials(parser: Options) -> None:
    """Adds what makes a client known to a server, and a server to a client."""
    parser.add_argument(
        "-u",
        "--user",
        default=environment("USER"),
        metavar="NAME",
        help="user name (default: $MERGANSER_USER)",
    )
    parser.add_argument(
        "-p",
        "--password",
        default=environment("PASSWORD"),
        metavar="PASSWORD",
        help="password (default: $MERGANSER_PASSWORD)",
    )
    parser.add_argument(
        "-t",
        "--token",
        default=environment("TOKEN"),
        metavar="TOKEN",
        help="bearer token (default: $MERGANSER_TOKEN)",
    )
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM file of who signed the server's certificate"
    )
    parser.add_argument(
        "--cert", type=Path, metavar="FILE", help="PEM file of a certificate to show"
    )
    parser.add_argument(
        "--cert-key", type=Path, metavar="FILE", help="PEM file of its key, if it is another file"
    )


def credentials_of(options: argparse.Namespace, password: str | None = None) -> Credentials:
    """Takes credentials out of parsed options.

    Raises:
        UserError: They do not make sense together.
    """
    tls = None
    if options.ca or options.cert or options.cert_key:
        if options.cert_key and not options.cert:
            raise UserError("a key needs a certificate: --cert")
        tls = ClientTls(options.ca, options.cert, options.cert_key)
    given = options.password if password is None else password
    return Credentials(options.user, given, options.token, tls).checked()


def add_log_options(parser: Options) -> None:
    """Adds what says where records live."""
    parser.add_argument(
        "--bootstrap-servers",
        metavar="HOST:PORT",
        help="Kafka's brokers; without them records live in the embedded log",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where state (and the embedded log) is kept; without it, in memory only",
    )


def add_service_option(parser: Options) -> None:
    """Adds what tells several services on one log apart."""
    parser.add_argument(
        "--service-id",
        metavar="ID",
        help="names the server's topics, groups and commands (default: default_)",
    )


def add_server_options(parser: Options) -> None:
    """Adds what a server in this process can be set up with."""
    add_log_options(parser)
    add_service_option(parser)
    parser.add_argument(
        "--property",
        dest="properties",
        type=name_and_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a ksqlDB property as the server's default; may be repeated",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help="settings in TOML; the environment (MERGANSER_…) and flags win over it",
    )


def server_flags(options: argparse.Namespace) -> dict[str, object]:
    """Takes the settings of a server out of parsed options; what was not given is None."""
    return {
        "bootstrap_servers": options.bootstrap_servers,
        "data_dir": options.data_dir,
        "service_id": options.service_id,
        "properties": dict(options.properties) or None,
    }
