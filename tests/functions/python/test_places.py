"""Python functions wherever an expression may stand."""

from __future__ import annotations

import pytest

from merganser import aggregate_function, scalar_function
from merganser.engine.answer import QueryResult
from merganser.engine.engine import Engine
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


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A function that raises for what is not positive, and the largest of them."""
    with declaring() as found:

        @scalar_function
        def root(number: int) -> int:
            if number <= 0:
                raise ValueError("not positive")
            return int(number**0.5)

        @aggregate_function
        class Largest:
            def initialise(self) -> int | None:
                return None

            def add(self, state: int | None, number: int) -> int:
                return number if state is None else max(state, number)

            def merge(self, older: int | None, newer: int | None) -> int | None:
                return max((each for each in (older, newer) if each is not None), default=None)

            def result(self, state: int | None) -> int:
                return -1 if state is None else state

    return found


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    """The rows of a pull query."""
    result = engine.query(query)
    assert isinstance(result, QueryResult)
    return [tuple(row.values()) for batch in result.rows for row in batch.rows.to_pylist()]


def test_insert_values(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(stream("n BIGINT") + "INSERT INTO s (k, n) VALUES ('a', root(16));")
        assert output(engine, "input") == [{"N": 4}]


def test_pull_query_over_a_table(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT") + "CREATE TABLE out AS SELECT k, largest(n) AS x FROM s GROUP BY k;"
        )
        feed(engine, {"N": 9}, {"N": 25})
        feed(engine, {"N": 4}, key="j")
        run(engine)
        found = rows(engine, "SELECT k, root(x) AS r FROM out WHERE k = 'k';")
        assert found == [("k", 5)]


def test_group_by_partition_by_and_having(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT")
            + "CREATE TABLE out AS SELECT root(n) AS r, count(*) AS c FROM s GROUP BY root(n) "
            "HAVING root(count(*)) > 1;"
            "CREATE STREAM out2 AS SELECT root(n) AS r, k FROM s PARTITION BY root(n);"
        )
        feed(engine, *({"N": n} for n in (9, 10, 11, 12, 16, -1)))
        run(engine)
        assert output(engine) == [{"C": 4}]
        assert len(output(engine, "OUT2")) == 6
        assert {offset for _, offset, cause in failures(engine) if cause} == {5}


def test_inside_and_around_other_expressions(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT, a ARRAY<BIGINT>")
            + "CREATE STREAM out AS SELECT k, root(n) + 1 AS x, "
            "CASE WHEN n > 0 THEN root(n) ELSE CAST(0 AS BIGINT) END AS y, "
            "TRANSFORM(a, e => root(e)) AS z, root(root(n)) AS w FROM s;"
        )
        feed(engine, {"N": 16, "A": [4, 9]}, {"N": -1, "A": [1]}, {"N": 81, "A": [-1]})
        run(engine)
        assert output(engine) == [
            {"X": 5, "Y": 4, "Z": [2, 3], "W": 2},
            {"X": None, "Y": 0, "Z": [1], "W": None},
            {"X": 10, "Y": 9, "Z": None, "W": 3},
        ]
        told = {(message, offset) for message, offset, _ in failures(engine)}
    assert told == {
        ("cannot evaluate (ROOT(`N`) + 1)", 1),
        ("cannot evaluate ROOT(ROOT(`N`))", 1),
        ("cannot evaluate TRANSFORM(`A`, (E) => ROOT(E))", 2),
    }


def test_state_that_is_null_at_first(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT") + "CREATE TABLE out AS SELECT k, largest(n) AS x FROM s GROUP BY k;"
        )
        for value in (3, 5, 4):
            feed(engine, {"N": value})
            run(engine)
        assert output(engine) == [{"X": 3}, {"X": 5}, {"X": 5}]
        assert failures(engine) == []


def test_aggregate_of_functions() -> None:
    def add(state: int, text: str | None) -> int:
        """Letters of all texts."""
        return state + len(text or "")

    def less(state: int, text: str | None) -> int:
        return state - len(text or "")

    with declaring() as found:
        aggregate_function(
            name="letters",
            initialise=int,
            add=add,
            merge=lambda older, newer: older + newer,
            undo=less,
            state="BIGINT",
        )
    assert found.functions["LETTERS"].entry.doc == "Letters of all texts."
    table = (
        "CREATE TABLE t (k STRING PRIMARY KEY, g INT, t STRING) "
        "WITH (KAFKA_TOPIC='input', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    with engine_with(found) as engine:
        engine.execute(table + "CREATE TABLE out AS SELECT g, letters(t) AS x FROM t GROUP BY g;")
        feed(engine, {"G": 1, "T": "abc"}, key="a")
        feed(engine, {"G": 1, "T": None}, key="b")
        run(engine)
        feed(engine, {"G": 1, "T": "a"}, key="a")
        feed(engine, None, key="b")
        run(engine)
        assert output(engine)[-1] == {"X": 1}
        assert failures(engine) == []


def test_join_key_that_fails(declared: Declarations) -> None:
    with engine_with(declared) as engine:
        engine.execute(
            stream("n BIGINT") + "CREATE TABLE t (k BIGINT PRIMARY KEY, v STRING) "
            "WITH (KAFKA_TOPIC='table', FORMAT='JSON', PARTITIONS=1);"
            "CREATE STREAM out AS SELECT t.k AS k, s.n AS n, t.v AS v FROM s "
            "JOIN t ON root(s.n) = t.k;"
        )
        feed(engine, {"V": "three"}, key="3", topic="table")
        feed(engine, {"N": 1}, {"N": 9}, {"N": -9})
        run(engine)
        assert output(engine) == [{"N": 9, "V": "three"}]
        ((_, offset, cause),) = [each for each in failures(engine) if each[2]]
        assert (offset, cause[0]) == (2, "ValueError: not positive")


def test_errors_that_cannot_be_shown() -> None:
    class Strange(Exception):  # noqa: N818 (its name says what it is)
        def __str__(self) -> str:
            raise ValueError("no text")

    with declaring() as found:

        @scalar_function
        def strange(number: int) -> str:
            if number == 1:
                raise Strange
            return "\udc80"

    with engine_with(found) as engine:
        engine.execute(
            stream("n BIGINT") + "CREATE STREAM out AS SELECT k, strange(n) AS x FROM s;"
        )
        feed(engine, {"N": 1}, {"N": 2})
        run(engine)
        assert output(engine) == [{"X": None}, {"X": None}]
        first, second = failures(engine)
        assert first[2][0] == "Strange"
        assert second[2][0].startswith("UnicodeEncodeError: ")
