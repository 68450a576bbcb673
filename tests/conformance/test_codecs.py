"""JSON to bytes and back, as the cases were recorded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from merganser.engine.catalog import FormatSpec, KeyWindow, Source
from merganser.engine.schema import Column, Role, Schema
from merganser.engine.types import (
    BIGINT,
    BYTES,
    DOUBLE,
    INTEGER,
    STRING,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from tests.conformance.cases import Case, CaseKind, CaseRecord, CaseTopic, Json, Window
from tests.conformance.codecs import table
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.codecs.json_text import JsonCodec
from tests.conformance.codecs.plain import DelimitedCodec, KafkaCodec, NoneCodec
from tests.conformance.codecs.table import check_formats
from tests.conformance.compare import Comparable
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import StoredRecord
from tests.conformance.records import decode, encode


def side(*types: SqlType, wrapped: bool = True) -> Side:
    columns = tuple(Column(f"C{index}", column) for index, column in enumerate(types))
    return Side("t", is_key=False, columns=columns, wrapped=wrapped)


# ------------------------------------------------------------------ JSON


def test_json_input_keeps_text_and_spelling_of_numbers() -> None:
    value: Json = {"a": Decimal("1.00"), "b": [True, None, "é\n"], "C": 12}
    assert JsonCodec().encode(value, side()) == (
        '{"a": 1.00, "b": [true, null, "é\\n"], "C": 12}'.encode()
    )
    assert JsonCodec().encode(None, side()) is None


def test_json_output_has_exact_decimals_and_floats_for_double_columns() -> None:
    nested = StructType((StructField("X", DOUBLE), StructField("Y", DecimalType(4, 2))))
    columns = side(DOUBLE, DecimalType(4, 2), ArrayType(DOUBLE), MapType(STRING, DOUBLE), nested)
    text = b'{"C0": 10, "C1": 1.00, "C2": [1.50], "C3": {"k": 2}, "C4": {"X": 1, "Y": 2.50}}'
    decoded = JsonCodec().decode(text, columns)
    assert repr(decoded) == (
        "{'C0': 10.0, 'C1': Decimal('1.00'), 'C2': [1.5], 'C3': {'k': 2.0}, "
        "'C4': {'X': 1.0, 'Y': Decimal('2.50')}}"
    )


def test_json_bare_value_takes_the_type_of_its_column() -> None:
    assert repr(JsonCodec().decode(b"10", side(DOUBLE, wrapped=False))) == "10.0"
    assert JsonCodec().decode(b"null", side(DOUBLE, wrapped=False)) is None


@pytest.mark.parametrize("text", [b"{", b"NaN", b'{"A": Infinity}', b"\xff"])
def test_json_output_must_be_json(text: bytes) -> None:
    with pytest.raises(CodecError):
        JsonCodec().decode(text, side(DOUBLE))


# ------------------------------------------------------------------ DELIMITED, KAFKA, NONE


def test_delimited_is_the_text() -> None:
    codec = DelimitedCodec()
    assert codec.encode('"a,b",1', side()) == b'"a,b",1'
    assert codec.encode(Decimal("1.50"), side()) == b"1.50"
    assert codec.encode(None, side()) is None
    assert codec.decode(b'"a,b",1', side()) == '"a,b",1'
    assert codec.decode(None, side()) is None


@pytest.mark.parametrize(
    ("sql_type", "value", "payload", "back"),
    [
        (INTEGER, -2, b"\xff\xff\xff\xfe", -2),
        (INTEGER, "7", b"\x00\x00\x00\x07", 7),
        (BIGINT, 1, b"\x00\x00\x00\x00\x00\x00\x00\x01", 1),
        (DOUBLE, Decimal("1.5"), b"\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
        (STRING, "é", "é".encode(), "é"),
        (STRING, 12, b"12", "12"),
        (BYTES, "AQI=", b"AQI=", "AQI="),
        (STRING, None, None, None),
    ],
)
def test_kafka(sql_type: SqlType, value: Json, payload: bytes | None, back: Comparable) -> None:
    assert KafkaCodec().encode(value, side(sql_type)) == payload
    assert KafkaCodec().decode(payload, side(sql_type)) == back


def test_kafka_without_columns_takes_text_that_is_ignored() -> None:
    assert KafkaCodec().encode("x", side()) == b"x"


def test_kafka_refuses_wrong_lengths_and_values() -> None:
    with pytest.raises(CodecError):
        KafkaCodec().decode(b"\x00", side(INTEGER))
    with pytest.raises(CodecError):
        KafkaCodec().encode("x", side(INTEGER))
    with pytest.raises(CodecError):
        KafkaCodec().encode(2**40, side(INTEGER))


def test_none_is_always_null() -> None:
    assert NoneCodec().encode("ignored", side()) is None
    assert NoneCodec().decode(None, side()) is None
    with pytest.raises(CodecError):
        NoneCodec().decode(b"x", side())


# ------------------------------------------------------------------ whole records


def source(window: KeyWindow | None) -> Source:
    return Source(
        name="S",
        is_table=True,
        schema=Schema((Column("K", STRING, Role.KEY), Column("V", DOUBLE))),
        topic="s",
        key_format=FormatSpec("KAFKA", wrapped=False),
        value_format=FormatSpec("JSON", wrapped=True),
        partition_count=1,
        window=window,
    )


@pytest.mark.parametrize(
    ("key_window", "window", "key"),
    [
        (None, None, b"k"),
        (KeyWindow("TUMBLING", 10), Window(20, 30, "time"), b"k" + (20).to_bytes(8, "big")),
        (
            KeyWindow("SESSION", None),
            Window(20, 35, "session"),
            b"k" + (35).to_bytes(8, "big") + (20).to_bytes(8, "big"),
        ),
    ],
)
def test_records_round_trip(
    key_window: KeyWindow | None, window: Window | None, key: bytes
) -> None:
    record = CaseRecord("s", "k", {"V": 1}, None, window, (("h", "AQI="), ("n", None)))
    stored = encode(record, source(key_window))
    headers = (("h", b"\x01\x02"), ("n", None))
    assert stored == StoredRecord(key, b'{"V": 1}', 0, headers)
    back = decode(stored, source(key_window))
    assert (back.key, back.value, back.timestamp_ms, back.window) == ("k", {"V": 1.0}, 0, window)
    assert back.headers == headers


def test_a_windowed_key_without_window_bytes_is_a_difference() -> None:
    with pytest.raises(CaseFailure) as caught:
        decode(StoredRecord(b"k", b"{}", 0), source(KeyWindow("TUMBLING", 10)))
    assert caught.value.stage is Stage.OUTPUTS


# ------------------------------------------------------------------ formats that are missing


def case(statement: str, **members: object) -> Case:
    return Case("f/x.json#n", "c", "t", CaseKind.QUERY, (statement,), **members)  # type: ignore[arg-type]  # checked by the dataclass' own types


@pytest.mark.parametrize(
    "unsupported",
    [
        case("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='avro');"),
        case("CREATE STREAM S (A INT) WITH (format = 'PROTOBUF_NOSR');", error={}),
        case("SELECT 1;", properties={"ksql.persistence.default.format.value": "JSON_SR"}),
        case("SELECT 1;", topics=(CaseTopic("s", 1, {"valueSchema": "int"}),)),
    ],
)
def test_a_missing_format_fails_even_error_cases(
    unsupported: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "CODECS", {"JSON": JsonCodec()})
    with pytest.raises(CaseFailure) as caught:
        check_formats(unsupported)
    assert caught.value.stage is Stage.UNSUPPORTED


def test_unknown_formats_are_the_products_business() -> None:
    check_formats(case("CREATE STREAM S (A INT) WITH (VALUE_FORMAT='FOO', KEY_FORMAT='JSON');"))
