"""The newest records in memory: the same as on disk, or not there at all."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.embedded_recent import BATCH_BYTES_MIN, RecentRecords, cut
from merganser.engine.log.embedded_store import Range
from merganser.engine.log.protocol import RECORD_SCHEMA, Output, TopicPartition
from tests.log_contract.records import Record, records, table

PARTITIONS = 3


def batch(partitions: list[int], ends: list[int]) -> tuple[pa.Table, dict[int, tuple[int, int]]]:
    """Records for these partitions in turn; `ends` moves behind them."""
    before = list(ends)
    offsets = []
    for partition in partitions:
        offsets.append(ends[partition])
        ends[partition] += 1
    written = (
        table([b"k"] * len(partitions))
        .append_column("partition", pa.array(partitions, pa.int32()))
        .append_column("offset", pa.array(offsets, pa.int64()))
        .cast(RECORD_SCHEMA)
    )
    moved = enumerate(zip(before, ends, strict=True))
    return written, {index: (start, end) for index, (start, end) in moved if end > start}


@given(
    st.lists(st.lists(st.integers(0, PARTITIONS - 1), min_size=1, max_size=6), max_size=12),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=3),
)
def test_what_is_found_is_complete(
    writes: list[list[int]], kept_max: int, wanted: list[tuple[int, int]]
) -> None:
    recent = RecentRecords(kept_max * BATCH_BYTES_MIN)
    ends = [0] * PARTITIONS
    for partitions in writes:
        recent.add(7, *batch(partitions, ends))
    ranges = [
        Range(partition, min(start, end), min(max(start, end), ends[partition]))
        for partition, (start, end) in enumerate(wanted)
    ]
    ranges = [each for each in ranges if each.end > each.start]
    if not ranges:
        return
    tables = recent.find(7, ranges)
    if tables is None:
        assert kept_max < len(writes), "nothing was let go, so everything must be found"
        return
    found = cut(tables, ranges, headers=False).select(["partition", "offset"]).to_pylist()
    assert sorted((row["partition"], row["offset"]) for row in found) == [
        (each.partition, offset) for each in ranges for offset in range(each.start, each.end)
    ]


def test_topics_share_the_room_and_can_be_dropped() -> None:
    recent = RecentRecords(2 * BATCH_BYTES_MIN)
    ends = [0]
    recent.add(1, *batch([0], ends))
    recent.add(2, *batch([0], [0]))
    recent.add(1, *batch([0], ends))
    assert recent.find(1, [Range(0, 0, 2)]) is None
    recent.drop(2)
    assert recent.find(2, [Range(0, 0, 1)]) is None
    recent.add(3, *batch([0], [0]))
    assert recent.find(3, [Range(0, 0, 1)]) is not None
    assert recent.find(1, [Range(0, 1, 2)]) is not None


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 25), st.booleans())
def test_memory_and_disk_give_the_same(writes: list[int], rows_max: int, headers: bool) -> None:
    log = EmbeddedLog()
    log.create_topic("t", PARTITIONS, None, {})
    for count in writes:
        given_headers = [[("h", b"%d" % at)] if at % 2 else None for at in range(count)]
        keys = [b"k%d" % at for at in range(count)]
        log.append(Output("t", table(keys, None, None, given_headers)))
    starts = log.start_positions("t")

    def read_everything() -> tuple[list[Record], pa.Table]:
        reader = log.reader(starts, headers=headers)
        batches = []
        while found := reader.poll(rows_max, 0):
            batches += found
        reader.close()
        whole = pa.concat_tables([each.records for each in batches])
        return sorted(records(batches)), whole.sort_by(
            [("partition", "ascending"), ("offset", "ascending")]
        )

    from_memory = read_everything()
    log._recent = RecentRecords(0)
    from_disk = read_everything()
    assert from_memory[0] == from_disk[0]
    assert from_memory[1]["headers"].to_pylist() == from_disk[1]["headers"].to_pylist()
    log.close()


@pytest.mark.parametrize("start", [0, 2])
def test_late_reader_goes_to_the_disk_and_catches_up(start: int) -> None:
    log = EmbeddedLog()
    log._recent = RecentRecords(2 * BATCH_BYTES_MIN)
    log.create_topic("t", 1, None, {})
    place = TopicPartition("t", 0)
    reader = log.reader({place: start})
    for _ in range(10):
        log.append(Output("t", table([b"a", b"b"])))
    found = records(reader.poll(5, 0) + reader.poll(1_000, 0))
    assert [each.offset for each in found] == list(range(start, 20))
    log.append(Output("t", table([b"c"])))
    assert [each.key for each in records(reader.poll(10, 0))] == [b"c"]
    log.close()
