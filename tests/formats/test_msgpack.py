"""MSGPACK: what other programs pack is read, and what is written they can unpack."""

from __future__ import annotations

import datetime

import msgpack
import pytest

from merganser.engine.schema import Column
from merganser.engine.types import (
    BIGINT,
    BYTES,
    DOUBLE,
    STRING,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    StructField,
    StructType,
)
from tests.formats.harness import FAILED, NULL_RECORD, decode, encode, make_decoder, shared_duck

COLUMNS = [
    Column("ID", BIGINT),
    Column("NAME", STRING),
    Column("B", BYTES),
    Column("T", TIMESTAMP),
    Column("X", DOUBLE),
    Column("L", ArrayType(STRUCT := StructType((StructField("Q", BIGINT),)))),
    Column("M", MapType(STRING, BIGINT)),
]


@pytest.mark.parametrize("count", [1, 400], ids=["few", "many"])
def test_packed_objects_are_read(count: int) -> None:
    moment = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    packed = msgpack.packb(
        {
            "id": 7, "Name": "é", "b": b"\x00\xff", "t": moment, "x": float("inf"),
            "l": [{"q": 1}, None], "m": {"a": 1, 5: 2}, "other": [1, {}],
        },
        datetime=True,
    )  # fmt: skip
    expected = (
        "7", "é", "\\x00\\xFF", "2020-01-01 12:00:00", "inf", "[{'Q': 1}, NULL]", "{a=1, 5=2}",
    )  # fmt: skip
    rows = decode(shared_duck(), make_decoder("MSGPACK", COLUMNS), [packed] * count)
    assert rows == [expected] * count


def test_a_bare_value_and_null() -> None:
    decoder = make_decoder("MSGPACK", [Column("N", BIGINT)], wrapped=False)
    found = decode(shared_duck(), decoder, [msgpack.packb(5), msgpack.packb(None), None])
    assert found[0] == ("5",)
    assert found[2] == NULL_RECORD


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", b"\x81\xa2ID", b"\x81\xa2ID\xa1x", b"\xa2\xff\xff", b"\x80\x80", b"\x91" * 5000],
    ids=["empty", "unused", "cut", "type", "utf8", "more", "deep"],
)
def test_what_is_no_such_object_fails_with_a_reason(payload: bytes) -> None:
    decoder = make_decoder("MSGPACK", COLUMNS[:2])
    assert decode(shared_duck(), decoder, [payload, b"\x80"]) == [FAILED, (None, None)]
    assert decoder.reason(payload) != "the payload decodes"


def test_rows_are_written_in_its_own_types() -> None:
    columns = [Column("A", BIGINT), Column("D", DecimalType(5, 2)), *COLUMNS[2:4], *COLUMNS[5:]]
    relation = (
        '(SELECT 1 AS "A", 1.50::DECIMAL(5, 2) AS "D", \'\\x01\'::BLOB AS "B", '
        "TIMESTAMP '1970-01-01 00:00:01' AS \"T\", [{'Q': 2::BIGINT}, NULL] AS \"L\", "
        "MAP {'k': 3::BIGINT} AS \"M\")"
    )
    (payload,) = encode(shared_duck(), "MSGPACK", columns, relation)
    assert payload is not None
    assert msgpack.unpackb(payload) == {
        "A": 1, "D": "1.50", "B": b"\x01", "T": 1000, "L": [{"Q": 2}, None], "M": {"k": 3},
    }  # fmt: skip
