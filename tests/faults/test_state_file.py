"""A state file that is lost, damaged or of another build: made again by replay, the reason kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from merganser.engine.duck import Duck
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import Log
from merganser.engine.runtime.task import Task
from merganser.engine.state.state_file import FORMAT_VERSION
from tests.runtime.driving import (
    State,
    Written,
    append,
    has_read_all,
    opened,
    run_to,
    state_of,
    wait_until,
    written,
)
from tests.runtime.sample_queries import SAMPLES, SOURCES, cuts_in_order, sample_records

SAMPLE = SAMPLES["tumbling"]


def _state_path(data_dir: Path) -> Path:
    (path,) = (data_dir / "state").glob("*.duckdb")
    return path


def _delete(path: Path) -> None:
    path.unlink()


def _delete_but_leave_the_write_ahead_log(path: Path) -> None:
    path.with_name(path.name + ".wal").write_bytes(path.read_bytes()[:5000])
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scratch(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000:5040] = b"\xff" * 40
    path.write_bytes(content)


def _of_the_future(path: Path) -> None:
    duck = Duck.memory()
    duck.attach("future", path)
    duck.execute('UPDATE "future$3f".main."$meta" SET version = 1000')
    duck.detach("future")
    duck.close()


def _ahead_of_the_log(path: Path) -> None:
    duck = Duck.memory()
    duck.attach("ahead", path)
    duck.execute(
        'UPDATE "ahead$1f".main."$meta" SET point = '
        "regexp_replace(point, '\"epoch\": [0-9]+', '\"epoch\": 99')"
    )
    duck.detach("ahead")
    duck.close()


DAMAGES = {
    "deleted": (_delete, None),
    "deleted but for its write-ahead log": (_delete_but_leave_the_write_ahead_log, None),
    "emptied": (_empty, "not a valid DuckDB database file"),
    "garbage": (_garbage, "not a valid DuckDB database file"),
    "cut short": (_cut_short, "Could not read enough bytes"),
    "scratched": (_scratch, "checksum"),
    "of a future build": (_of_the_future, f"format 1000, this build reads {FORMAT_VERSION}"),
    "ahead of the log": (_ahead_of_the_log, "the state is at epoch 99, the log at 3"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damaged_state_is_rebuilt(damage: str, tmp_path: Path) -> None:
    harm, reason = DAMAGES[damage]
    log = EmbeddedLog()
    before = _run(log, tmp_path)
    harm(_state_path(tmp_path))
    with opened(log, tmp_path) as engine:
        (task,) = engine.tasks()
        assert _left(log, task) == before
        if reason is None:
            assert task.rebuilt_because is None
            assert task.errors == []
        else:
            assert task.rebuilt_because is not None
            assert reason in task.rebuilt_because
            ((_, message, kind),) = task.errors
            assert kind == "SYSTEM"
            assert message.startswith("state made again from the log: ")
    with opened(log, tmp_path) as engine:
        (task,) = engine.tasks()
        assert _left(log, task) == before
        assert task.rebuilt_because is None, "it is rebuilt once"
    log.close()


def test_damage_that_shows_while_running_is_mended(tmp_path: Path) -> None:
    """A block with a wrong checksum is found when it is read; the thread starts over by replay."""
    log = EmbeddedLog()
    before = _run(log, tmp_path)
    content = bytearray(_state_path(tmp_path).read_bytes())
    # The state's rows are in the first data block, behind three headers of 4 KiB.
    for start in range(12_288 + 262_144, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    _state_path(tmp_path).write_bytes(content)
    with opened(log, tmp_path, autorun=True) as engine:
        (task,) = engine.tasks()
        later = [r._replace(timestamp_ms=r.timestamp_ms + 60_000) for r in sample_records(3, 40)]
        append(log, later)
        wait_until(lambda: has_read_all(log, task))
        assert task.stats.state == "RUNNING"
        assert task.rebuilt_because is not None
        assert "checksum" in task.rebuilt_because
    with opened(log, tmp_path) as engine:
        (task,) = engine.tasks()
        output, state = _left(log, task)
        assert len(output) > len(before[0])
        task.restart(keep_state=False)
        assert state_of(task) == state
    log.close()


def test_state_of_another_log_is_thrown_away(tmp_path: Path) -> None:
    """The log is new, as after a test, while the folder with the state is old."""
    first = EmbeddedLog()
    before = _run(first, tmp_path)
    first.close()
    second = EmbeddedLog()
    after = _run(second, tmp_path)
    second.close()
    assert after == before


def _run(log: Log, data_dir: Path) -> tuple[list[Written], State]:
    records = sample_records(2, 60)
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES + SAMPLE.statement)
        append(log, records)
        (task,) = engine.tasks()
        mine = [record for record in records if record.topic in SAMPLE.topics]
        for cut in cuts_in_order(mine, [5, 5]):
            run_to(log, task, cut)
        return _left(log, task)


def _left(log: Log, task: Task) -> tuple[list[Written], State]:
    return written(log, "OUT"), state_of(task)
