"""`merganser datagen`: made-up records into a topic, of Kafka, of a data folder or of a server."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from threading import Event
from typing import Protocol, TypeVar

from merganser.cli.arguments import OK, add_log_options, amount, positive, server_url
from merganser.cli.datagen.encode import key_columns
from merganser.cli.datagen.inserts import StatementWriter
from merganser.cli.datagen.schemas import SCHEMAS
from merganser.cli.datagen.stream import Order, Pace, encoded, rows
from merganser.cli.signals import stop_requested
from merganser.errors import ExternalError, PropertyError
from merganser.server.client import Client, ServerError, UnreachableError
from merganser.server.config import load_config

REPORT_SECONDS = 5.0
_Item = TypeVar("_Item")


class _Writer(Protocol[_Item]):
    def append(self, records: list[_Item]) -> None: ...


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    kinds = "\n".join(f"  {schema.name:<12} {schema.doc}" for schema in SCHEMAS.values())
    parser.description = (
        "Writes made-up records to a topic of Kafka (--bootstrap-servers), of the embedded log of "
        "a folder\nthat no server uses just now (--data-dir), or of a running server (--server)."
    )
    parser.epilog = f"schemas:\n{kinds}"
    parser.add_argument("schema", choices=list(SCHEMAS), metavar="SCHEMA", help="what to make")
    parser.add_argument("--server", type=server_url, metavar="URL", help="a running server")
    add_log_options(parser)
    parser.add_argument("--topic", metavar="NAME", help="topic (default: the schema's name)")
    parser.add_argument(
        "--format",
        choices=["json", "delimited"],
        default="json",
        help="format of values; delimited has no key and no nested column in it (default: json)",
    )
    parser.add_argument("--key", metavar="COLUMN", help="column to be the key")
    parser.add_argument("--rate", type=amount, metavar="N", help="records a second (default: all)")
    parser.add_argument("--count", type=positive, metavar="N", help="how many (default: no end)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the same seed makes the same records"
    )
    parser.add_argument(
        "--start",
        type=_moment_ms,
        metavar="TIME",
        help="event time of the first record, as 2026-01-31T08:00:00 (UTC); default: the clock",
    )
    parser.add_argument(
        "--partitions", type=positive, default=1, metavar="N", help="of a topic that is new"
    )
    parser.add_argument("--print", action="store_true", help="show the records that are written")


def execute(options: argparse.Namespace) -> int:
    """Writes records until the count is reached or a signal asks to stop."""
    order = _order(options)
    topic = options.topic or order.schema.name
    with stop_requested() as stop:
        started = time.monotonic()
        written = 0
        try:
            written = (
                _to_server(options, order, topic, stop)
                if options.server
                else _to_log(options, order, topic, stop)
            )
        except ServerError as error:
            raise ExternalError(f"the server refused: {error.message}", retryable=False) from error
        except UnreachableError as error:
            raise ExternalError(str(error), retryable=True) from error
    _tell(f"wrote {written} records to topic {topic}", written, time.monotonic() - started)
    stream = f"{order.schema.name}_stream" if topic == order.schema.name else order.schema.name
    if not options.server:
        statement = order.schema.create_stream(stream, topic, order.value_format, order.key)
        print(f"read them with:\n  {statement}", file=sys.stderr)  # noqa: T201
    return OK


def _order(options: argparse.Namespace) -> Order:
    places = [options.server, options.bootstrap_servers, options.data_dir]
    if sum(place is not None for place in places) != 1:
        raise PropertyError(
            "one of --server, --bootstrap-servers and --data-dir is needed",
            hint="For a server of its own, the shell with --data-dir opens the same folder later.",
        )
    schema = SCHEMAS[options.schema]
    key = options.key.lower() if options.key else schema.key
    if key not in key_columns(schema):
        known = ", ".join(key_columns(schema))
        raise PropertyError(f'"{key}" cannot be the key of {schema.name}', hint=f"Keys: {known}.")
    return Order(
        schema,
        key,
        options.format.upper(),
        options.rate,
        options.count,
        options.seed,
        options.start,
    )


def _to_log(options: argparse.Namespace, order: Order, topic: str, stop: Event) -> int:
    from merganser.server.produce import producer  # noqa: PLC0415 (help needs no engine)

    config = load_config(
        flags={"bootstrap_servers": options.bootstrap_servers, "data_dir": options.data_dir}
    )
    with producer(config, topic, partition_count=options.partitions) as writer:
        return _pump(encoded(order, _now_ms), writer, order, stop, show=options.print)


def _to_server(options: argparse.Namespace, order: Order, topic: str, stop: Event) -> int:
    with Client(options.server) as client:
        writer = StatementWriter(client, order, topic, options.partitions)
        return _pump(rows(order, _now_ms), writer, order, stop, show=options.print)


def _pump(
    records: Iterator[_Item], writer: _Writer[_Item], order: Order, stop: Event, *, show: bool
) -> int:
    """Moves records from one end to the other at the pace that was asked for."""
    pace = Pace(order.rate)
    written, started, reported = 0, time.monotonic(), time.monotonic()
    while not stop.is_set():
        due = pace.due()
        batch = list(islice(records, due))
        if batch:
            writer.append(batch)
            written += len(batch)
            if show:
                print(*batch, sep="\n")  # noqa: T201 (what --print asks for)
        if len(batch) < due or written == order.count:
            break
        now = time.monotonic()
        if now - reported >= REPORT_SECONDS:
            reported = now
            _tell(f"{written} records", written, now - started)
        stop.wait(pace.wait_seconds)
    return written


def _tell(text: str, records: int, seconds: float) -> None:
    rate = f"{records / seconds:,.0f} a second" if seconds > 0 else "at once"
    print(f"{text}, {rate}", file=sys.stderr)  # noqa: T201 (progress)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'"{text}" is no moment such as 2026-01-31') from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
