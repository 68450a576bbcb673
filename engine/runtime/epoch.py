"""The input of an epoch: which records, in which order.

Order: merge the partitions by the running maximum of the timestamp in each partition, then by
topic, partition and offset. It keeps each partition's own order and depends on the records alone, so a
replay of the same ranges sees the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.log.protocol import TopicBatch, TopicPartition

Ints = npt.NDArray[np.int64]


def ordered_inputs(batches: Sequence[TopicBatch]) -> dict[str, pa.Table]:
    """Topic → records with `seq`, by the order of this module. Records are by partition, offset."""
    tables = {
        topic: _by_partition(pa.concat_tables([b.records for b in batches if b.topic == topic]))
        for topic in sorted({batch.topic for batch in batches})
    }
    keys = [_running_maximum(table) for table in tables.values()]
    if not keys:
        return {}
    order = np.argsort(np.concatenate(keys), kind="stable")
    seq = np.empty(len(order), dtype=np.int64)
    seq[order] = np.arange(len(order), dtype=np.int64)
    inputs: dict[str, pa.Table] = {}
    start = 0
    for topic, table in tables.items():
        mine = seq[start : start + table.num_rows]
        start += table.num_rows
        inputs[topic] = table.append_column("seq", pa.array(mine))
    return inputs


def arrival_inputs(batches: Sequence[TopicBatch]) -> dict[str, pa.Table]:
    """Topic → records with `seq`, in the order in which the batches are given."""
    start = 0
    parts: dict[str, list[pa.Table]] = {}
    for batch in batches:
        count = batch.records.num_rows
        seq = pa.array(np.arange(start, start + count, dtype=np.int64))
        parts.setdefault(batch.topic, []).append(batch.records.append_column("seq", seq))
        start += count
    return {topic: pa.concat_tables(tables) for topic, tables in parts.items()}


def ranges_of(
    before: Mapping[TopicPartition, int], batches: Sequence[TopicBatch]
) -> dict[TopicPartition, tuple[int, int]]:
    """Per partition that has records: from the position before to behind its last record."""
    ends: dict[TopicPartition, int] = {}
    for batch in batches:
        partitions = batch.records.column("partition")
        offsets = batch.records.column("offset")
        grouped = pa.table({"p": partitions, "o": offsets}).group_by("p").aggregate([("o", "max")])
        for partition, last in zip(
            grouped.column("p").to_pylist(), grouped.column("o_max").to_pylist(), strict=True
        ):
            place = TopicPartition(batch.topic, partition)
            ends[place] = max(ends.get(place, 0), last + 1)
    return {place: (before.get(place, 0), end) for place, end in ends.items()}


def _by_partition(table: pa.Table) -> pa.Table:
    partition = _numpy(table.column("partition"))
    if partition.size == 0 or bool(np.all(partition[1:] >= partition[:-1])):
        return table
    return table.take(pa.array(np.argsort(partition, kind="stable")))


def _running_maximum(table: pa.Table) -> Ints:
    times = _numpy(table.column("timestamp"))
    partition = _numpy(table.column("partition"))
    starts = np.flatnonzero(partition[1:] != partition[:-1]) + 1
    return np.concatenate([np.maximum.accumulate(part) for part in np.split(times, starts)]).astype(
        np.int64
    )


def _numpy(column: pa.ChunkedArray) -> Ints:
    filled = pc.fill_null(column, -1)
    return np.asarray(filled.to_numpy()).astype(np.int64)
