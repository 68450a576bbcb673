"""Several event types in one topic, told apart by a header or by a field."""

from __future__ import annotations

import json

import pyarrow as pa

from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output
from tests.runtime.driving import opened, run_all, written

EVENTS: list[tuple[str | None, dict[str, object]]] = [
    ("order", {"id": 1, "total": 5.0}),
    ("refund", {"id": 1, "reason": "late"}),
    (None, {"id": 2}),
    ("order", {"id": 3, "total": 7.5}),
]


def put(log: EmbeddedLog) -> None:
    log.create_topic("events", 1, 1, {})
    records = pa.table(
        {
            "key": pa.nulls(len(EVENTS), pa.binary()),
            "value": [json.dumps({"type": kind, **body}).encode() for kind, body in EVENTS],
            "timestamp": range(len(EVENTS)),
            "headers": [
                [{"key": "type", "value": kind.encode()}] if kind else [] for kind, _ in EVENTS
            ],
        },
        schema=OUTPUT_SCHEMA,
    )
    log.append(Output("events", records))


def rows(log: EmbeddedLog, topic: str) -> list[object]:
    return [json.loads(record.value or b"") for record in written(log, topic)]


def test_each_type_is_a_stream_of_its_own() -> None:
    log = EmbeddedLog()
    put(log)
    with opened(log, None) as engine:
        engine.execute(
            """
            CREATE STREAM order_events (id BIGINT, total DOUBLE, kind BYTES HEADER('type'))
              WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON');
            CREATE STREAM orders AS SELECT id, total FROM order_events
              WHERE FROM_BYTES(kind, 'utf8') = 'order';
            CREATE STREAM refund_events (id BIGINT, reason STRING, type STRING)
              WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON');
            CREATE STREAM refunds AS SELECT id, reason FROM refund_events WHERE type = 'refund';
            """
        )
        run_all(engine)
    assert rows(log, "ORDERS") == [{"ID": 1, "TOTAL": 5.0}, {"ID": 3, "TOTAL": 7.5}]
    assert rows(log, "REFUNDS") == [{"ID": 1, "REASON": "late"}]
