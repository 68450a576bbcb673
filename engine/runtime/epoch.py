"""The input of an epoch: which records, in which order.

Order: merge the partitions by the running maximum of the timestamp in each partition, then by
topic, partition and offset. It keeps each partition's own order and depends on the records alone:
a replay of the same ranges sees the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from merganser.engine.log.protocol import TopicBatch, TopicPartition

Ints = npt.NDArray[np.int64]

RUN_ROWS_MIN = 64  # A slice costs as much as copying so many records.


def ordered_inputs(batches: Sequence[TopicBatch]) -> dict[str, pa.Table]:
    """Topic → records with `seq`, by the order of this module. Records are by partition, offset."""
    tables = {
        topic: _by_partition(pa.concat_tables([b.records for b in batches if b.topic == topic]))
        for topic in sorted({batch.topic for batch in batches})
    }
    keys = [
        _running_maximum(_numpy(table.column("partition")), _numpy(table.column("timestamp")))
        for table in tables.values()
    ]
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


def running_maximum(table: pa.Table) -> Ints:
    """Of each record the largest timestamp of its partition up to it, in the order of the table."""
    partition = _numpy(table.column("partition"))
    times = _numpy(table.column("timestamp"))
    order = np.argsort(partition, kind="stable")
    found = np.empty_like(times)
    found[order] = _running_maximum(partition[order], times[order])
    return found


def _running_maximum(partition: Ints, times: Ints) -> Ints:
    """The same for records that stand by partition."""
    starts = np.flatnonzero(partition[1:] != partition[:-1]) + 1
    return np.concatenate([np.maximum.accumulate(part) for part in np.split(times, starts)])


def _by_partition(table: pa.Table) -> pa.Table:
    """The records by partition, each partition's in their order.

    A reader gives runs of one partition, so that the table is put together from slices, which
    copies nothing; only short runs are worth a copy.
    """
    partition = _numpy(table.column("partition"))
    starts = np.concatenate([[0], np.flatnonzero(partition[1:] != partition[:-1]) + 1])
    run_partitions = partition[starts] if partition.size else partition
    if bool(np.all(run_partitions[1:] > run_partitions[:-1])):
        return table
    if len(starts) * RUN_ROWS_MIN > partition.size:
        return table.take(pa.array(np.argsort(partition, kind="stable")))
    lengths = np.diff(starts, append=partition.size)
    order = np.argsort(run_partitions, kind="stable")
    return pa.concat_tables(
        table.slice(start, length)
        for start, length in zip(starts[order].tolist(), lengths[order].tolist(), strict=True)
    )


def _numpy(column: pa.ChunkedArray) -> Ints:
    if column.null_count:
        column = column.fill_null(-1)
    return np.asarray(column.to_numpy()).astype(np.int64, copy=False)
