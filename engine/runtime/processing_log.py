"""The processing log: failures of single records, as records of a topic.

Source: parity/semantics.md, section 8: entries are JSON with level, logger, time and message.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson
import pyarrow as pa

from merganser.engine.execution.topology import RecordFailure
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output

_TYPES = {
    "deserialization": (0, "deserializationError"),
    "processing": (1, "recordProcessingError"),
    "production": (2, "productionError"),
    "serialization": (3, "serializationError"),
    "thread": (4, "kafkaStreamsThreadError"),
}


def topic_name(service_id: str) -> str:
    """The topic of a service's processing log."""
    return f"{service_id}ksql_processing_log"


def create_statement(stream: str, topic: str) -> str:
    """The statement that makes the processing log a stream."""
    deserialization = (
        "target STRING, errorMessage STRING, recordB64 STRING, cause ARRAY<STRING>, "
        "`topic` STRING, `partition` INT, `offset` BIGINT"
    )
    processing = "errorMessage STRING, record STRING, cause ARRAY<STRING>"
    serialization = (
        "target STRING, errorMessage STRING, record STRING, cause ARRAY<STRING>, `topic` STRING"
    )
    return (
        f"CREATE STREAM {stream} (logger STRING, level STRING, time BIGINT, message STRUCT<"
        f"type INT, deserializationError STRUCT<{deserialization}>, "
        f"recordProcessingError STRUCT<{processing}>, "
        "productionError STRUCT<errorMessage STRING>, "
        f"serializationError STRUCT<{serialization}>, "
        "kafkaStreamsThreadError STRUCT<errorMessage STRING, threadName STRING, "
        "cause ARRAY<STRING>>>) "
        f"WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');"
    )


ROWS_PROPERTY = "ksql.logging.processing.rows.include"


def entry(
    query_id: str, failure: RecordFailure, time_ms: int, *, with_record: bool = False
) -> bytes:
    """One failure as JSON. Record contents stay out unless asked for; the offset names it."""
    number, member = _TYPES[failure.kind]
    body: dict[str, object] = {
        "errorMessage": failure.message,
        "cause": list(failure.cause),
        "topic": failure.topic,
        "partition": failure.partition,
        "offset": failure.offset,
    }
    if failure.target is not None:
        body["target"] = failure.target
    if with_record and failure.record is not None and failure.kind == "deserialization":
        body["recordB64"] = base64.b64encode(failure.record[:RECORD_BYTES_MAX]).decode()
    step = f".{failure.step}" if failure.step else ""
    return orjson.dumps(
        {
            "level": "ERROR",
            "logger": f"processing.{query_id}{step}",
            "time": time_ms,
            "message": {"type": number, member: body},
        }
    )


RECORD_BYTES_MAX = 512 * 1024  # Of a record in an entry: topics refuse larger ones.


def entries(
    query_id: str,
    failures: Sequence[RecordFailure],
    topic: str,
    time_ms: int,
    *,
    with_records: bool = False,
) -> Output:
    """Failures of an epoch as records for the processing log's topic."""
    values = [entry(query_id, failure, time_ms, with_record=with_records) for failure in failures]
    records = pa.table(
        {
            "key": pa.nulls(len(values), pa.binary()),
            "value": pa.array(values, pa.binary()),
            "timestamp": pa.array([time_ms] * len(values), pa.int64()),
            "headers": pa.nulls(len(values), OUTPUT_SCHEMA.field("headers").type),
        },
        schema=OUTPUT_SCHEMA,
    )
    return Output(topic, records)
