"""DELIMITED decoding in SQL gives what the exact reading gives, or gives way to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.schema import Column
from merganser.engine.types import DOUBLE, STRING, DecimalType
from tests.formats.harness import (
    FAILED,
    decode_exactly,
    decode_in_sql,
    make_decoder,
    shared_duck,
)
from tests.formats.type_notation import parse_columns

SCHEMAS = [
    parse_columns(text)
    for text in (
        "A INT, B STRING",
        "D DOUBLE, E DECIMAL(6, 2), F BOOLEAN",
        "T TIME, DT DATE, TS TIMESTAMP, BY BYTES",
        "N DECIMAL(20, 0), X BIGINT",
        "X DOUBLE",
        "X STRING",
    )
]
ROWS = 250
FIELDS = (
    "", "1", "-1", "0", "12", "+1", " 1", "1 ", "01", "1.5", "1.50", "-0", "-0.0", ".5", "5.",
    "1e3", "1E5", "1e", "1_0", "1d", "NaN", "nan", "inf", "Infinity", "-Infinity", "0x10", "0x1p3",
    "true", "TRUE", "false", "yes", "abc", "é", '"a"', '"a,b"', '"a""b"', '"', 'a"b', "  x ",
    "AQI=", "AQI", "AQ", "!!", "QUJD", "86400000", "86400001", "2147483648",
    "9223372036854775808", "9223372036854775807", "99999.99", "9999.99", "1.505", "1.500", "\uff11",
    "\t1", "1\t", "1,2", "1\n2", "a\r", "1e400", "-", "+", "1.2.3", "1-2", "٣", "1__0", "1L",
    "\x0b1", "\xa01", "0b1", "4.9e-324", "123456789012345678901", "tRuE", "1E+5", "1e-400",
)  # fmt: skip


def _field(random: Random, column: Column) -> str:
    if random.random() < 0.4:
        return random.choice(FIELDS)
    if column.type == DOUBLE or isinstance(column.type, DecimalType):
        value = random.uniform(-100, 100)
        return random.choice([repr(value), f"{value:.2f}", f"{value:.1e}"])
    if column.type == STRING:
        return random.choice(["user", "x y", "ACTIVE", '"quoted"'])
    return str(random.randrange(-100, 10**6))


def _payloads(random: Random, columns: Sequence[Column], letter: str) -> Iterator[bytes | None]:
    for _ in range(ROWS):
        fields = [_field(random, column) for column in columns]
        if random.random() < 0.03:
            fields.append("x")
        if random.random() < 0.03:
            fields.pop()
        payload = letter.join(fields).encode()
        kind = random.random()
        if kind < 0.03 and payload:
            place = random.randrange(len(payload))
            payload = payload[:place] + bytes([random.randrange(256)]) + payload[place + 1 :]
        elif kind < 0.05:
            payload += random.choice([b"\n", b"\r\n", b"\n1,2", b'\n"x', b" "])
        elif kind < 0.06:
            payload = random.choice([b"\n", b"\r", b" "]) + payload
        yield payload if random.random() > 0.01 else None


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(SCHEMAS),
    st.sampled_from([",", "|", "TAB", "SPACE", "-", "1", "é", "."]),
)
def test_sql_reads_as_the_exact_reading(seed: int, columns: list[Column], delimiter: str) -> None:
    random = Random(seed)  # noqa: S311 - records are no secrets
    letter = {"TAB": "\t", "SPACE": " "}.get(delimiter, delimiter)
    payloads = list(_payloads(random, columns, letter))
    with pytest.MonkeyPatch.context() as patch:
        exact = make_decoder("DELIMITED", columns, wrapped=False, delimiter=delimiter)
        expected = decode_exactly(patch, shared_duck(), exact, payloads)
        decoder = make_decoder("DELIMITED", columns, wrapped=False, delimiter=delimiter)
        for _ in range(2):  # The second time it knows that there are broken rows.
            found = decode_in_sql(patch, shared_duck(), decoder, payloads)
            wrong = [
                triple
                for triple in zip(payloads, expected, found, strict=True)
                if triple[1] != triple[2]
            ]
            assert wrong == []


def test_plain_lines_need_no_exact_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = parse_columns("A INT, B STRING, C DOUBLE, D DECIMAL(6, 2), E BOOLEAN, F TIMESTAMP")
    payloads = [b"%d,user_%d,%d.25,%d.5,true,%d" % ((number,) * 5) for number in range(ROWS)]
    decoder = make_decoder("DELIMITED", columns, wrapped=False)
    assert isinstance(decoder, BatchDecoder)
    monkeypatch.setattr(decoder, "_reader", None)  # Any use of it is an error.
    found = decode_in_sql(monkeypatch, shared_duck(), decoder, payloads)
    assert FAILED not in found
    assert found[7] == ("7", "user_7", "7.25", "7.50", "true", "1970-01-01 00:00:00.007")


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_decode_or_fail_with_a_reason(payload: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DELIMITED", "JSON", "KAFKA"):
            columns = parse_columns("A STRING")
            decoder = make_decoder(name, columns, wrapped=False)
            small = decode_exactly(patch, shared_duck(), decoder, [payload])
            assert decode_in_sql(patch, shared_duck(), decoder, [payload] * 3) == small * 3
            if small == [FAILED]:
                assert decoder.reason(payload) != "the payload decodes"
