"""An engine that counts records by key, for tests of the runner; it can be told to go wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from merganser.engine.catalog import Catalog, FormatSpec, QueryEntry, Source
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Commit, Output, TopicBatch, TopicPartition
from merganser.engine.schema import Column, Role, Schema
from merganser.engine.types import BIGINT, STRING
from merganser.errors import InternalError, UnknownNameError
from tests.conformance.door import EngineDoor, EngineFactory, Setting
from tests.conformance.log import SinglePartitionLog


def source(name: str, topic: str, *, is_table: bool, query_id: str | None = None) -> Source:
    """A source of one key and one count."""
    return Source(
        name=name,
        is_table=is_table,
        schema=Schema((Column("K", STRING, Role.KEY), Column("N", BIGINT))),
        topic=topic,
        key_format=FormatSpec("KAFKA", wrapped=False),
        value_format=FormatSpec("JSON", wrapped=True),
        partition_count=4,
        query_id=query_id,
    )


@dataclass(slots=True)
class FakeTask:
    """Counts the records of a topic by key. In an epoch each key comes out once.

    Attributes:
        forgetful: A restart loses the counts.
        wrong: What is added to every count.
    """

    query_id: str
    source_topics: tuple[str, ...]
    sink_topic: str | None
    log: SinglePartitionLog
    forgetful: bool = False
    wrong: int = 0
    counts: dict[bytes, int] = field(default_factory=dict)
    epoch: int = 0

    def run_epoch(self, batches: Sequence[TopicBatch], *, arrival: bool = False) -> None:
        assert arrival
        changed: dict[bytes, int] = {}
        ranges: dict[TopicPartition, tuple[int, int]] = {}
        for batch in batches:
            offsets = batch.records.column("offset").to_pylist()
            place = TopicPartition(batch.topic, 0)
            ranges[place] = (ranges.get(place, (offsets[0], 0))[0], offsets[-1] + 1)
            for row in batch.records.to_pylist():
                if row["value"] == b'{"N": "fail"}':
                    raise UnknownNameError("the record cannot be counted")
                if row["value"] == b'{"N": "bug"}':
                    raise InternalError("an invariant is broken")
                self.counts[row["key"]] = self.counts.get(row["key"], 0) + 1
                changed[row["key"]] = row["timestamp"]
        rows = [
            {
                "key": key,
                "value": json.dumps({"N": self.counts[key] + self.wrong}).encode(),
                "timestamp": timestamp,
                "headers": None,
            }
            for key, timestamp in changed.items()
        ]
        assert self.sink_topic is not None
        output = Output(self.sink_topic, pa.Table.from_pylist(rows, schema=OUTPUT_SCHEMA))
        publisher = self.log.publisher(self.query_id)
        publisher.publish(Commit(self.epoch, ranges, wall_clock_ms=0), [output])
        self.epoch += 1

    def restart(self, *, keep_state: bool) -> None:
        if self.forgetful and not keep_state:
            self.counts.clear()


@dataclass(slots=True)
class FakeEngine:
    """Knows a stream S over topic `s` and a table T that counts it; refuses what says BAD.

    `EXPLODE` raises something that is no error of Merganser's.
    """

    log: SinglePartitionLog
    task: FakeTask
    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    closed: bool = False

    @property
    def catalog(self) -> Catalog:
        sources = (
            source("S", "s", is_table=False),
            source("T", "T", is_table=True, query_id="CTAS_T_0"),
        )
        query = QueryEntry("CTAS_T_0", "", ("S",), "T", is_table=True)
        return Catalog({item.name: item for item in sources}, {}, {query.query_id: query})

    def execute(self, text: str, *, properties: Mapping[str, object]) -> Sequence[object]:
        self.seen.append((text, dict(properties)))
        if "BAD" in text:
            raise UnknownNameError("stream `BAD` does not exist")
        if "BUG" in text:
            raise InternalError("an invariant is broken")
        if "EXPLODE" in text:
            raise ZeroDivisionError("by zero")
        return []

    def tasks(self) -> Sequence[FakeTask]:
        return [self.task]

    def close(self) -> None:
        self.closed = True


def fake_factory(
    made: list[FakeEngine], *, forgetful: bool = False, wrong: int = 0
) -> EngineFactory:
    """Makes such engines and keeps them in `made`."""

    def make(setting: Setting) -> EngineDoor:
        setting.log.create_topic("T", 4, None, {})
        task = FakeTask("CTAS_T_0", ("s",), "T", setting.log, forgetful, wrong)
        engine = FakeEngine(setting.log, task)
        made.append(engine)
        return engine

    return make
