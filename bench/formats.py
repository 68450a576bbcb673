# ruff: noqa: S608 - names come from the formats under test.
"""Rows a second that formats decode and encode on one thread, by CPU time. Prints only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pyarrow as pa

from merganser.engine.duck import Duck
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.functions.python_function import register_functions
from merganser.engine.schema import Column
from merganser.engine.types import BIGINT, DOUBLE, STRING

COLUMNS = [
    Column("ID", BIGINT),
    Column("USER", STRING),
    Column("AMOUNT", DOUBLE),
    Column("STATUS", STRING),
]
ROWS = 100_000
ROUNDS = 7
STATUSES = ("ACTIVE", "PENDING", "CLOSED_BY_CUSTOMER_REQUEST")

Row = tuple[int, str, float, str]


def _row(number: int) -> Row:
    user = f"user_{number * 7919 % 100_000}"
    return number, user, (number + 1) / 100, STATUSES[number % 3]


def _json(row: Row, *, blanks: bool) -> bytes:
    record = dict(zip(("id", "user", "amount", "status"), row, strict=True))
    return json.dumps(record, separators=None if blanks else (",", ":")).encode()


def _delimited(row: Row) -> bytes:
    return ",".join(map(str, row)).encode()


def _best_ns(run: Callable[[], object]) -> float:
    """Nanoseconds a row of the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best / ROWS * 1e9


def _measure(title: str, name: str, payloads: list[bytes]) -> None:
    duck = Duck.memory(threads=1)
    register_functions(duck)
    records = pa.table({"payload": pa.array(payloads, pa.binary())})
    options = FormatOptions(wrapped=name == "JSON")
    decoder = FORMATS[name].decoder(COLUMNS, options, is_key=False)
    encoder = FORMATS[name].encoder(COLUMNS, options, is_key=False)
    decode = _best_ns(lambda: decoder.decode(Batch(duck, "$source", records), "payload"))
    batch = Batch(duck, "$source", records)
    decoded = decoder.decode(batch, "payload")
    picked = ", ".join(f'{sql} AS "{column}"' for column, sql in decoded.columns.items())
    duck.execute(f"CREATE TEMP TABLE picked AS SELECT {picked} FROM {batch.source}")
    encoded = encoder.encode(duck, "picked", {c.name: f'"{c.name}"' for c in COLUMNS})
    encode = _best_ns(
        lambda: duck.rows(f"SELECT sum(octet_length({encoded.payload})) FROM {encoded.source}")
    )
    for what, ns in (("decode", decode), ("encode", encode)):
        print(f"{title:<24} {what}  {1e3 / ns:6.2f} M rows/s  {ns:6.0f} ns")


def main() -> None:
    """Measures JSON in two styles and DELIMITED."""
    rows = [_row(number) for number in range(ROWS)]
    _measure("JSON without blanks", "JSON", [_json(row, blanks=False) for row in rows])
    _measure("JSON with blanks", "JSON", [_json(row, blanks=True) for row in rows])
    _measure("DELIMITED", "DELIMITED", [_delimited(row) for row in rows])


if __name__ == "__main__":
    main()
