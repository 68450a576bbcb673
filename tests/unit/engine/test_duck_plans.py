"""Statements that come again and again are planned once; they read what is there when they run."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.duck import FEW_ROWS, PLAN_USES, Duck

NAME = "$rows"
SIZES = st.sampled_from([0, 1, 7, FEW_ROWS, FEW_ROWS + 1])


def table(size: int, number: int, *, wide: bool) -> pa.Table:
    columns = {"x": pa.array([number] * size, pa.int64())}
    if wide:
        columns["y"] = pa.array(["y"] * size, pa.string())
    return pa.table(columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SIZES, st.booleans()), min_size=PLAN_USES, max_size=12))
def test_a_name_gives_the_table_that_was_registered_last(steps: list[tuple[int, bool]]) -> None:
    duck = Duck.memory()
    duck.execute("CREATE TEMP TABLE kept (x BIGINT)")
    for number, (size, wide) in enumerate(steps):
        duck.register(NAME, table(size, number, wide=wide))
        duck.view("$view", f'SELECT x AS v FROM "{NAME}"')
        for query in (f'SELECT x FROM "{NAME}"', 'SELECT v FROM "$view"'):
            assert duck.arrow(query).column(0).to_pylist() == [number] * size
            assert duck.rows(query) == [(number,)] * size
        duck.execute(f'INSERT INTO kept SELECT x FROM "{NAME}"')
        count = duck.rows(f"SELECT count(*) FROM kept WHERE x = {number}")[0][0]
        assert count == size


@pytest.mark.parametrize("statement", ["SELECT * FROM t", "SELECT x FROM t"])
def test_a_table_that_was_made_anew_is_read_anew(statement: str) -> None:
    duck = Duck.memory()
    for number in range(2 * PLAN_USES):
        kind = "BIGINT" if number % 2 else "VARCHAR"
        duck.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT CAST({number} AS {kind}) AS x")
        assert duck.rows(statement) == [(number if number % 2 else str(number),)]
        expected = pa.int64() if number % 2 else pa.string()
        assert duck.arrow(statement).schema.field("x").type == expected


def test_an_unregistered_name_holds_no_rows() -> None:
    duck = Duck.memory()
    for number in range(2 * PLAN_USES):
        duck.register(NAME, table(3, number, wide=False))
        assert len(duck.rows(f'SELECT x FROM "{NAME}"')) == 3
        duck.unregister(NAME)
        assert duck.rows(f'SELECT x FROM "{NAME}"') == []


def test_a_view_that_was_made_anew_is_read_anew() -> None:
    duck = Duck.memory()
    duck.execute("CREATE TEMP TABLE kept AS SELECT 0 AS x")
    for number in range(3 * PLAN_USES):
        duck.register(NAME, table(1, number, wide=False))
        kept = number % PLAN_USES == 0
        duck.view("$view", "SELECT x FROM kept" if kept else f'SELECT x FROM "{NAME}"')
        assert duck.rows('SELECT x FROM "$view"') == [(0 if kept else number,)]
        assert duck.arrow('SELECT x FROM "$view"').column(0).to_pylist() == [0 if kept else number]


def test_a_view_is_there_again_after_its_transaction_was_rolled_back() -> None:
    duck = Duck.memory()
    duck.execute("BEGIN")
    duck.view("$view", "SELECT 1 AS x")
    duck.execute("ROLLBACK")
    duck.view("$view", "SELECT 1 AS x")
    assert duck.rows('SELECT x FROM "$view"') == [(1,)]


@pytest.mark.parametrize("count", [10, 2 * FEW_ROWS])
def test_slices_of_structs_in_structs_are_read(count: int) -> None:
    rows = [{"x": number, "s": {"t": {"u": number}}} for number in range(count)]
    made = pa.Table.from_pylist(rows)
    duck = Duck.memory()
    duck.register(NAME, made.slice(3, 5))
    assert duck.arrow(f'SELECT * FROM "{NAME}"').to_pylist() == rows[3:8]
    # Columns whose pieces are of different lengths are read in slices.
    cut = [
        made.column("x"),
        pa.chunked_array([*made.column("s").slice(0, 4).chunks, *made.column("s").slice(4).chunks]),
    ]
    duck.register(NAME, pa.Table.from_arrays(cut, names=["x", "s"]))
    assert duck.arrow(f'SELECT * FROM "{NAME}"').to_pylist() == rows
