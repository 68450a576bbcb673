"""How a server is set up: defaults, a TOML file, the environment and flags; the later one wins.

    # merganser.toml
    host = "127.0.0.1"
    port = 8088
    data_dir = "/var/lib/merganser"
    bootstrap_servers = "localhost:9092"
    service_id = "default_"

    [properties]
    "ksql.streams.auto.offset.reset" = "earliest"

In the environment the same names stand behind `MERGANSER_` (`MERGANSER_DATA_DIR`), and properties
are written with `_` for `.`, as in ksqlDB's containers:
`MERGANSER_KSQL_STREAMS_AUTO_OFFSET_RESET=earliest`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import structlog

from merganser.errors import PropertyError
from merganser.server.secrets import with_secrets

logger = structlog.get_logger(__name__)

PREFIX = "MERGANSER_"
PORT_MAX = 65_535
DEFAULT_PORT = 8088
CLIENTS_OWN = frozenset({"user", "password", "token"})  # What the command line asks with.


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything that a server needs to know before it starts.

    Attributes:
        host: Address to listen on; only this machine by default.
        port: Port to listen on; 0 takes a free one.
        tls_certificate: PEM file with the certificate and its chain; with it, the port speaks TLS.
        tls_key: PEM file with its key, if that is not in the same file.
        tls_client_ca: PEM file; clients must show a certificate that one in it has signed.
        data_dir: Where state (and, without Kafka, the log) is kept; None keeps all in memory.
        bootstrap_servers: Kafka's; None means the embedded log.
        service_id: Names the server's topics, groups and commands.
        properties: Server-wide defaults by ksqlDB's names.
    """

    host: str = "127.0.0.1"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_key_password: str | None = field(default=None, repr=False)
    tls_client_ca: Path | None = None
    port: int = DEFAULT_PORT
    data_dir: Path | None = None
    bootstrap_servers: str | None = None
    service_id: str = "default_"
    properties: Mapping[str, str] = field(default_factory=dict)


def load_config(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> ServerConfig:
    """The configuration from all places. Flags that are None are not given.

    Raises:
        PropertyError: A name is unknown or a value wrong; tells the name and where it stands.
    """
    values: dict[str, Any] = {}
    properties: dict[str, str] = {}
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    for source, settings in (
        (f"the file {file}", _from_file(file)),
        ("the environment", _from_environment(os.environ if environment is None else environment)),
        ("the command line", given),
    ):
        for name, value in settings.items():
            if name == "properties":
                properties.update(_property_texts(value, source))
            else:
                values[name] = _read(name, value, source)
    known = os.environ if environment is None else environment
    properties = {name: with_secrets(name, text, known) for name, text in properties.items()}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = with_secrets(name, value, known)
    return ServerConfig(**values, properties=properties)


def _from_file(file: Path | None) -> Mapping[str, object]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PropertyError(f"the configuration file {file} cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PropertyError(f"the configuration file {file} is no TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> Mapping[str, object]:
    settings: dict[str, object] = {}
    properties: dict[str, str] = {}
    for key, value in environment.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        if name.startswith(_PROPERTIES_OF):
            properties[name.replace("_", ".")] = value
        elif name in CLIENTS_OWN:
            continue
        elif name in _READERS:
            settings[name] = value
        else:
            # The environment is shared: a name of somebody else's must not stop the server.
            logger.warning("unknown name in the environment", name=key)
    return {**settings, "properties": properties}


_PROPERTIES_OF = (
    "ksql_",
    "merganser_",
    "sasl_",
    "ssl_",
    "security_",
    "authentication_",
    "access_",
)
"""What names of properties begin with in the environment."""


def _property_texts(value: object, source: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise PropertyError(f"properties in {source} must be a table of names and values")
    return dict(_flat(value))


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """TOML reads `a.b = 1` as a table in a table: names are put together again."""
    for name, value in table.items():
        match value:
            case Mapping():
                yield from _flat(value, f"{prefix}{name}.")
            case bool():
                yield prefix + name, str(value).lower()
            case _:
                yield prefix + name, str(value)


def _read(name: str, value: object, source: str) -> object:
    reader = _READERS.get(name)
    if reader is None:
        known = ", ".join(sorted([*_READERS, "properties"]))
        raise PropertyError(f'"{name}" in {source} is no setting', hint=f"Settings are {known}.")
    try:
        return reader(value)
    except ValueError as error:
        raise PropertyError(f'{name} in {source} is "{value}", but must be {error}') from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _port(value: object) -> int:
    wanted = f"a number from 0 to {PORT_MAX}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(wanted)  # noqa: TRY004 (told to the user as one thing)
    try:
        port = int(value)
    except ValueError as error:
        raise ValueError(wanted) from error
    if not 0 <= port <= PORT_MAX:
        raise ValueError(wanted)
    return port


def _directory(value: object) -> Path:
    return Path(_text(str(value) if isinstance(value, Path) else value)).expanduser()


_READERS: dict[str, Callable[[object], object]] = {
    "host": _text,
    "tls_certificate": _directory,
    "tls_key": _directory,
    "tls_key_password": _text,
    "tls_client_ca": _directory,
    "port": _port,
    "data_dir": _directory,
    "bootstrap_servers": _text,
    "service_id": _text,
}

assert {*_READERS, "properties"} == {entry.name for entry in fields(ServerConfig)}
