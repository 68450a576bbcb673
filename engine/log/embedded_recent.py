"""The newest records of the embedded log, kept in memory for readers that follow the end.

A reader that keeps up finds what a commit just wrote without a DuckDB statement: of a trip of five
records through the log, the statement was a third.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from merganser.engine.log.embedded_store import Range
from merganser.engine.log.protocol import RECORD_SCHEMA

RECENT_BYTES_MAX = 64 * 1024 * 1024  # Over all topics: some epochs of 100,000 records.
BATCH_BYTES_MIN = 64 * 1024  # What a batch counts at least, so that 1,000 small ones are the most.


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records of one topic that were written together, and what they hold of each partition."""

    records: pa.Table
    bounds: Mapping[int, tuple[int, int]]


@dataclass(slots=True)
class _Recent:
    """A topic's newest batches; `starts` is from where on they hold all of a partition."""

    batches: deque[_Batch] = field(default_factory=deque)
    starts: dict[int, int] = field(default_factory=dict)


class RecentRecords:
    """What was written last, by topic id. For one thread at a time."""

    def __init__(self, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._topics: dict[int, _Recent] = {}
        self._order: deque[tuple[int, int]] = deque()  # Topic id and size of each, oldest first.

    def add(self, topic_id: int, records: pa.Table, bounds: Mapping[int, tuple[int, int]]) -> None:
        """Keeps records that were just written, and lets older ones go.

        Args:
            topic_id: Where they were written.
            records: A table of RECORD_SCHEMA.
            bounds: Per partition the offsets [start, end) that they fill.
        """
        recent = self._topics.setdefault(topic_id, _Recent())
        for partition, (start, _) in bounds.items():
            recent.starts.setdefault(partition, start)
        recent.batches.append(_Batch(records, bounds))
        # A slice keeps alive the whole of what it was cut from.
        size = max(records.get_total_buffer_size(), BATCH_BYTES_MIN)
        self._order.append((topic_id, size))
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._let_go()

    def drop(self, topic_id: int) -> None:
        """Forgets a topic."""
        self._topics.pop(topic_id, None)
        self._bytes -= sum(size for each, size in self._order if each == topic_id)
        self._order = deque(each for each in self._order if each[0] != topic_id)

    def find(self, topic_id: int, ranges: Sequence[Range]) -> list[pa.Table] | None:
        """Tables that together hold these ranges, and more; None if part of them is gone."""
        recent = self._topics.get(topic_id)
        if recent is None:
            return None
        for each in ranges:
            if each.start < recent.starts.get(each.partition, each.end):
                return None
        # From the newest back, until every range has been found to its start.
        sought = {each.partition: each for each in ranges}
        found: deque[pa.Table] = deque()
        for batch in reversed(recent.batches):
            if not sought:
                break
            overlaps = False
            for partition, (start, end) in batch.bounds.items():
                wanted = sought.get(partition)
                if wanted is not None:
                    overlaps = overlaps or (start < wanted.end and wanted.start < end)
                    if start <= wanted.start:
                        del sought[partition]
            if overlaps:
                found.appendleft(batch.records)
        return list(found)

    def _let_go(self) -> None:
        topic_id, size = self._order.popleft()
        self._bytes -= size
        recent = self._topics[topic_id]
        for partition, (_, end) in recent.batches.popleft().bounds.items():
            recent.starts[partition] = end


def cut(tables: Sequence[pa.Table], ranges: Sequence[Range], *, headers: bool) -> pa.Table:
    """The records of these ranges out of tables of one topic, in their order."""
    size = max(each.partition for each in ranges) + 1
    starts, ends = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for each in ranges:
        starts[each.partition], ends[each.partition] = each.start, each.end
    found = []
    for table in tables:
        partitions = table["partition"].to_numpy()
        offsets = table["offset"].to_numpy()
        if partitions.max() < size:
            inside = (offsets >= starts[partitions]) & (offsets < ends[partitions])
        else:
            known = np.minimum(partitions, size - 1)
            inside = (offsets >= starts[known]) & (offsets < ends[known]) & (partitions < size)
        found.append(table if inside.all() else table.filter(pa.array(inside)))
    records = pa.concat_tables(found) if found else RECORD_SCHEMA.empty_table()
    if not headers:
        at = RECORD_SCHEMA.get_field_index("headers")
        field_of = RECORD_SCHEMA.field(at)
        records = records.set_column(at, field_of, pa.nulls(records.num_rows, field_of.type))
    return records
