"""AVRO, JSON_SR, PROTOBUF and PROTOBUF_NOSR: round trips, wire bytes, schemas, evolution."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import pytest

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.proto_batches import indexes_bytes, read_indexes
from merganser.engine.formats.schema_format import SchemaFormat
from merganser.engine.schema import Column
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import (
    MissingRegistryError,
    SchemaBinding,
    SchemaKind,
)
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import DecodeError, EncodeError, UserError
from tests.formats.harness import FAILED, NULL_RECORD, decode
from tests.formats.harness import open_duck as new_duck
from tests.formats.test_round_trips import _load, _spelled

NAMES = ["AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR"]
STRUCT = StructType((StructField("X", INTEGER), StructField("y", STRING)))
SAMPLES: dict[SqlType, Sequence[object]] = {
    BOOLEAN: [True, False],
    INTEGER: [0, 2**31 - 1, -(2**31)],
    BIGINT: [0, -(2**63), 2**63 - 1],
    DOUBLE: [0.0, -1.5, 1e300, 5e-324],
    STRING: ["", "é😀", "a,b\n"],
    BYTES: [b"\x00\xff", b"abc"],
    TIME: [0, 1_000, 86_399_999_000],
    DATE: [0, -1, 18_321],
    TIMESTAMP: [0, -1_000, 1_582_934_399_999_000],
    DecimalType(7, 3): [Decimal("1.500"), Decimal("-1234.567"), Decimal("0.000")],
    ArrayType(INTEGER): [[1, -2], []],
    ArrayType(DecimalType(5, 2)): [[Decimal("1.50"), Decimal("-0.01")]],
    ArrayType(STRUCT): [[{"X": 1, "y$1": "a"}, {"X": -1, "y$1": ""}]],
    MapType(STRING, DOUBLE): [[("a", 1e10)], []],
    MapType(STRING, STRUCT): [[("k", {"X": 1, "y$1": "a"})]],
    StructType((StructField("S", STRUCT), StructField("T", TIMESTAMP))): [
        {"S": {"X": 1, "y$1": "b"}, "T": 5_000}
    ],
}


@cache
def open_duck() -> Duck:
    """One instance for all tests: making one takes longer than a test."""
    return new_duck()


def options(
    wrapped: bool = True, *, nullable: str | None = None, full_name: str | None = None
) -> FormatOptions:
    given = {"PROTOBUF_NULLABLE_REPRESENTATION": nullable, "SCHEMA_FULL_NAME": full_name}
    properties = {name: text for name, text in given.items() if text is not None}
    binding = SchemaBinding(MemorySchemaRegistry(), "t-value")
    return FormatOptions(wrapped, ",", properties, binding)


def write(
    name: str, columns: Sequence[Column], given: FormatOptions, rows: Sequence[Sequence[object]]
) -> list[bytes | None]:
    duck = open_duck()
    _load(duck, columns, rows)
    encoder = FORMATS[name].encoder(columns, given, is_key=False)
    sql = {column.name: identifier(column.name) for column in columns}
    encoded = encoder.encode(duck, "origin", sql)
    found = duck.rows(f"SELECT {encoded.payload} FROM {encoded.source}")
    return [payload for (payload,) in found]  # type: ignore[misc]  # a BLOB column


def read(
    name: str, columns: Sequence[Column], given: FormatOptions, payloads: Sequence[bytes | None]
) -> list[tuple[object, ...] | str]:
    decoder = FORMATS[name].decoder(columns, given, is_key=False)
    return decode(open_duck(), decoder, payloads)


def schema_of(name: str, columns: Sequence[Column], given: FormatOptions) -> str:
    found = FORMATS[name]
    assert isinstance(found, SchemaFormat)
    return found.schema_text(columns, given, is_key=False)


# ------------------------------------------------------------------ round trips


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sql_type", SAMPLES, ids=str)
def test_a_single_column_comes_back(name: str, sql_type: SqlType) -> None:
    columns = [Column("A", sql_type)]
    rows = [(value,) for value in SAMPLES[sql_type]]
    duck = open_duck()
    _load(duck, columns, rows)
    expected = _spelled(duck, columns)
    for wrapped in (True, False) if FORMATS[name].unwraps else (True,):
        given = options(wrapped)
        assert read(name, columns, given, write(name, columns, given, rows)) == expected


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR"])
def test_all_columns_come_back_with_nulls(name: str) -> None:
    columns = [Column(f"C{index}", sql_type) for index, sql_type in enumerate(SAMPLES)]
    rows: list[list[object]] = [
        [values[0] for values in SAMPLES.values()],
        [None] * len(SAMPLES),
    ]
    given = options()
    duck = open_duck()
    _load(duck, columns, rows)
    payloads = write(name, columns, given, rows)
    assert read(name, columns, given, [*payloads, None]) == [
        *_spelled(duck, columns),
        NULL_RECORD,
    ]


@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
@pytest.mark.parametrize(
    ("nullable", "expected"),
    [(None, ("0", "", None)), ("OPTIONAL", (None, None, None)), ("WRAPPER", (None, None, None))],
)
def test_protobuf_tells_null_from_a_default_only_if_asked(
    name: str, nullable: str | None, expected: tuple[object, ...]
) -> None:
    columns = [Column("I", INTEGER), Column("S", STRING), Column("D", DecimalType(4, 2))]
    given = options(nullable=nullable)
    payloads = write(name, columns, given, [(None, None, None), (0, "", Decimal("1.00"))])
    assert read(name, columns, given, payloads) == [expected, ("0", "", "1.00")]


# ------------------------------------------------------------------ wire bytes


def test_an_avro_record_is_as_confluent_writes_it() -> None:
    columns = [Column("FOO", INTEGER), Column("BAR", STRING)]
    # Magic, id 1; branch 1 and zigzag 10; branch 0, which is null.
    assert write("AVRO", columns, options(), [(10, None)]) == [b"\x00\x00\x00\x00\x01\x02\x14\x00"]


def test_a_bare_avro_value_is_not_a_union() -> None:
    assert write("AVRO", [Column("K", INTEGER)], options(wrapped=False), [(10,)]) == [
        b"\x00\x00\x00\x00\x01\x14"
    ]


def test_json_stands_behind_the_schema_id() -> None:
    columns = [Column("FOO", INTEGER), Column("BAR", STRING)]
    assert write("JSON_SR", columns, options(), [(10, None)]) == [
        b'\x00\x00\x00\x00\x01{"FOO":10,"BAR":null}'
    ]


def test_a_protobuf_message_stands_behind_id_and_index() -> None:
    assert write("PROTOBUF", [Column("FOO", INTEGER)], options(), [(10,)]) == [
        b"\x00\x00\x00\x00\x01\x00\x08\x0a"
    ]


def test_protobuf_without_registry_is_the_message_alone() -> None:
    given = FormatOptions(wrapped=True)
    assert write("PROTOBUF_NOSR", [Column("FOO", INTEGER)], given, [(10,)]) == [b"\x08\x0a"]


@pytest.mark.parametrize("indexes", [[0], [1], [0, 0], [2, 1, 300]])
def test_message_indexes_come_back(indexes: list[int]) -> None:
    written = indexes_bytes(indexes)
    assert read_indexes(b"x" + written + b"y", 1) == (tuple(indexes), 1 + len(written))


def test_cut_off_indexes_are_refused() -> None:
    with pytest.raises(DecodeError):
        read_indexes(b"\x04\x02", 0)


# ------------------------------------------------------------------ what does not decode


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR", "PROTOBUF"])
def test_payloads_without_a_schema_id_fail_alone(name: str) -> None:
    columns = [Column("FOO", INTEGER)]
    given = options()
    good = write(name, columns, given, [(7,)])
    bad = [b"", b"\x00\x00", b'{"FOO": 1}', b"\x01" + (good[0] or b"")[1:]]
    assert read(name, columns, given, [*good, *bad]) == [("7",), *([FAILED] * len(bad))]


@pytest.mark.parametrize("name", ["AVRO", "PROTOBUF"])
def test_an_unknown_schema_id_fails_with_a_reason(name: str) -> None:
    decoder = FORMATS[name].decoder([Column("FOO", INTEGER)], options(), is_key=False)
    assert decoder.reason(b"\x00\x00\x00\x00\x63\x00") == "the registry has no schema 99"


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR", "PROTOBUF"])
def test_cut_off_payloads_fail(name: str) -> None:
    columns = [Column("A", STRING)]
    given = options()
    (whole,) = write(name, columns, given, [("abcdef",)])
    assert whole is not None
    assert read(name, columns, given, [whole[:-2]]) == [FAILED]


@pytest.mark.parametrize("name", ["AVRO", "PROTOBUF"])
def test_a_format_without_registry_is_refused_with_its_code(name: str) -> None:
    with pytest.raises(MissingRegistryError) as caught:
        FORMATS[name].decoder([Column("A", STRING)], FormatOptions(wrapped=True), is_key=False)
    assert caught.value.code == 42801


# ------------------------------------------------------------------ the writer's schema counts


def avro_payload(schema: object, body: bytes, given: FormatOptions) -> bytes:
    assert given.binding is not None
    found = given.binding.registry.register("t-value", SchemaKind.AVRO, json.dumps(schema))
    return b"\x00" + found.schema_id.to_bytes(4, "big") + body


def test_avro_columns_find_fields_by_upper_cased_name() -> None:
    given = options()
    fields = [
        {"name": "other", "type": "string"},
        {"name": "foo", "type": "int"},
        {"name": "suit", "type": {"type": "enum", "name": "Suit", "symbols": ["A", "B"]}},
    ]
    payload = avro_payload(
        {"type": "record", "name": "R", "fields": fields}, b"\x02x\x0e\x02", given
    )
    columns = [
        Column("FOO", BIGINT), Column("SUIT", STRING), Column("MISSING", DOUBLE),
    ]  # fmt: skip
    assert read("AVRO", columns, given, [payload]) == [("7", "B", None)]


@pytest.mark.parametrize(
    ("schema", "body", "sql_type", "expected"),
    [
        ("int", b"\x14", STRING, "10"),
        ("boolean", b"\x01", STRING, "true"),
        ("double", b"\x00\x00\x00\x00\x00\x00\xf8\x3f", STRING, "1.5"),
        ("int", b"\x14", BIGINT, "10"),
        ("float", b"\x00\x00\xc0\x3f", DOUBLE, "1.5"),
        ({"type": "map", "values": "int"}, b"\x02\x02a\x02\x00", MapType(STRING, INTEGER), "{a=1}"),
    ],
)
def test_avro_types_widen(schema: object, body: bytes, sql_type: SqlType, expected: str) -> None:
    given = options(wrapped=False)
    payload = avro_payload(schema, body, given)
    assert read("AVRO", [Column("A", sql_type)], given, [payload]) == [(expected,)]


@pytest.mark.parametrize(("schema", "sql_type"), [("long", INTEGER), ("string", INTEGER)])
def test_avro_types_do_not_narrow(schema: str, sql_type: SqlType) -> None:
    given = options(wrapped=False)
    payload = avro_payload(schema, b"\x02\x02", given)
    assert read("AVRO", [Column("A", sql_type)], given, [payload]) == [FAILED]


def test_null_into_a_required_field_fails() -> None:
    registry = MemorySchemaRegistry()
    schema = {"type": "record", "name": "R", "fields": [{"name": "A", "type": "int"}]}
    found = registry.register("t-value", SchemaKind.AVRO, json.dumps(schema))
    given = FormatOptions(True, binding=SchemaBinding(registry, "t-value", found))
    columns = [Column("A", INTEGER)]
    assert write("AVRO", columns, given, [(1,)]) == [b"\x00\x00\x00\x00\x01\x02"]
    more = [*columns, Column("B", INTEGER)]
    with pytest.raises(EncodeError):
        write("AVRO", more, given, [(None, 1)])


# ------------------------------------------------------------------ schemas


def test_avro_schema_of_columns() -> None:
    columns = [Column("F1", StructType((StructField("F2", INTEGER),)))]
    inner = {
        "type": "record",
        "name": "OutputKey_F1",
        "fields": [{"name": "F2", "type": ["null", "int"], "default": None}],
        "connect.name": "io.confluent.ksql.avro_schemas.OutputKey_F1",
    }
    name = "io.confluent.ksql.avro_schemas.OutputKey"
    assert json.loads(schema_of("AVRO", columns, options(full_name=name))) == {
        "type": "record",
        "name": "OutputKey",
        "namespace": "io.confluent.ksql.avro_schemas",
        "fields": [{"name": "F1", "type": ["null", inner], "default": None}],
        "connect.name": name,
    }


def test_json_schema_of_columns() -> None:
    assert json.loads(schema_of("JSON_SR", [Column("FOO", INTEGER)], options())) == {
        "type": "object",
        "properties": {
            "FOO": {
                "connect.index": 0,
                "oneOf": [{"type": "null"}, {"type": "integer", "connect.type": "int32"}],
            }
        },
    }


@pytest.mark.parametrize(
    ("nullable", "line"),
    [
        (None, "int32 I = 1;"),
        ("OPTIONAL", "optional int32 I = 1;"),
        ("WRAPPER", "google.protobuf.Int32Value I = 1;"),
    ],
)
def test_protobuf_schema_of_columns(nullable: str | None, line: str) -> None:
    given = options(nullable=nullable)
    imports = 'import "google/protobuf/wrappers.proto";\n\n' if nullable == "WRAPPER" else ""
    assert schema_of("PROTOBUF", [Column("I", INTEGER)], given) == (
        f'syntax = "proto3";\n\n{imports}message ConnectDefault1 {{\n  {line}\n}}\n'
    )


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR", "PROTOBUF"])
@pytest.mark.parametrize("sql_type", SAMPLES, ids=str)
def test_a_schema_gives_back_its_columns(name: str, sql_type: SqlType) -> None:
    found = FORMATS[name]
    assert isinstance(found, SchemaFormat)
    columns = [Column("A", sql_type), Column("b", STRING)]
    given = options()
    text = found.schema_text(columns, given, is_key=False)
    schema = MemorySchemaRegistry().register("s", found.schema_kind, text)
    expected = StructType((StructField("A", sql_type), StructField("b", STRING)))
    assert found.type_of(schema, given) == expected


@pytest.mark.parametrize(
    ("name", "sql_type", "column"),
    [
        ("AVRO", INTEGER, "1a"),
        ("PROTOBUF", INTEGER, "a b"),
        ("PROTOBUF", ArrayType(ArrayType(INTEGER)), "A"),
    ],
)
def test_what_a_schema_language_lacks_is_refused(name: str, sql_type: SqlType, column: str) -> None:
    with pytest.raises(UserError):
        FORMATS[name].check([Column(column, sql_type)], options(), is_key=False)
