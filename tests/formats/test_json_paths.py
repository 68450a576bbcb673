"""What JSON decoding rests on: SQL gives what the exact reading gives, or gives way to it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.format import Decoder
from merganser.engine.formats.json_fast import JsonFastPath
from merganser.engine.formats.json_habits import Habits
from merganser.engine.schema import Column
from tests.formats.harness import (
    FAILED,
    decode_exactly,
    decode_in_sql,
    make_decoder,
    open_duck,
    shared_duck,
)
from tests.formats.json_maker import JsonMaker
from tests.formats.type_notation import parse_columns

SCHEMAS = [
    parse_columns(text)
    for text in (
        "ID BIGINT, USER STRING, AMOUNT DOUBLE, STATUS STRING",
        "A INT, b STRING, C BOOLEAN",
        "D DECIMAL(6, 2), E DECIMAL(20, 0), S STRING",
        "T TIME, DT DATE, TS TIMESTAMP, BY BYTES",
        "AR ARRAY<INT>, X STRING",
        "M MAP<STRING, DOUBLE>, X INT",
        "ST STRUCT<P INT, q STRING, R STRUCT<Z DOUBLE>>, X STRING",
        "AS ARRAY<STRUCT<P DECIMAL(4, 1), Q ARRAY<STRING>>>, MM MAP<STRING, STRUCT<V DATE>>",
        "A INT, a STRING",
    )
]
ROWS = 250


def _fast_path(decoder: Decoder) -> JsonFastPath:
    assert isinstance(decoder, BatchDecoder)
    assert isinstance(decoder._fast, JsonFastPath)
    return decoder._fast


def _all_habits(columns: Sequence[Column]) -> list[Habits]:
    """Every guess about a topic that can be made, right or wrong."""
    places = frozenset(i for i, c in enumerate(columns) if c.type.sql() == "STRING")
    none = frozenset[int]()
    return [
        Habits(is_compact=compact, has_nulls=nulls, doubtful=doubtful, wordy=wordy)
        for compact, nulls, doubtful, wordy in itertools.product(
            (True, False), (True, False), {places, none}, {places, none}
        )
        if not (doubtful and wordy)
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(SCHEMAS), st.booleans(), st.sampled_from([0.1, 1.0]))
def test_sql_reads_as_the_exact_reading(
    seed: int, columns: list[Column], wrapped: bool, oddity: float
) -> None:
    random = Random(seed)  # noqa: S311 - records are no secrets
    if not wrapped:
        columns = [random.choice(columns)]
    payloads = list(JsonMaker(random, oddity=oddity).payloads(columns, ROWS, wrapped=wrapped))
    duck = shared_duck()
    with pytest.MonkeyPatch.context() as patch:
        exact = make_decoder("JSON", columns, wrapped=wrapped)
        expected = decode_exactly(patch, duck, exact, payloads)
        decoder = make_decoder("JSON", columns, wrapped=wrapped)
        found = decode_in_sql(patch, duck, decoder, payloads)
        assert _differences(payloads, expected, found) == []
        for habits in _all_habits(columns):
            _fast_path(decoder)._habits = habits
            _fast_path(decoder)._habit_batches = 2
            review_rows = random.choice([0, ROWS])
            found = decode_in_sql(patch, duck, decoder, payloads, review_rows=review_rows)
            assert _differences(payloads, expected, found) == []


def _differences(
    payloads: Sequence[bytes | None], expected: Sequence[object], found: Sequence[object]
) -> list[tuple[object, ...]]:
    triples = zip(payloads, expected, found, strict=True)
    return [triple for triple in triples if triple[1] != triple[2]]


@pytest.mark.parametrize("columns", SCHEMAS, ids=lambda columns: columns[0].name)
def test_ordinary_records_need_no_exact_reading(
    columns: list[Column], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = JsonMaker(Random(1), oddity=0.0)  # noqa: S311 - records are no secrets
    payloads = list(maker.payloads(columns, ROWS, wrapped=True))
    duck = shared_duck()
    decoder = make_decoder("JSON", columns)
    if columns[0].name.lower() != columns[-1].name.lower():  # A DuckDB struct cannot have both.
        assert isinstance(decoder, BatchDecoder)
        monkeypatch.setattr(decoder, "_reader", None)  # Any use of it is an error.
    found = decode_in_sql(monkeypatch, duck, decoder, payloads)
    assert FAILED not in found


@pytest.mark.parametrize(
    "style",
    [
        b'{"ID":%d,"USER":"u%d","AMOUNT":1.25,"STATUS":"ok"}',
        b'{"id":%d,"user":"u%d","amount":1.25,"status":"ok"}',
        b'{"id": %d, "user": "u%d", "amount": 1.25, "status": "ok"}',
        b'{"id":%d,"user":"u%d","amount":1.50,"status":"ok"}',
        b'{"id":%d,"user":"u%d","amount":null,"status":"2024-01-01"}',
        b'{"id":null,"user":"u%d","amount":%d.25,"status":"ok"}',
        b'{"id":%d,"note":"x","user":"u%d","more":[1,{"a":1}],"status":"12"}',
        b'{"user":"\xc3\xa9","Id":%d,"x":%d}',
        b'{"ID":%d,"USER":"say \\"u%d\\"","AMOUNT":100.0,"STATUS":"-"}',
    ],
)
def test_records_of_any_one_style_need_no_exact_reading(
    style: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = SCHEMAS[0]
    payloads = [style % (number, number) for number in range(1, ROWS)]
    duck = shared_duck()
    expected = decode_exactly(monkeypatch, duck, make_decoder("JSON", columns), payloads)
    decoder = make_decoder("JSON", columns)
    assert isinstance(decoder, BatchDecoder)
    monkeypatch.setattr(decoder, "_reader", None)
    assert decode_in_sql(monkeypatch, duck, decoder, payloads) == expected


def test_a_batch_turns_from_one_style_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    duck = shared_duck()
    decoder = make_decoder("JSON", SCHEMAS[0])
    for style in (b'{"ID":%d,"AMOUNT":1.5}', b'{"id": %d, "Amount": 2.50}', b'{"ID":%d}'):
        payloads = [style % number for number in range(1, ROWS)]
        exact = make_decoder("JSON", SCHEMAS[0])
        expected = decode_exactly(monkeypatch, duck, exact, payloads)
        for _ in range(2):
            assert decode_in_sql(monkeypatch, duck, decoder, payloads) == expected


def test_rows_keep_their_order_over_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = parse_columns("ID BIGINT")
    payloads: list[bytes | None] = [b'{"ID":%d}' % number for number in range(300_000)]
    payloads[::1000] = [b'{"ID":"%d"}' % number for number in range(0, 300_000, 1000)]
    duck = open_duck(threads=4)
    found = decode_in_sql(monkeypatch, duck, make_decoder("JSON", columns), payloads)
    assert found == [(str(number),) for number in range(300_000)]
