"""Records that cannot be used: told of with offset and reason, kept as they were, never fatal."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path

import pytest

from merganser.engine.engine import Engine, StatementFailure
from merganser.engine.execution.dead_letters import BYTES_MAX
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import Log
from merganser.engine.runtime import faults
from merganser.engine.runtime.faults import Point
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaKind
from tests.runtime.driving import Input, append, opened, run_all, written

DEAD = "letters"
PROPERTIES = {
    "ksql.logging.processing.topic.auto.create": "true",
    "errors.dead.letter.queue.topic.name": DEAD,
}
GIANT = 100 * 2**20
AVRO = json.dumps({"type": "record", "name": "R", "fields": [{"name": "ID", "type": "long"}]})
PROTO = 'syntax = "proto3"; message R { int64 ID = 1; string NAME = 2; }'
OTHER = json.dumps({"type": "record", "name": "R", "fields": [{"name": "ID", "type": "string"}]})

Cases = list[tuple[bytes, str]]
"""Payloads that fail, each with a part of the reason."""


def framed(schema_id: int, body: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + body


JSON_CASES: Cases = [
    (b'{"ID": 1, "NAME": ', "JSON"),
    (b'{"ID": "many"}', "ID"),
    (b'{"ID": 1, "NAME": "\xff"}', "UTF-8"),
]
FRAMED: Cases = [
    (b"", "does not begin with a schema id"),
    (b"\0\0\0", "does not begin with a schema id"),
    (b"\x01\0\0\0\x01\x02", "does not begin with a schema id"),
    (framed(99, b"\x02"), "no schema 99"),
    (framed(3, b"\x02\x61"), ""),
]
CASES: dict[str, tuple[bytes, Cases]] = {
    "JSON": (b'{"ID": 1}', JSON_CASES),
    "DELIMITED": (b"1,a", [(b"1", ""), (b"x,a", ""), (b"1,\xff", "UTF-8")]),
    "AVRO": (framed(1, b"\x02"), [*FRAMED, (framed(1, b""), "Avro"), (framed(1, b"\x80"), "Avro")]),
    "PROTOBUF": (
        framed(2, b"\0\x08\x01"),
        [
            *FRAMED,
            (framed(2, b"\0\x08"), "Protobuf"),
            (framed(2, b"\0\x12\x02a"), "Protobuf"),
            (framed(2, b"\0\x12\x01\xff"), "Protobuf"),
            (framed(2, b"\x02\x0e\x08\x01"), "no such message"),
        ],
    ),
    "PROTOBUF_NOSR": (b"\x08\x01", [(b"\x08", "Protobuf"), (b"\x12\x01\xff", "Protobuf")]),
    "JSON_SR": (
        framed(4, b'{"ID": 1}'),
        [(b'{"ID": 1}', "schema id"), *((framed(4, body), part) for body, part in JSON_CASES)],
    ),
}


def registry() -> MemorySchemaRegistry:
    found = MemorySchemaRegistry()
    found.put("a", SchemaKind.AVRO, AVRO, schema_id=1)
    found.put("b", SchemaKind.PROTOBUF, PROTO, schema_id=2)
    found.put("c", SchemaKind.AVRO, OTHER, schema_id=3)
    found.put("d", SchemaKind.JSON, "{}", schema_id=4)
    return found


def start(engine: Engine, value_format: str) -> None:
    engine.execute(
        "CREATE STREAM S (ID BIGINT, NAME STRING) WITH (KAFKA_TOPIC = 'in', PARTITIONS = 1, "
        f"VALUE_FORMAT = '{value_format}'); "
        "CREATE STREAM OUT WITH (VALUE_FORMAT = 'JSON') AS SELECT ID FROM S;"
    )


def put(log: Log, payloads: list[bytes]) -> None:
    append(log, [Input("in", 0, b"k", payload, 1000) for payload in payloads])


def entries(log: Log) -> list[dict[str, object]]:
    found = []
    for record in written(log, "test_ksql_processing_log"):
        assert record.value is not None
        found.append(json.loads(record.value)["message"]["deserializationError"])
    return found


def headers(log: Log, topic: str) -> list[dict[str, str]]:
    reader = log.reader(log.start_positions(topic))
    try:
        rows = [row for batch in reader.poll(1000, 0) for row in batch.records.to_pylist()]
    finally:
        reader.close()
    return [{h["key"]: h["value"].decode() for h in row["headers"]} for row in rows]


@pytest.fixture
def log() -> EmbeddedLog:
    return EmbeddedLog()


@pytest.mark.parametrize("filling", [0, 500], ids=["few", "many"])
@pytest.mark.parametrize("value_format", CASES)
def test_bad_records_of_each_format(
    value_format: str, filling: int, log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "merganser.engine.engine.default_registry", lambda *_args, **_kwargs: registry()
    )
    good, cases = CASES[value_format]
    payloads = [good]
    for payload, _ in cases:
        payloads += [payload, good]
    payloads += [good] * filling
    with opened(log, None, properties=PROPERTIES) as engine:
        start(engine, value_format)
        put(log, payloads)
        run_all(engine)
    assert [record.value for record in written(log, "OUT")] == [b'{"ID":1}'] * (
        len(payloads) - len(cases)
    )
    told = entries(log)
    offsets = list(range(1, 2 * len(cases), 2))
    assert [entry["offset"] for entry in told] == offsets
    assert {entry["topic"] for entry in told} == {"in"}
    assert {entry["target"] for entry in told} == {"value"}
    for entry, (_, reason) in zip(told, cases, strict=True):
        assert reason in str(entry["errorMessage"])
        assert entry.get("recordB64") is None, "contents stay out unless asked for"
    letters = written(log, DEAD)
    assert [(letter.key, letter.value) for letter in letters] == [(b"k", case) for case, _ in cases]
    for told_header, offset, entry in zip(headers(log, DEAD), offsets, told, strict=True):
        assert told_header == {
            "__streams.errors.message": entry["errorMessage"],
            "__streams.errors.topic": "in",
            "__streams.errors.partition": "0",
            "__streams.errors.offset": str(offset),
        }


def test_contents_stand_in_the_processing_log_if_asked_for(log: EmbeddedLog) -> None:
    properties = {**PROPERTIES, "ksql.logging.processing.rows.include": "true"}
    with opened(log, None, properties=properties) as engine:
        start(engine, "JSON")
        put(log, [b'{"ID": 1', b'{"ID": 2}'])
        run_all(engine)
    (entry,) = entries(log)
    assert base64.b64decode(str(entry["recordB64"])) == b'{"ID": 1'


@pytest.mark.parametrize("value_format", ["JSON", "AVRO"])
def test_a_giant_value_is_left_out(value_format: str, log: EmbeddedLog) -> None:
    giant = b'{"NAME": "' + b"x" * GIANT + b'"}'
    with opened(log, None, properties=PROPERTIES) as engine:
        start(engine, value_format)
        put(log, [giant])
        run_all(engine)
        assert [task.stats.record_errors for task in engine.tasks()] == [1]
    (entry,) = entries(log)
    assert f"the value has {len(giant)} bytes" in str(entry["errorMessage"])
    (letter,) = written(log, DEAD)
    assert letter.value == giant[:BYTES_MAX]
    assert headers(log, DEAD)[0]["__streams.errors.value.bytes"] == str(len(giant))


def test_records_without_event_time_are_kept_too(log: EmbeddedLog) -> None:
    with opened(log, None, properties=PROPERTIES) as engine:
        engine.execute(
            "CREATE STREAM S (T BIGINT) WITH (KAFKA_TOPIC = 'in', PARTITIONS = 1, "
            "VALUE_FORMAT = 'JSON', TIMESTAMP = 'T'); CREATE STREAM OUT AS SELECT * FROM S;"
        )
        put(log, [b'{"T": 5}', b'{"T": -1}', b'{"T": null}'])
        run_all(engine)
    assert [letter.value for letter in written(log, DEAD)] == [b'{"T": -1}', b'{"T": null}']


class Crash(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("point", list(Point))
def test_each_dead_letter_is_there_once_after_a_crash(point: Point, tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "log.duckdb")
    count = itertools.count(1)

    def fault(hit: Point) -> None:
        if hit is point and next(count) == 2:
            raise Crash

    with opened(log, tmp_path / "state", properties=PROPERTIES) as engine:
        start(engine, "JSON")
        faults.inject(fault)
        try:
            with pytest.raises(Crash):  # noqa: PT012 - in one of the epochs
                for number in range(3):
                    put(log, [b"bad %d" % number, b'{"ID": 1}'])
                    run_all(engine)
        finally:
            faults.inject(None)
    with opened(log, tmp_path / "state", properties=PROPERTIES) as engine:
        run_all(engine)
    letters = [letter.value for letter in written(log, DEAD)]
    assert letters == [b"bad %d" % number for number in range(len(letters))]
    assert len(letters) >= 2
    assert len(written(log, "OUT")) == len(letters)
    log.close()


def test_the_topic_of_dead_letters_is_none_of_the_querys_own(log: EmbeddedLog) -> None:
    properties = {"errors.dead.letter.queue.topic.name": "in"}
    with (
        opened(log, None, properties=properties) as engine,
        pytest.raises(StatementFailure, match="topic in cannot take the records"),
    ):
        start(engine, "JSON")
