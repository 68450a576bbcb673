"""A state that has grown is read by its index, and what comes out is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from merganser.engine.duck import Duck, literal, physical_name
from merganser.engine.engine import Engine
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.runtime.task import Task
from merganser.engine.state import key_index
from tests.runtime.driving import append, opened, run_to, state_of, written
from tests.runtime.sample_queries import SAMPLES, SOURCES, cuts_in_order, sample_records

INDEXED = (
    "totals",
    "tumbling",
    "session",
    "stream_table",
    "table_table",
    "table_filter",
    "having",
    "running",
    "last_of_each",
    "top_two",
)


@contextmanager
def running(name: str, data_dir: Path) -> Iterator[tuple[Engine, EmbeddedLog, Task]]:
    log = EmbeddedLog()
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES)
        engine.execute(SAMPLES[name].statement)
        (task,) = engine.tasks()
        yield engine, log, task
    log.close()


def indexes(task: Task) -> int:
    rows = task.session.duck.rows(
        "SELECT count(*) FROM duckdb_indexes() "
        f"WHERE database_name = {literal(physical_name(task.state_alias))}"
    )
    return int(str(rows[0][0]))


@pytest.mark.parametrize("name", INDEXED)
def test_index_shows_in_no_result(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over a restart, which finds the index again."""
    results = []
    for rows_min in (10**9, 1):
        monkeypatch.setattr(key_index, "INDEX_ROWS_MIN", rows_min)
        monkeypatch.setattr(key_index, "LOOK_EVERY_COMMITS", 2)
        with running(name, tmp_path / str(rows_min)) as (_, log, task):
            records = [r for r in sample_records(7, 120) if r.topic in SAMPLES[name].topics]
            append(log, records)
            for index, cut in enumerate(cuts_in_order(records, [9] * 10)):
                if index == 7:
                    task.restart(keep_state=True)
                run_to(log, task, cut)
            assert task.sink_topic is not None
            assert (indexes(task) > 0) == (rows_min == 1)
            results.append((written(log, task.sink_topic), _rows(task)))
    assert results[0] == results[1]


def test_index_is_used() -> None:
    """DuckDB answers the condition by the index; the column that tells most rows apart has it."""
    duck = Duck.memory()
    try:
        duck.attach("STATE", None)
        duck.execute(
            'CREATE TABLE "STATE".main."$sums" AS SELECT \'g\' || i % 3 AS "G", \'k\' || i AS "K" '
            "FROM range(300_000) AS r(i)"
        )
        index = key_index.KeyIndex("$sums", [('"G"', "VARCHAR"), ('"K"', "VARCHAR")])
        index.prepare(duck, "STATE")
        assert index.wanted(duck, "(SELECT 'g1' AS \"G\", 'k7' AS \"K\")") == ""
        index.maintain(duck, "STATE")
        wanted = index.wanted(duck, "(SELECT 'g1' AS \"G\", 'k7' AS \"K\")")
        assert wanted == " AND s.\"K\" IN ('k7')"
        query = f'SELECT * FROM "STATE".main."$sums" AS s WHERE TRUE{wanted}'
        ((_, plan),) = duck.rows(f"EXPLAIN ANALYZE {query}")
        assert "Index Scan" in str(plan)
        assert duck.rows(query) == [("g1", "k7")]
    finally:
        duck.close()


def _rows(task: Task) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows for name, rows in state_of(task).items() if name != "$meta"}
