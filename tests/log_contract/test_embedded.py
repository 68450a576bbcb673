"""What only the embedded log does: files, cleaning, and threads in one process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from merganser.engine.clock import SimulatedClock
from merganser.engine.duck import Duck
from merganser.engine.log.embedded import CLEAN_INTERVAL_MS, DELETE_RETENTION_MS, EmbeddedLog
from merganser.engine.log.protocol import Commit, Output, TopicPartition
from merganser.errors import FencedError, LogError
from tests.log_contract.records import START_MS, append, read_all, records, table

DAY_MS = 86_400_000


def test_file_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.duckdb"
    log = EmbeddedLog(path)
    log.create_topic("t", 4, None, {"retention.ms": "1000"})
    log.create_topic("empty", 2, None, {})
    headers = [[("h", b"1")], None]
    log.append(Output("t", table([b"11", None], [b"1", None], headers=headers)))
    commits = [Commit(epoch, {TopicPartition("t", 1): (epoch, 9)}, 5) for epoch in range(3)]
    publisher = log.publisher("q")
    for commit in commits:
        publisher.publish(commit, [Output("t", table([b"x"]))])
    before, topics = read_all(log, "t"), log.topics()
    log.close()

    log = EmbeddedLog(path)
    assert log.topics() == topics
    assert read_all(log, "t") == before
    publisher = log.publisher("q")
    assert list(publisher.commits(-1)) == commits
    append(log, "t", [b"11"], partition=0)
    assert read_all(log, "t")[2].offset == 2
    log.create_topic("third", 1, None, {})
    append(log, "third", [b"a"])
    assert len(read_all(log, "third")) == 1
    log.close()


def test_file_survives_a_crash(tmp_path: Path) -> None:
    """A process that ends without closing loses no published epoch."""
    script = """
import os, sys
from pathlib import Path
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import Commit, Output
from tests.log_contract.records import table
log = EmbeddedLog(Path(sys.argv[1]))
log.create_topic("t", 1, None, {})
publisher = log.publisher("q")
for epoch in range(5):
    publisher.publish(Commit(epoch, {}, 0), [Output("t", table([b"a", b"b"]))])
os._exit(0)
"""
    path = tmp_path / "log.duckdb"
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script, str(path)], cwd=root, check=True)
    log = EmbeddedLog(path)
    last = log.publisher("q").last_commit()
    assert last is not None
    assert last.epoch == 4
    assert len(read_all(log, "t")) == 10
    log.close()


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.duckdb"
    path.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(LogError) as caught:
        EmbeddedLog(path)
    assert not caught.value.retryable


def test_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.duckdb"
    EmbeddedLog(path).close()
    duck = Duck.memory()
    duck.attach("LOG", path)
    duck.execute("UPDATE LOG.FORMAT SET version = 99")
    duck.close()
    with pytest.raises(LogError, match="format 99"):
        EmbeddedLog(path)


def test_closed_log_refuses_and_wakes_its_readers() -> None:
    log = EmbeddedLog()
    log.create_topic("t", 1, None, {})
    reader = log.reader({TopicPartition("t", 0): 0})
    publisher = log.publisher("q")
    closer = threading.Timer(0.1, log.close)
    closer.start()
    before = time.monotonic()
    with pytest.raises(LogError):
        reader.poll(10, 30_000)
    assert time.monotonic() - before < 10
    closer.join()
    with pytest.raises(LogError):
        publisher.publish(Commit(0, {}, 0), [])
    with pytest.raises(LogError):
        append(log, "t", [b"a"])
    assert not log.healthy()
    log.close()


def test_reader_of_a_deleted_topic_fails_at_once() -> None:
    log = EmbeddedLog()
    log.create_topic("t", 1, None, {})
    reader = log.reader({TopicPartition("t", 0): 0})
    deleter = threading.Timer(0.1, log.delete_topic, ("t",))
    deleter.start()
    with pytest.raises(LogError) as caught:
        reader.poll(10, 30_000)
    deleter.join()
    assert not caught.value.retryable
    log.create_topic("t", 1, None, {})
    with pytest.raises(LogError):
        reader.poll(10, 0)
    log.close()


def test_forgetting_fences() -> None:
    log = EmbeddedLog()
    publisher = log.publisher("q")
    log.forget("q")
    with pytest.raises(FencedError):
        publisher.publish(Commit(0, {}, 0), [])
    log.close()


def test_retention_takes_the_old_end_of_each_partition(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.duckdb", SimulatedClock(START_MS + 2 * DAY_MS)
    log = EmbeddedLog(path, clock=clock)
    log.create_topic("t", 2, None, {"retention.ms": str(DAY_MS)})
    log.create_topic("kept", 1, None, {})
    ages = [3, 0, 3, 0]
    times = [clock.now_ms() - age * DAY_MS for age in ages]
    zeros, ones = pa.array([0] * 4, pa.int32()), pa.array([1] * 4, pa.int32())
    log.append(Output("t", table([b"k"] * 4, None, times), zeros))
    log.append(Output("t", table([b"k"] * 4, None, [0, 1, 2, 3]), ones))
    log.append(Output("kept", table([b"k"], None, [0])))
    behind = log.reader({TopicPartition("t", 0): 0})
    log.clean()
    # Only a record that all older ones went before can go: the young one at 1 keeps 2.
    starts = {TopicPartition("t", 0): 1, TopicPartition("t", 1): 4}
    assert log.start_positions("t") == starts
    assert [each[1:3] for each in read_all(log, "t")] == [(0, 1), (0, 2), (0, 3)]
    assert len(read_all(log, "kept")) == 1
    with pytest.raises(LogError) as caught:
        behind.poll(10, 0)
    assert not caught.value.retryable
    behind.close()
    with pytest.raises(LogError):
        log.reader(starts).read({TopicPartition("t", 0): (0, 2)})
    log.close()

    log = EmbeddedLog(path, clock=clock)
    assert log.start_positions("t") == starts
    assert log.end_positions("t")[TopicPartition("t", 1)] == 4
    append(log, "t", [b"k"], partition=1)
    assert log.end_positions("t")[TopicPartition("t", 1)] == 5
    log.close()


def test_compaction_keeps_the_newest_of_each_key() -> None:
    clock = SimulatedClock(START_MS)
    log = EmbeddedLog(clock=clock)
    log.create_topic("t", 1, None, {"cleanup.policy": "compact"})
    keys = [b"a", b"b", b"a", b"c", b"b"]
    values = [b"1", b"2", b"3", b"4", None]
    log.append(Output("t", table(keys, values)))
    ends = log.end_positions("t")
    log.clean()
    kept = [(2, b"a", b"3"), (3, b"c", b"4"), (4, b"b", None)]
    assert [(each.offset, each.key, each.value) for each in read_all(log, "t")] == kept
    assert log.start_positions("t") == {TopicPartition("t", 0): 0}
    # The tombstone stays as long as readers have to see it.
    clock.advance(DELETE_RETENTION_MS - 1)
    log.clean()
    assert len(read_all(log, "t")) == 3
    append(log, "t", [b"d"])
    clock.advance(1)
    log.clean()
    assert [each.key for each in read_all(log, "t")] == [b"a", b"c", b"d"]
    assert log.end_positions("t") == {place: end + 1 for place, end in ends.items()}
    log.close()


def test_compaction_survives_reopening_with_its_end(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.duckdb", SimulatedClock(START_MS)
    config = {"cleanup.policy": "compact", "delete.retention.ms": "0"}
    log = EmbeddedLog(path, clock=clock)
    log.create_topic("t", 1, None, config)
    log.append(Output("t", table([b"a", b"a"], [b"1", None])))
    log.clean()
    append(log, "t", [b"b"])
    log.clean()
    assert [each.key for each in read_all(log, "t")] == [b"b"]
    log.close()
    log = EmbeddedLog(path, clock=clock)
    assert log.end_positions("t") == {TopicPartition("t", 0): 3}
    log.close()


def test_compacted_ranges_still_end_where_they_end() -> None:
    log = EmbeddedLog()
    log.create_topic("t", 1, None, {"cleanup.policy": "compact,delete", "retention.ms": "-1"})
    append(log, "t", [b"a"] * 100)
    log.clean()
    place = TopicPartition("t", 0)
    reader = log.reader({place: 0})
    assert reader.read({place: (0, 50)}) == []
    assert reader.positions() == {place: 50}
    assert [each.offset for each in records(reader.poll(10, 0))] == [99]
    reader.close()
    log.close()


def test_log_cleans_by_itself_every_five_minutes() -> None:
    clock = SimulatedClock(START_MS)
    log = EmbeddedLog(clock=clock)
    log.create_topic("t", 1, None, {"cleanup.policy": "compact"})
    append(log, "t", [b"a"] * 10)
    clock.advance(CLEAN_INTERVAL_MS - 1)
    append(log, "t", [b"a"])
    assert len(read_all(log, "t")) == 11
    clock.advance(1)
    append(log, "t", [b"a"])
    assert [each.offset for each in read_all(log, "t")] == [11]
    log.close()


def test_readers_and_writers_in_threads_see_each_record_once(tmp_path: Path) -> None:
    """Six publishers and three readers at the same time, on a file, with cleaning in between."""
    log = EmbeddedLog(tmp_path / "log.duckdb")
    log.create_topic("t", 3, None, {"retention.ms": str(9_000 * DAY_MS)})
    epochs, rows, writers = 20, 50, 6
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            publisher = log.publisher(name)
            for epoch in range(epochs):
                keys: list[bytes | None] = [b"%s-%d" % (name.encode(), at) for at in range(rows)]
                values: list[bytes | None] = [b"%d" % epoch] * rows
                publisher.publish(Commit(epoch, {}, 0), [Output("t", table(keys, values))])
                log.clean()
        except LogError as error:
            failures.append(error)

    found: list[list[tuple[bytes | None, bytes | None]]] = [[], [], []]

    def read(into: list[tuple[bytes | None, bytes | None]]) -> None:
        reader = log.reader({TopicPartition("t", partition): 0 for partition in range(3)})
        until = time.monotonic() + 60
        while len(into) < epochs * rows * writers and time.monotonic() < until:
            into += [(each.key, each.value) for each in records(reader.poll(777, 1_000))]
        reader.close()

    threads = [threading.Thread(target=write, args=(f"w{index}",)) for index in range(writers)]
    threads += [threading.Thread(target=read, args=(into,)) for into in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    wanted = sorted(
        (b"w%d-%d" % (writer, at), b"%d" % epoch)
        for writer in range(writers)
        for at in range(rows)
        for epoch in range(epochs)
    )
    for pairs in found:
        assert sorted((key or b"", value or b"") for key, value in pairs) == wanted
        by_key: dict[bytes | None, list[int]] = {}
        for key, value in pairs:
            by_key.setdefault(key, []).append(int(value or b"-1"))
        assert all(order == list(range(epochs)) for order in by_key.values())
    log.close()


def test_file_that_another_process_holds_is_refused_for_now(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from merganser.engine.log.embedded import EmbeddedLog
log = EmbeddedLog(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
log.close()
"""
    path = tmp_path / "log.duckdb"
    command = [sys.executable, "-c", script, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(LogError) as caught:
            EmbeddedLog(path)
        assert caught.value.retryable
        holder.stdin.close()
        assert holder.wait() == 0
    EmbeddedLog(path).close()
