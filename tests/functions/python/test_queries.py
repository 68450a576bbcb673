"""Python functions in persistent queries: values, failures, state."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from merganser import aggregate_function, scalar_function, table_function
from merganser.engine.engine import StatementFailure
from merganser.engine.functions.python.declarations import Declarations
from tests.functions.python.running import (
    declaring,
    engine_with,
    failures,
    feed,
    output,
    run,
    stream,
)


class Calls:
    """Counts calls."""

    count = 0


def _declare_aggregates() -> None:
    @aggregate_function
    class JoinTexts:
        """All texts, one behind the other."""

        def __init__(self, separator: str = ",") -> None:
            self.separator = separator

        def initialise(self) -> list[str]:
            return []

        def add(self, state: list[str], text: str) -> list[str]:
            if text == "bad":
                raise ValueError("bad text")
            return [*state, text]

        def merge(self, older: list[str], newer: list[str]) -> list[str]:
            return older + newer

        def result(self, state: list[str]) -> str:
            return self.separator.join(state)

    @aggregate_function
    class Total:
        def initialise(self) -> int:
            return 0

        def add(self, state: int, number: int) -> int:
            return state + number

        def merge(self, older: int, newer: int) -> int:
            return older + newer

        def undo(self, state: int, number: int) -> int:
            return state - number


@pytest.fixture
def declared() -> Declarations:
    """One function of each kind, with failures on purpose."""
    Calls.count = 0
    with declaring() as found:

        @scalar_function
        def half(number: int) -> int:
            """Half of an even number."""
            Calls.count += 1
            if number % 2:
                raise ValueError("odd")
            return number // 2

        @scalar_function(vectorized=True, types=["BIGINT"], returns="BIGINT", name="half_v")
        def _(numbers: pa.Array) -> pa.Array:
            if pc.any(pc.equal(pc.bit_wise_and(numbers, 1), 1)).as_py():
                raise ValueError("odd")
            return pc.shift_right(numbers, 1)

        @table_function
        def upto(number: int) -> list[int]:
            if number < 0:
                raise ValueError("negative")
            return list(range(number))

        _declare_aggregates()

    return found


def test_failed_row_is_null_and_told_with_its_offset(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(stream("n BIGINT") + "CREATE STREAM out AS SELECT k, half(n) AS h FROM s;")
        feed(engine, {"N": 4}, {"N": 5}, {"N": None})
        run(engine)
        assert output(engine) == [{"H": 2}, {"H": None}, {"H": None}]
        odd, null = failures(engine)
    assert odd[:2] == ("cannot evaluate HALF(`N`)", 1)
    assert odd[2][0] == "ValueError: odd"
    assert odd[2][1].startswith("at test_queries.py:")
    assert odd[2][1].endswith(" in half")
    assert null[1] == 2
    assert null[2][0].startswith("TypeError: ")


def test_batch_without_failures_is_looked_at_once(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(stream("n BIGINT") + "CREATE STREAM out AS SELECT k, half(n) AS h FROM s;")
        feed(engine, *({"N": 2 * n} for n in range(100)))
        run(engine)
        assert output(engine) == [{"H": n} for n in range(100)]
        assert failures(engine) == []
    assert Calls.count == 100


def test_failure_after_good_batches_is_found_once(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(stream("n BIGINT") + "CREATE STREAM out AS SELECT k, half(n) AS h FROM s;")
        for value in (2, 3, 4, 5):
            feed(engine, {"N": value})
            run(engine)
        assert [offset for _, offset, _ in failures(engine)] == [1, 3]


def test_failed_row_is_dropped_by_where(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT") + "CREATE STREAM out AS SELECT k, n FROM s WHERE half_v(n) > 1;"
        )
        feed(engine, *({"N": n} for n in (1, 2, 3, 4, 6)))
        run(engine)
        assert output(engine) == [{"N": 4}, {"N": 6}]
        told = failures(engine)
    assert {(offset, cause[0]) for _, offset, cause in told if cause} == {
        (0, "ValueError: odd"),
        (2, "ValueError: odd"),
    }


def test_table_function_gives_rows(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(stream("n BIGINT") + "CREATE STREAM out AS SELECT k, upto(n) AS i FROM s;")
        feed(engine, {"N": 2}, {"N": -1}, {"N": 0}, {"N": 1})
        run(engine)
        assert output(engine) == [{"I": 0}, {"I": 1}, {"I": 0}]
        assert [(offset, cause[0]) for _, offset, cause in failures(engine)] == [
            (1, "ValueError: negative")
        ]


def test_aggregate_goes_on_over_epochs(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("t STRING") + "CREATE TABLE out AS SELECT k, join_texts(t, '-') AS all_ "
            "FROM s GROUP BY k;"
        )
        feed(engine, {"T": "a"}, {"T": "bad"}, {"T": "b"})
        run(engine)
        feed(engine, {"T": "c"})
        run(engine)
        assert output(engine)[-1] == {"ALL_": "a-b-c"}
        assert [(m, o, c[0]) for m, o, c in failures(engine)] == [
            ("cannot evaluate JOIN_TEXTS(`T`, '-')", 1, "ValueError: bad text")
        ]


def test_aggregate_over_windows_of_both_kinds(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("t STRING") + "CREATE TABLE out AS SELECT k, join_texts(t) AS x FROM s "
            "WINDOW TUMBLING (SIZE 2 MILLISECONDS) GROUP BY k;"
            "CREATE TABLE out2 AS SELECT k, join_texts(t) AS x FROM s "
            "WINDOW SESSION (1 SECONDS) GROUP BY k;"
        )
        feed(engine, {"T": "a"}, {"T": "b"}, {"T": "c"})
        run(engine)
        assert {"X": "a,b"} in output(engine)
        assert {"X": "c"} in output(engine)
        assert output(engine, "OUT2")[-1] == {"X": "a,b,c"}


def test_aggregate_over_a_table_takes_old_rows_away(declared: Declarations) -> None:
    table = (
        "CREATE TABLE t (k STRING PRIMARY KEY, n BIGINT) "
        "WITH (KAFKA_TOPIC='input', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    with engine_with(declared) as engine:
        engine.execute(
            table
            + "CREATE TABLE out AS SELECT n % 2 AS parity, total(n) AS x FROM t GROUP BY n % 2;"
        )
        feed(engine, {"N": 2}, key="a")
        feed(engine, {"N": 4}, key="b")
        run(engine)
        feed(engine, {"N": 10}, key="a")
        run(engine)
        assert output(engine)[-1] == {"X": 14}
        with pytest.raises(StatementFailure, match="JOIN_TEXTS cannot be applied to a table"):
            engine.execute("CREATE TABLE no AS SELECT n, join_texts(k) AS x FROM t GROUP BY n;")


@pytest.mark.parametrize("cuts", [[8], [1] * 8, [3, 5], [5, 1, 2]])
def test_aggregate_is_the_same_however_epochs_are_cut(
    declared: Declarations, cuts: list[int]
) -> None:
    texts = ["a", "b", "bad", "c", "d", "bad", "e", "f"]
    with engine_with(declared) as engine:
        engine.execute(
            stream("t STRING")
            + "CREATE TABLE out AS SELECT k, join_texts(t, '') AS x FROM s GROUP BY k;"
        )
        for count in cuts:
            feed(engine, *({"T": texts.pop(0)} for _ in range(count)))
            run(engine)
        assert output(engine)[-1] == {"X": "abcdef"}
        assert [offset for _, offset, _ in failures(engine)] == [2, 5]


def test_state_is_made_again_by_replay(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("t STRING, n BIGINT")
            + "CREATE TABLE out AS SELECT k, join_texts(t) AS x, total(half(n)) AS y "
            "FROM s GROUP BY k;"
        )
        feed(engine, {"T": "a", "N": 2}, {"T": "b", "N": 4})
        run(engine)
        (task,) = engine.tasks()
        task.restart(keep_state=False)
        feed(engine, {"T": "c", "N": 6})
        run(engine)
        assert output(engine)[-1] == {"X": "a,b,c", "Y": 6}
