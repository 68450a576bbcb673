"""Decoding and encoding of whole batches in tests."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats import batch_decoder
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import FORMATS, Decoder, FormatOptions
from merganser.engine.functions.python_function import register_functions
from merganser.engine.schema import Column, Role

FAILED = "<failed>"
NULL_RECORD = "<null record>"


def open_duck(*, threads: int = 1) -> Duck:
    """A DuckDB instance with what the engine registers, as encoders use it."""
    duck = Duck.memory(threads=threads)
    register_functions(duck)
    return duck


@functools.cache
def shared_duck() -> Duck:
    """One such instance for all tests that do not care."""
    return open_duck()


EXACTLY = 10**9
"""As SMALL_ROWS: everything is read record by record."""


def make_decoder(
    name: str,
    columns: Sequence[Column],
    *,
    wrapped: bool = True,
    delimiter: str = ",",
    is_key: bool = False,
) -> Decoder:
    """A decoder of a format that accepts the columns."""
    options = FormatOptions(wrapped=wrapped, delimiter=delimiter)
    FORMATS[name].check(columns, options, is_key=is_key)
    return FORMATS[name].decoder(columns, options, is_key=is_key)


def batch_of(duck: Duck, payloads: Sequence[bytes | None]) -> Batch:
    """Payloads as a batch with columns `place` and `payload`."""
    table = pa.table(
        {
            "place": pa.array(range(len(payloads)), pa.int64()),
            "payload": pa.array(payloads, pa.binary()),
        }
    )
    return Batch(duck, "$source", table)


def decode(
    duck: Duck, decoder: Decoder, payloads: Sequence[bytes | None]
) -> list[tuple[object, ...] | str]:
    """Each payload's values as DuckDB spells them, or FAILED or NULL_RECORD."""
    batch = batch_of(duck, payloads)
    decoded = decoder.decode(batch, '"payload"')
    failed = decoded.failed or "FALSE"
    values = [
        f"CASE WHEN NOT ({failed}) THEN CAST({sql} AS VARCHAR) END"
        for sql in decoded.columns.values()
    ]
    found = duck.rows(
        f"SELECT place, {failed}, {decoded.null}{''.join(f', {v}' for v in values)} "
        f"FROM {batch.source}"
    )
    assert [row[0] for row in found] == list(range(len(payloads)))  # Same rows, same order.
    assert all(row[1] is not None and row[2] is not None for row in found)
    return [FAILED if row[1] else NULL_RECORD if row[2] else row[3:] for row in found]


def decode_in_sql(
    patch: pytest.MonkeyPatch,
    duck: Duck,
    decoder: Decoder,
    payloads: Sequence[bytes | None],
    *,
    review_rows: int = 0,
) -> list[tuple[object, ...] | str]:
    """The same by the SQL path, however few rows there are."""
    patch.setattr(batch_decoder, "SMALL_ROWS", 0)
    patch.setattr(batch_decoder, "REVIEW_ROWS", review_rows)
    return decode(duck, decoder, payloads)


def decode_exactly(
    patch: pytest.MonkeyPatch, duck: Duck, decoder: Decoder, payloads: Sequence[bytes | None]
) -> list[tuple[object, ...] | str]:
    """The same record by record."""
    patch.setattr(batch_decoder, "SMALL_ROWS", EXACTLY)
    return decode(duck, decoder, payloads)


def encode(
    duck: Duck,
    name: str,
    columns: Sequence[Column],
    relation: str,
    expressions: Mapping[str, str] | None = None,
    *,
    wrapped: bool = True,
    delimiter: str = ",",
) -> list[bytes | None]:
    """The payloads of a relation's rows; its columns have the physical names."""
    options = FormatOptions(wrapped=wrapped, delimiter=delimiter)
    is_key = any(column.role is Role.KEY for column in columns)
    encoder = FORMATS[name].encoder(columns, options, is_key=is_key)
    sql = expressions or {column.name: identifier(column.name) for column in columns}
    encoded = encoder.encode(duck, relation, sql)
    rows = duck.rows(f"SELECT {encoded.payload} FROM {encoded.source}")
    payloads: list[bytes | None] = []
    for (payload,) in rows:
        assert payload is None or isinstance(payload, bytes)
        payloads.append(payload)
    return payloads
