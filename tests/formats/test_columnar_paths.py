"""Avro and Protobuf by whole batches give what they give record by record, whatever the bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.duck import identifier
from merganser.engine.formats import batch_decoder, batch_encoder
from merganser.engine.formats.avro_rows import AvroRowWriter
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.proto_schema import ProtoSchema
from merganser.engine.formats.protobuf import BareRowWriter
from merganser.engine.formats.schema_format import LazyWriterSchema, SchemaFormat, header
from merganser.engine.schema import Column
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaBinding, SchemaKind
from merganser.engine.types import BIGINT, STRING, StructType
from tests.formats.binary_maker import Maker
from tests.formats.harness import EXACTLY, FAILED, batch_of, decode, shared_duck
from tests.formats.test_round_trips import _load

NAMES = ("AVRO", "PROTOBUF", "PROTOBUF_NOSR")
SEEDS = st.integers(0, 2**32)
Rows = list[tuple[object, ...] | str]

AVRO = json.dumps(
    {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "a", "type": "int"},
            {"name": "b", "type": ["string", "null"]},
            {"name": "c", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}},
            {"name": "d", "type": {"type": "fixed", "name": "F", "size": 4}},
            {"name": "e", "type": {"type": "map", "values": ["null", "float"]}},
            {"name": "f", "type": ["null", "int", "string", {"type": "array", "items": "long"}]},
            {"name": "g", "type": {"type": "array", "items": {"type": "map", "values": "bytes"}}},
            {
                "name": "h",
                "type": [
                    "null",
                    {
                        "type": "record",
                        "name": "N",
                        "fields": [
                            {"name": "x", "type": "null"},
                            {"name": "y", "type": "boolean"},
                            {"name": "z", "type": {"type": "int", "logicalType": "time-millis"}},
                        ],
                    },
                ],
            },
            {
                "name": "i",
                "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            },
            {"name": "j", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "k", "type": {"type": "int", "logicalType": "date"}},
            {"name": "l", "type": "long"},
        ],
    }
)
PROTO = """
syntax = "proto3";
import "google/protobuf/wrappers.proto";
import "google/protobuf/timestamp.proto";
import "google/type/date.proto";
import "google/type/timeofday.proto";
import "confluent/type/decimal.proto";
message M {
  int32 a = 1; sint64 b = 20; fixed32 c = 3; sfixed64 d = 4; uint64 e = 5; bool f = 6;
  float g = 7; double h = 8; string i = 9; bytes j = 10; E k = 11; optional string l = 12;
  repeated int32 m = 13; repeated string n = 14; map<string, int64> o = 15; N p = 16;
  repeated N q = 17; google.protobuf.Int32Value r = 18; google.protobuf.Timestamp s = 19;
  oneof choice { string t = 21; N u = 22; }
  google.type.Date v = 23; google.type.TimeOfDay w = 24; map<string, N> y = 26; sint32 z = 27;
  enum E { ZERO = 0; TWO = 2; }
  message N { string a = 1; repeated double b = 2; optional N2 c = 300; }
  message N2 { int64 a = 1; }
}
"""


def bound(name: str, text: str) -> tuple[FormatOptions, bytes]:
    """Options of a schema in a registry, and the bytes in front of its records."""
    registry = MemorySchemaRegistry()
    kind = SchemaKind.AVRO if name == "AVRO" else SchemaKind.PROTOBUF
    schema = registry.register("t-value", kind, text)
    options = FormatOptions(True, ",", {}, SchemaBinding(registry, "t-value"))
    return options, header(schema.schema_id) + (b"\0" if name == "PROTOBUF" else b"")


def both(
    name: str, columns: Sequence[Column], options: FormatOptions, payloads: Sequence[bytes | None]
) -> tuple[Rows, Rows]:
    """What the batch and what the exact reading give."""
    found: list[Rows] = []
    with pytest.MonkeyPatch.context() as patch:
        for rows in (0, EXACTLY):
            patch.setattr(batch_decoder, "SMALL_COLUMNAR_ROWS", rows)
            decoder = FORMATS[name].decoder(columns, options, is_key=False)
            found.append(decode(shared_duck(), decoder, payloads))
    return found[0], found[1]


def check(
    name: str, columns: Sequence[Column], options: FormatOptions, payloads: Sequence[bytes | None]
) -> Rows:
    batch, exact = both(name, columns, options, payloads)
    for payload, one, other in zip(payloads, batch, exact, strict=True):
        assert one == other, (payload, columns)
    return batch


def own_payloads(
    name: str, columns: Sequence[Column], maker: Maker, count: int
) -> tuple[list[bytes], FormatOptions]:
    """Rows as the exact writers write them."""
    plain = FormatOptions(True)
    format_ = FORMATS[name]
    if name == "PROTOBUF_NOSR":
        text = format_.schema_text(columns, plain, is_key=False)  # type: ignore[attr-defined]
        bare = BareRowWriter(columns, text, wrapped=True)
        rows = [[maker.value(column.type) for column in columns] for _ in range(count)]
        return [bare.write(row) for row in rows], plain  # type: ignore[arg-type]
    assert isinstance(format_, SchemaFormat)
    text = format_.schema_text(columns, plain, is_key=False)
    options, start = bound(name, text)
    rows = [[maker.value(column.type) for column in columns] for _ in range(count)]
    if name == "AVRO":
        assert options.binding is not None
        schema = LazyWriterSchema(options.binding, SchemaKind.AVRO, text)
        writer = AvroRowWriter(columns, schema, wrapped=True)
        return [writer.write(row) for row in rows], options  # type: ignore[arg-type]
    bare = BareRowWriter(columns, text, wrapped=True)
    return [start + bare.write(row) for row in rows], options  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_rows_of_any_type_are_read_alike(name: str, seed: int) -> None:
    maker = Maker(seed, in_protobuf=name != "AVRO")
    columns = maker.columns()
    payloads, options = own_payloads(name, columns, maker, 12)
    rows = check(name, columns, options, [*payloads, None])
    assert FAILED not in rows


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_broken_records_are_read_alike(name: str, seed: int) -> None:
    maker = Maker(seed, in_protobuf=name != "AVRO")
    columns = maker.columns()
    payloads, options = own_payloads(name, columns, maker, 12)
    check(name, columns, options, [*payloads, *(maker.mutated(p) for p in payloads * 3)])


@pytest.mark.parametrize(("name", "text"), [("AVRO", AVRO), ("PROTOBUF", PROTO)])
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_records_of_other_writers_are_read_alike(name: str, text: str, seed: int) -> None:
    maker = Maker(seed)
    options, start = bound(name, text)
    format_ = FORMATS[name]
    assert isinstance(format_, SchemaFormat)
    assert options.binding is not None
    schema = options.binding.registry.by_id(1)
    assert schema is not None
    found = format_.type_of(schema, options)
    assert isinstance(found, StructType)
    # Some of the fields, in another order, and one that the writer lacks.
    kept = maker.random.sample(found.fields, maker.random.randrange(1, len(found.fields) + 1))
    columns = [Column(field.name.upper(), field.type) for field in kept] + [Column("NEW", BIGINT)]
    if name == "AVRO":
        payloads = maker.avro(text, 12)
    else:
        message = ProtoSchema(text, {}).message(None)
        payloads = [maker.message(message) for _ in range(12)]
    whole = [start + payload for payload in payloads]
    check(name, columns, options, [*whole, *(start + maker.mutated(p) for p in payloads * 3)])


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_records_are_not_read_one_by_one(name: str) -> None:
    maker = Maker(1, in_protobuf=name != "AVRO")
    columns = [Column(f"C{n}", maker.sql_type()) for n in range(20)]
    payloads, options = own_payloads(name, columns, maker, 100)
    decoder = FORMATS[name].decoder(columns, options, is_key=False)
    assert isinstance(decoder, batch_decoder.BatchDecoder)
    assert decoder._columnar is not None
    found = decoder._columnar.read(batch_of(shared_duck(), payloads).column('"payload"'))
    assert not found.doubtful.any()


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_rows_of_any_type_are_written_alike(name: str, seed: int) -> None:
    maker = Maker(seed, in_protobuf=name != "AVRO")
    columns = maker.columns()
    wrapped = not FORMATS[name].unwraps or maker.random.random() < 0.7
    if not wrapped:
        columns = columns[:1]
    found: list[list[bytes | None]] = []
    rows = [[maker.value(column.type) for column in columns] for _ in range(12)]
    duck = shared_duck()
    _load(duck, columns, rows)
    options = FormatOptions(wrapped, ",", {}, SchemaBinding(MemorySchemaRegistry(), "t-value"))
    with pytest.MonkeyPatch.context() as patch:
        for small in (0, EXACTLY):
            patch.setattr(batch_encoder, "SMALL_ROWS", small)
            encoder = FORMATS[name].encoder(columns, options, is_key=False)
            sql = {column.name: identifier(column.name) for column in columns}
            encoded = encoder.encode(duck, "origin", sql)
            blobs = duck.arrow(f"SELECT {encoded.payload} FROM {encoded.source}")
            found.append(blobs.column(0).to_pylist())
    for row, one, other in zip(rows, *found, strict=True):
        assert one == other, (row, columns)


def test_each_schema_of_a_topic_is_read_by_itself() -> None:
    """A new writer's schema on the topic, records in turn, a bad one and a null one between."""
    registry = MemorySchemaRegistry()
    old = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}
    new = {**old, "fields": [{"name": "name", "type": "string"}, *old["fields"]]}
    ids = [
        registry.register("t-value", SchemaKind.AVRO, json.dumps(schema)).schema_id
        for schema in (old, new)
    ]
    columns = [Column("ID", BIGINT), Column("NAME", STRING)]
    options = FormatOptions(True, ",", {}, SchemaBinding(registry, "t-value"))
    first, second = header(ids[0]) + b"\x02", header(ids[1]) + b"\x04hi\x06"
    wrong = [None, b"", b"\0\0", b"\1" + first, header(99) + b"\x02", first[:5]]
    rows = check("AVRO", columns, options, [first, second, *wrong, first, second])
    assert rows == [
        ("1", None), ("3", "hi"), "<null record>", *[FAILED] * 5, ("1", None), ("3", "hi"),
    ]  # fmt: skip


def _long(number: int) -> bytes:
    found, number = bytearray(), (number << 1) ^ (number >> 63)
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


LIST = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "id", "type": "long"}, {"name": "next", "type": ["null", "R"]}],
}
NULLS = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "nothing", "type": {"type": "array", "items": "null"}},
    ],
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (LIST, b"\x02\x02\x04\0", b"\x02\x02" * 1_000_000 + b"\x02\0"),
        (NULLS, b"\x02\x04\0", b"\x02" + _long(2**60) + b"\0"),
        (NULLS, b"\x02\x04\0", b"\x02" + _long(-(2**60)) + b"\0\0"),
    ],
    ids=["deep", "endless", "endless by blocks"],
)
def test_avro_that_would_hurt_is_refused(
    schema: dict[str, object], good: bytes, bad: bytes
) -> None:
    """A deep record broke the C stack, and a list of nothings never ended."""
    options, start = bound("AVRO", json.dumps(schema))
    columns = [Column("ID", BIGINT)]
    assert check("AVRO", columns, options, [start + good, start + bad]) == [("1",), FAILED]
