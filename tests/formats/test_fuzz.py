"""Any bytes to any decoder: no crash, no hang, and good records around them stay as they were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.duck import identifier
from merganser.engine.formats import batch_decoder
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.schema import Column
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaBinding
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
from tests.formats.binary_maker import Maker
from tests.formats.harness import EXACTLY, decode, shared_duck
from tests.formats.test_round_trips import _load

SCALARS: list[SqlType] = [
    BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, TIME, DATE, TIMESTAMP, DecimalType(9, 2),
]  # fmt: skip
NESTED: list[SqlType] = [
    ArrayType(BIGINT), MapType(STRING, DOUBLE), StructType((StructField("X", INTEGER),)),
]  # fmt: skip
TYPES: dict[str, list[SqlType]] = {
    **dict.fromkeys(
        ("AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON", "JSON_SR", "MSGPACK"), SCALARS + NESTED
    ),
    "DELIMITED": SCALARS,
    "KAFKA": [BIGINT],
}
RECORDS = 8


def test_every_format_that_reads_columns_is_here() -> None:
    assert {*TYPES} == {*FORMATS} - {"NONE"}


@pytest.mark.parametrize("name", TYPES)
@given(seed=st.integers(0, 2**32), noise=st.lists(st.binary(max_size=40), max_size=5))
@settings(max_examples=20, deadline=None)
def test_any_bytes_may_come(name: str, seed: int, noise: list[bytes]) -> None:
    maker = Maker(seed, in_protobuf=True)
    columns = [Column(f"C{n}", kind) for n, kind in enumerate(TYPES[name])]
    wrapped = FORMATS[name].wraps
    binding = SchemaBinding(MemorySchemaRegistry(), "t-value")
    options = FormatOptions(wrapped, ",", {}, binding)
    duck = shared_duck()
    _load(duck, columns, [[maker.value(c.type) for c in columns] for _ in range(RECORDS)])
    encoder = FORMATS[name].encoder(columns, options, is_key=False)
    encoded = encoder.encode(duck, "origin", {c.name: identifier(c.name) for c in columns})
    table = duck.arrow(f"SELECT {encoded.payload} FROM {encoded.source}")
    good: list[bytes | None] = table.column(0).to_pylist()
    starts = [payload[:5] for payload in good if payload is not None]
    bad = [
        *(maker.mutated(payload) for payload in good if payload is not None),
        *noise,
        *(start + end for start, end in zip(starts, noise, strict=False)),
    ]
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for rows in (0, EXACTLY):
            patch.setattr(batch_decoder, "SMALL_ROWS", rows)
            patch.setattr(batch_decoder, "SMALL_COLUMNAR_ROWS", rows)
            alone = FORMATS[name].decoder(columns, options, is_key=False)
            expected = decode(duck, alone, good)
            among = FORMATS[name].decoder(columns, options, is_key=False)
            rows_found = decode(duck, among, [*good, *bad, *good])
            assert rows_found[:RECORDS] == expected
            assert rows_found[-RECORDS:] == expected
            found.append(rows_found)
            for payload in bad:
                assert among.reason(payload)
    for payload, one, other in zip([*good, *bad, *good], *found, strict=True):
        assert one == other, payload
