"""A query is a function of its input and of the cuts that its commit records tell (page 2).

Invariant A: the same ranges in the same epochs give the same state and outputs, byte by byte,
whatever crashed in between. Invariant B: how the input is cut shows in no final result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given

from merganser.engine.duck import Duck
from merganser.engine.runtime.task import Task
from tests.property.cut_runs import (
    Laboratory,
    Plan,
    cutting,
    laboratory,
    one_epoch,
    plans,
    without_restarts,
)
from tests.runtime.driving import Written, latest, state_of, table_of


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("cuts")) as lab:
        yield lab


@cutting
@given(plan=plans())
def test_replay_gives_the_same_bytes(lab: Laboratory, plan: Plan) -> None:
    """Invariant A: restarts, with the state and without, leave no trace."""
    task = lab.run(plan, without_restarts(plan))
    expected = lab.output(task), state_of(task)
    task = lab.run(plan)
    task.restart(keep_state=False)
    assert (lab.output(task), state_of(task)) == expected


@cutting
@given(plan=plans())
def test_cut_does_not_show(lab: Laboratory, plan: Plan) -> None:
    """Invariant B: many epochs with restarts end where one epoch ends."""
    expected = _final(lab, lab.run(plan, one_epoch(plan)), plan)
    assert _final(lab, lab.run(plan), plan) == expected


@cutting
@given(plan=plans(["totals", "window_totals"]))
def test_totals_are_those_of_plain_sql(lab: Laboratory, plan: Plan) -> None:
    """However it is cut: what DuckDB computes over the whole input in one statement."""
    task = lab.run(plan)
    totals = [row[:6] for row in table_of(task)]
    starts = [row[7] if plan.name == "window_totals" else 0 for row in table_of(task)]
    found = [(start, *row) for start, row in zip(starts, totals, strict=True)]
    assert sorted(found, key=repr) == sorted(_plain_totals(plan), key=repr)


@cutting
@given(plan=plans(["top_two"]))
def test_places_are_those_of_plain_sql(lab: Laboratory, plan: Plan) -> None:
    """However it is cut: what DuckDB numbers over the whole input in one statement."""
    task = lab.run(plan)
    rows = [row for row in lab.output(task) if isinstance(row, Written)]
    found = {
        (json.loads(key or b"")["K"], json.loads(key or b"")["PLACE"]): json.loads(value)
        for key, (value, _) in latest(rows).items()
    }
    assert found == _plain_places(plan)


def _plain_places(plan: Plan) -> dict[tuple[str, int], dict[str, object]]:
    duck = Duck.memory()
    try:
        duck.register("input", _numbered(plan))
        places = duck.rows(
            "SELECT k, g, v, row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, "
            "g NULLS LAST, number DESC) AS place FROM input QUALIFY place <= 2"
        )
    finally:
        duck.close()
    return {(str(k), int(str(place))): {"G": g, "V": v} for k, g, v, place in places}


@cutting
@given(plan=plans(["running"]))
def test_rows_before_are_those_of_plain_sql(lab: Laboratory, plan: Plan) -> None:
    """However it is cut: what DuckDB's own window functions give over the whole input."""
    task = lab.run(plan)
    found = [
        (row.key.decode(), *json.loads(row.value).values())
        for row in lab.output(task)
        if isinstance(row, Written) and row.key is not None and row.value is not None
    ]
    duck = Duck.memory()
    try:
        duck.register("input", _numbered(plan))
        wanted = duck.rows(
            "SELECT k, v, row_number() OVER w, lag(v) OVER w, lag(v, 2, 99) OVER w FROM input "
            "WHERE g <> 'z' WINDOW w AS (PARTITION BY k ORDER BY number) "
            "QUALIFY lag(v) OVER w IS DISTINCT FROM v"
        )
    finally:
        duck.close()
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


def _numbered(plan: Plan) -> pa.Table:
    """The rows of stream S with their numbers; those of one key come in the order of offsets."""
    rows = [
        (record.key.decode(), json.loads(record.value))
        for record in plan.records
        if record.topic == "s" and record.key is not None and record.value is not None
    ]
    return pa.table(
        {
            "number": pa.array(range(len(rows)), pa.int64()),
            "k": pa.array([key for key, _ in rows], pa.string()),
            "g": pa.array([value["G"] for _, value in rows], pa.string()),
            "v": pa.array([value["V"] for _, value in rows], pa.int64()),
        }
    )


def _plain_totals(plan: Plan) -> list[tuple[object, ...]]:
    rows = [
        (record.timestamp_ms, json.loads(record.value))
        for record in plan.records
        if record.value is not None
    ]
    table = pa.table(
        {
            "time_ms": pa.array([time_ms for time_ms, _ in rows], pa.int64()),
            "g": pa.array([value["G"] for _, value in rows], pa.string()),
            "v": pa.array([value["V"] for _, value in rows], pa.int64()),
        }
    )
    window = "time_ms - time_ms % 10000" if plan.name == "window_totals" else "0"
    duck = Duck.memory()
    try:
        duck.register("input", table)
        return duck.rows(
            f"SELECT {window}, g, count(*), count(v), CAST(coalesce(sum(v), 0) AS BIGINT), "
            f"min(v), max(v) FROM input WHERE g IS NOT NULL GROUP BY ALL"
        )
    finally:
        duck.close()


def _final(lab: Laboratory, task: Task, plan: Plan) -> object:
    """What may not depend on the cut: rows of a stream, each row of EMIT FINAL, a merged table."""
    assert task.sink_topic is not None
    output = [row for row in lab.output(task) if isinstance(row, Written)]
    # A record without key goes to any partition.
    rows = sorted(
        (row.partition if row.key is not None else -1, row.key or b"", row.value or b"", row[4])
        for row in output
    )
    late = task.stats.late_rows
    if not plan.sample.is_table:
        return rows, late
    if plan.sample.final:
        keys = [row.key for row in output]
        assert len(keys) == len(set(keys)), "a window was given twice"
        return rows, late, table_of(task)
    return latest(output), late, table_of(task)
