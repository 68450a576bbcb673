# ruff: noqa: S608 - names come from the formats under test.
"""Records and bytes a second that formats decode and encode on one core, by CPU time. Prints only.

Beside each stands what a program without Merganser would use, a record at a time, in the same run:
fastavro, protobuf (each field taken out) and orjson.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import fastavro
import orjson
import pyarrow as pa

from merganser.engine.duck import Duck, arrow_type, identifier, physical_name
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.proto_schema import ProtoSchema, message_class
from merganser.engine.formats.schema_format import HEADER_BYTES, SchemaFormat
from merganser.engine.functions.python_function import register_functions
from merganser.engine.schema import Column
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaBinding
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    STRING,
    ArrayType,
    MapType,
    SqlType,
    StructField,
    StructType,
)

VALUES = 600_000  # Fields of all rows of a shape together: a fraction of a second each.
ROUNDS = 3
FORMATS_HERE = ("AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON", "JSON_SR", "DELIMITED")
FLAT: Sequence[SqlType] = (
    BIGINT, STRING, DOUBLE, INTEGER, STRING, BOOLEAN, BIGINT, STRING, DOUBLE, INTEGER,
)  # fmt: skip
ADDRESS = StructType((StructField("STREET", STRING), StructField("ZIP", INTEGER)))
NESTED: Sequence[SqlType] = (
    BIGINT, ADDRESS, ArrayType(INTEGER), MapType(STRING, DOUBLE), ArrayType(ADDRESS),
)  # fmt: skip
SHAPES: dict[str, Sequence[SqlType]] = {
    "3 fields": FLAT[:3],
    "10 fields": FLAT,
    "50 fields": FLAT * 5,
    "nested": NESTED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns and their rows."""

    name: str
    columns: list[Column]
    table: pa.Table

    @classmethod
    def of(cls, name: str, types: Sequence[SqlType]) -> Shape:
        """Rows of some types, one value in twenty NULL."""
        columns = [Column(f"COLUMN_{number}", kind) for number, kind in enumerate(types)]
        count = VALUES // (len(types) if name != "nested" else 10)
        arrays = [
            pa.array(
                [None if row % 20 == place else _value(column.type, row) for row in range(count)],
                arrow_type(column.type),
            )
            for place, column in enumerate(columns)
        ]
        names = [physical_name(column.name) for column in columns]
        return cls(name, columns, pa.Table.from_arrays(arrays, names))


def _value(kind: SqlType, row: int) -> object:
    if kind == BIGINT:
        return 1_700_000_000_000 + row * 37
    if kind == INTEGER:
        return row * 7919 % 100_000
    if kind == DOUBLE:
        return (row + 1) / 100
    if kind == BOOLEAN:
        return row % 3 == 0
    match kind:
        case ArrayType(element):
            return [_value(element, row + n) for n in range(row % 4)]
        case MapType(_, value):
            return [(f"key_{n}", _value(value, row + n)) for n in range(row % 3)]
        case StructType(fields):
            return {physical_name(field.name): _value(field.type, row) for field in fields}
        case _:
            return f"value_{row * 7919 % 100_000}"


def _best_s(run: Callable[[], object]) -> float:
    """CPU seconds of the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def _measure(name: str, shape: Shape) -> None:
    duck = Duck.memory(threads=1)
    register_functions(duck)
    binding = SchemaBinding(MemorySchemaRegistry(), "bench-value")
    options = FormatOptions(name != "DELIMITED", ",", {}, binding)
    duck.register("origin", shape.table)
    encoder = FORMATS[name].encoder(shape.columns, options, is_key=False)
    columns = {column.name: identifier(column.name) for column in shape.columns}

    def encode() -> pa.Table:
        encoded = encoder.encode(duck, "origin", columns)
        return duck.arrow(f"SELECT {encoded.payload} AS payload FROM {encoded.source}")

    records = encode()
    decoder = FORMATS[name].decoder(shape.columns, options, is_key=False)

    def decode() -> object:
        batch = Batch(duck, "$source", records)
        decoded = decoder.decode(batch, '"payload"')
        counts = ", ".join(f"count({sql})" for sql in decoded.columns.values())
        return duck.rows(f"SELECT {counts} FROM {batch.source}")

    payloads: list[bytes] = records.column(0).to_pylist()
    size = sum(map(len, payloads))
    _print(name, "encode", shape, size, _best_s(encode))
    _print(name, "decode", shape, size, _best_s(decode))
    peer = _peer(name, shape, options, payloads)
    if peer is not None:
        title, write, read = peer
        _print(f"  {title}", "encode", shape, size, _best_s(write))
        _print(f"  {title}", "decode", shape, size, _best_s(read))


Peer = tuple[str, Callable[[], object], Callable[[], object]]
"""A library's name, and writing and reading all records with it."""


def _peer(name: str, shape: Shape, options: FormatOptions, payloads: list[bytes]) -> Peer | None:
    format_ = FORMATS[name]
    if name == "AVRO":
        assert isinstance(format_, SchemaFormat)
        text = format_.schema_text(shape.columns, options, is_key=False)
        return _fastavro(text, [payload[HEADER_BYTES:] for payload in payloads])
    if name == "PROTOBUF":
        assert isinstance(format_, SchemaFormat)
        text = format_.schema_text(shape.columns, options, is_key=False)
        return _protobuf(text, [payload[HEADER_BYTES + 1 :] for payload in payloads])
    if name == "JSON":
        rows = [orjson.loads(payload) for payload in payloads]
        return (
            "orjson",
            lambda: [orjson.dumps(row) for row in rows],
            lambda: [orjson.loads(payload) for payload in payloads],
        )
    return None


def _fastavro(text: str, payloads: list[bytes]) -> Peer:
    schema = fastavro.parse_schema(json.loads(text))
    read = fastavro.schemaless_reader
    rows = [read(io.BytesIO(payload), schema, None) for payload in payloads]

    def write() -> None:
        for row in rows:
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, schema, row)
            stream.getvalue()

    return "fastavro", write, lambda: [read(io.BytesIO(p), schema, None) for p in payloads]


def _protobuf(text: str, payloads: list[bytes]) -> Peer:
    descriptor = ProtoSchema(text, {}).message(None)
    kind, names = message_class(descriptor), [field.name for field in descriptor.fields]
    rows = [
        {name: getattr(message, name) for name in names}
        for message in map(kind.FromString, payloads)
    ]

    def read() -> object:
        return [[getattr(m, name) for name in names] for m in map(kind.FromString, payloads)]

    return "protobuf", lambda: [kind(**row).SerializeToString() for row in rows], read


def _print(name: str, what: str, shape: Shape, size: int, seconds: float) -> None:
    rate, volume = shape.table.num_rows / seconds, size / seconds / 1e6
    print(f"{name:<14} {shape.name:<10} {what}  {rate:>12,.0f} records/s  {volume:>7,.1f} MB/s")


def main() -> None:
    """Measures each format with each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", default=FORMATS_HERE, help="default: all")
    for shape_name, types in SHAPES.items():
        shape = Shape.of(shape_name, types)
        for name in parser.parse_args().formats:
            if name == "DELIMITED" and shape_name == "nested":
                continue
            _measure(name, shape)
        print()


if __name__ == "__main__":
    main()
