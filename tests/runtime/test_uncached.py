"""Epochs of one record: in order, with positions that fit together, and every update seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output, TopicBatch, TopicPartition
from merganser.engine.runtime.intake import Fetched
from merganser.engine.runtime.session import Pace
from merganser.engine.runtime.uncached import one_by_one

EARLIEST = {"auto.offset.reset": "earliest"}


def batch(topic: str, *records: tuple[int, int, int]) -> TopicBatch:
    """Records by partition, offset and timestamp."""
    partitions, offsets, times = zip(*records, strict=True)
    return TopicBatch(
        topic,
        pa.table(
            {
                "partition": pa.array(partitions, pa.int32()),
                "offset": pa.array(offsets, pa.int64()),
                "timestamp": pa.array(times, pa.int64()),
            }
        ),
    )


def test_records_come_in_the_order_of_their_epoch_and_leave_no_gap() -> None:
    place = TopicPartition
    fetched = Fetched(
        [batch("a", (0, 5, 10), (0, 7, 30), (1, 0, 5)), batch("b", (0, 2, 20))],
        # A transaction's mark stands behind the last record of a-0, and one alone in b-1.
        {
            place("a", 0): (5, 9),
            place("a", 1): (0, 1),
            place("b", 0): (1, 3),
            place("b", 1): (4, 5),
        },
        Pace(),
    )
    parts = list(one_by_one(fetched))
    assert [part.ranges for part in parts] == [
        {place("a", 1): (0, 1)},
        {place("a", 0): (5, 6)},
        {place("b", 0): (1, 3)},
        {place("a", 0): (6, 9), place("b", 1): (4, 5)},
    ]
    assert [sum(b.records.num_rows for b in part.batches) for part in parts] == [1, 1, 1, 1]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(properties=EARLIEST), log=EmbeddedLog()) as engine:
        yield engine


def updates(engine: Engine, name: str, properties: dict[str, Any]) -> list[int]:
    """What a count gives for five records of one key that come at once."""
    engine.execute(
        f"CREATE TABLE {name} AS SELECT K, COUNT(*) AS N FROM S GROUP BY K EMIT CHANGES;",
        properties=properties,
    )
    result = engine.query(f"SELECT N FROM {name} EMIT CHANGES;", properties=EARLIEST)
    seen: list[int] = []
    for rows in result.rows:  # type: ignore[union-attr]  # a query's
        seen += rows.rows.column(0).to_pylist()
        if seen and seen[-1] == 5:
            break
    result.rows.close()  # type: ignore[union-attr]  # likewise
    return seen


def test_without_a_cache_every_update_is_seen(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM S (K INT KEY, V INT) "
        "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    records = pa.table(
        {
            "key": pa.array([b"\0\0\0\1"] * 5, pa.binary()),
            "value": pa.array([b'{"V": 1}'] * 5, pa.binary()),
            "timestamp": pa.array([0] * 5, pa.int64()),
            "headers": pa.nulls(5, OUTPUT_SCHEMA.field("headers").type),
        },
        schema=OUTPUT_SCHEMA,
    )
    engine.log.append(Output("s", records))
    assert updates(engine, "EACH", {"cache.max.bytes.buffering": 0}) == [1, 2, 3, 4, 5]
    assert updates(engine, "LAST", {})[-1] == 5


@pytest.mark.parametrize("clause", ["ROWPARTITION FROM S", "V FROM S WHERE ROWOFFSET > 1"])
def test_what_a_table_has_lost_a_stream_does_not_give_to_pull_queries(
    engine: Engine, clause: str
) -> None:
    engine.execute(
        "CREATE STREAM S (K INT KEY, V INT) "
        "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    with pytest.raises(StatementFailure, match=r"ROWPARTITION|ROWOFFSET"):
        engine.query(f"SELECT {clause};")
