"""`merganser datagen`: made-up records, and the streams that read them."""

from __future__ import annotations

import csv
import json
import struct
from itertools import islice
from pathlib import Path

import pytest

from merganser.cli.datagen.schemas import SCHEMAS, RecordSchema
from merganser.cli.datagen.stream import BATCH_RECORDS, Order, Pace, encoded
from merganser.parser.build import parse_script
from merganser.server.client import Client
from merganser.server.run import RunningServer
from tests.cli.conftest import Invoke

START_MS = 1_700_000_000_000
EVERY_SCHEMA = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))


def order(schema: RecordSchema, **settings: object) -> Order:
    return Order(schema, schema.key, start_ms=START_MS, seed=1, **settings)  # type: ignore[arg-type]  # (as Order's)


def clock() -> int:
    raise AssertionError("with a start, no clock is asked")


@EVERY_SCHEMA
def test_a_seed_makes_the_same_records(schema: RecordSchema) -> None:
    first = list(encoded(order(schema, count=50), clock))
    assert first == list(encoded(order(schema, count=50), clock))
    assert len(first) == 50
    other = Order(schema, schema.key, count=50, seed=2, start_ms=START_MS)
    assert first != list(encoded(other, clock))


@EVERY_SCHEMA
def test_json_has_every_column_in_its_type(schema: RecordSchema) -> None:
    kinds = {"BIGINT": int, "INT": int, "STRING": str, "DOUBLE": float}
    for record in encoded(order(schema, count=50), clock):
        assert record.value is not None
        row = json.loads(record.value)
        assert list(row) == list(schema.columns)
        for name, sql_type in schema.columns.items():
            assert isinstance(row[name], kinds.get(sql_type, dict)), name


@EVERY_SCHEMA
def test_delimited_has_the_value_columns_in_order(schema: RecordSchema) -> None:
    places = [name for name in schema.columns_of("DELIMITED") if name != schema.key]
    json_records = list(encoded(order(schema, count=20), clock))
    delimited = list(encoded(order(schema, count=20, value_format="DELIMITED"), clock))
    for spelled, full in zip(delimited, json_records, strict=True):
        assert spelled.value is not None
        assert full.value is not None
        row = json.loads(full.value)
        assert next(csv.reader([spelled.value.decode()])) == [str(row[name]) for name in places]


def test_keys_are_in_kafkas_format() -> None:
    orders, ratings = SCHEMAS["orders"], SCHEMAS["ratings"]
    assert [r.key for r in encoded(order(orders, count=2), clock)] == [b"\0\0\0\0", b"\0\0\0\1"]
    assert next(encoded(order(ratings), clock)).key == struct.pack(">q", 0)
    by_item = Order(orders, "itemid", count=1, seed=1)
    key = next(encoded(by_item, lambda: 5)).key
    assert key is not None
    assert key.startswith(b"Item_")


def test_event_time_follows_the_rate_from_the_start() -> None:
    records = encoded(order(SCHEMAS["sensors"], rate=4.0), clock)
    assert [r.timestamp_ms - START_MS for r in islice(records, 4)] == [0, 250, 500, 750]


@EVERY_SCHEMA
@pytest.mark.parametrize("value_format", ["JSON", "DELIMITED"])
def test_the_stream_that_reads_them_is_sound(schema: RecordSchema, value_format: str) -> None:
    statement = schema.create_stream("s", "t", value_format, schema.key)
    (parsed,) = parse_script(statement)
    assert getattr(parsed, "name", None) == "S"


def test_pace_makes_up_for_lost_time() -> None:
    unlimited = Pace(None)
    assert unlimited.due() == BATCH_RECORDS
    assert unlimited.wait_seconds == 0.0
    slow = Pace(0.001)
    assert (slow.due(), slow.due()) == (1, 0)
    assert slow.wait_seconds <= 0.1


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_records_of_a_folder_can_be_read(name: str, invoke: Invoke, tmp_path: Path) -> None:
    data = ["--data-dir", tmp_path]
    outcome = invoke("datagen", name, *data, "--count", 30, "--seed", 1)
    assert outcome.status == 0
    assert f"wrote 30 records to topic {name}" in outcome.err
    statement = outcome.err.split("read them with:\n")[1]
    schema = SCHEMAS[name]
    query = f"{statement} SELECT * FROM {name}_stream;"
    rows = invoke("sql", "-e", query, *data, "--output", "json")
    assert rows.status == 0
    shown = [json.loads(line) for line in rows.out.splitlines() if not line.startswith('{"@type"')]
    expected = list(encoded(Order(schema, schema.key, count=30, seed=1), lambda: 0))
    assert len(shown) == len(expected)
    stamped = {"viewtime", "time", "_time", "rating_time", "readingtime"}  # By the clock.
    for row, record in zip(shown, expected, strict=True):
        assert record.value is not None
        made = {
            k.upper(): _upper(v) for k, v in json.loads(record.value).items() if k not in stamped
        }
        assert {name: row[name] for name in made} == made


def _upper(value: object) -> object:
    if isinstance(value, dict):
        return {name.upper(): inner for name, inner in value.items()}
    return value


@pytest.mark.parametrize("value_format", ["json", "delimited"])
def test_records_reach_a_running_server(
    value_format: str, server: RunningServer, invoke: Invoke
) -> None:
    arguments = ["--server", server.url, "--count", 3, "--seed", 1, "--topic", "t"]
    start = ["--start", "2026-01-31T08:00:00", "--rate", 1000, "--format", value_format]
    assert invoke("datagen", "users", *arguments, *start).status == 0
    query = "SELECT ROWTIME, USERID, GENDER FROM USERS;"
    rows = invoke("sql", "-e", query, "--server", server.url, "--output", "json").out.splitlines()
    assert [json.loads(row)["ROWTIME"] - 1_769_846_400_000 for row in rows] == [0, 1, 2]
    with Client(server.url) as client:
        (streams,) = client.execute("SHOW STREAMS;")
    assert streams["streams"][0]["valueFormat"] == value_format.upper()


@pytest.mark.parametrize(
    "arguments",
    [
        ["orders"],
        ["orders", "--data-dir", "x", "--server", "http://localhost:1"],
        ["orders", "--data-dir", "x", "--key", "address"],
        ["nothing", "--data-dir", "x"],
        ["orders", "--data-dir", "x", "--rate", "0"],
        ["orders", "--data-dir", "x", "--count", "-1"],
        ["orders", "--data-dir", "x", "--start", "yesterday"],
    ],
)
def test_misuse(arguments: list[str], invoke: Invoke) -> None:
    outcome = invoke("datagen", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: " in outcome.err


def test_a_folder_in_use_says_so(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "log.duckdb").write_bytes(b"this is no database" * 100)
    outcome = invoke("datagen", "orders", "--data-dir", tmp_path, "--count", 1)
    assert outcome.status == 1
    assert "error: " in outcome.err
