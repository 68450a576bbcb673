"""Replay: exact ranges, read again in any cut."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.log.protocol import Commit, Log, Output, TopicPartition
from merganser.errors import LogError
from tests.log_contract.records import append, poll_until, read_all, records, table

LENGTH = 60  # Offsets of each partition that the cuts share out.


@pytest.fixture
def filled(log: Log, topic: str) -> str:
    """A topic whose four partitions hold appended records and small epochs."""
    publisher = log.publisher(f"query-{uuid.uuid4().hex}")
    for epoch in range(10):
        for partition in range(4):
            append(log, topic, [b"appended"] * (LENGTH // 10), partition)
        publisher.publish(Commit(epoch, {}, 0), [Output(topic, table([b"11", b"x"]))])
    publisher.close()
    assert len(read_all(log, topic, count=260)) == 260
    return topic


def test_range_is_read_exactly(log: Log, filled: str) -> None:
    everything = {each[1:3]: each for each in read_all(log, filled)}
    reader = log.reader(log.start_positions(filled))
    ranges = {TopicPartition(filled, 0): (3, 9), TopicPartition(filled, 2): (0, 1)}
    found = records(reader.read(ranges))
    wanted = [each for at, each in everything.items() if at[0] == 0 and 3 <= at[1] < 9]
    wanted += [each for at, each in everything.items() if at == (2, 0)]
    assert sorted(found) == sorted(wanted)
    assert reader.positions() == {
        TopicPartition(filled, 0): 9,
        TopicPartition(filled, 1): 0,
        TopicPartition(filled, 2): 1,
        TopicPartition(filled, 3): 0,
    }
    reader.close()


def test_poll_goes_on_where_replay_ended(log: Log, filled: str) -> None:
    reader = log.reader(log.start_positions(filled))
    ends = log.end_positions(filled)
    found = records(reader.read({TopicPartition(filled, 0): (0, 9)}))
    found += records(reader.read({TopicPartition(filled, 0): (9, 20)}))
    found += records(poll_until(reader, ends, rows_max=17))
    assert sorted(found) == read_all(log, filled)
    assert reader.positions() == ends
    reader.close()


def test_replay_can_go_back(log: Log, filled: str) -> None:
    reader = log.reader(log.start_positions(filled))
    ends = log.end_positions(filled)
    before = records(poll_until(reader, ends))
    place = TopicPartition(filled, 1)
    again = records(reader.read({place: (5, 25)}))
    assert again == [each for each in sorted(before) if each.partition == 1][5:25]
    assert reader.positions() == {**ends, place: 25}
    rest = records(poll_until(reader, ends))
    assert [each.offset for each in rest] == [
        each.offset for each in sorted(before) if each.partition == 1 and each.offset >= 25
    ]
    reader.close()


def test_empty_ranges_give_nothing(log: Log, filled: str) -> None:
    reader = log.reader(log.start_positions(filled))
    assert reader.read({}) == []
    assert reader.read({TopicPartition(filled, 0): (0, 0)}) == []
    reader.close()


def test_range_up_to_the_end_passes_markers(log: Log, filled: str) -> None:
    ends = log.end_positions(filled)
    reader = log.reader(log.start_positions(filled))
    found = records(reader.read({place: (0, end) for place, end in ends.items()}))
    assert sorted(found) == read_all(log, filled)
    assert reader.positions() == ends
    reader.close()


def test_range_behind_the_end_fails(log: Log, filled: str) -> None:
    place = TopicPartition(filled, 0)
    end = log.end_positions(filled)[place]
    reader = log.reader({place: 0})
    with pytest.raises(LogError):
        reader.read({place: (0, end + 5)})
    # The reader is still good for what is there.
    assert len(records(reader.read({place: (0, end)}))) > LENGTH
    reader.close()


@given(steps=st.lists(st.tuples(*[st.integers(0, 40)] * 4), max_size=8))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_cut_gives_the_same_records(
    log: Log, filled: str, steps: list[tuple[int, int, int, int]]
) -> None:
    ends = log.end_positions(filled)
    reader = log.reader(log.start_positions(filled))
    found = []
    positions = dict.fromkeys(ends, 0)
    for step in [*steps, (1_000, 1_000, 1_000, 1_000)]:
        cut = {
            place: min(position + step[place.partition], ends[place])
            for place, position in positions.items()
        }
        found += records(
            reader.read({place: (positions[place], end) for place, end in cut.items()})
        )
        assert reader.positions() == cut
        positions = cut
    reader.close()
    assert sorted(found) == read_all(log, filled)
