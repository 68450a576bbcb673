"""Pull queries in DuckDB's SQL: what they can ask, what they read, what they may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pytest

from merganser.engine.duck_locked import LockedDuck
from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.errors import (
    MerganserError,
    RequestError,
    SqlSyntaxError,
    TooManyRequestsError,
    UnknownNameError,
    UnsupportedError,
    UserError,
)
from tests.runtime.driving import run_all

SETUP = """
CREATE STREAM S (ID STRING KEY, N INT, `lower` INT, P STRUCT<X INT, `y` INT>)
  WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE TABLE COUNTS AS SELECT ID, COUNT(*) AS C, SUM(N) AS TOTAL FROM S GROUP BY ID;
CREATE TABLE LASTS AS SELECT ID, LATEST_BY_OFFSET(`lower`) AS `lower`, LATEST_BY_OFFSET(P) AS P
  FROM S GROUP BY ID;
CREATE TABLE HOURLY AS SELECT ID, COUNT(*) AS C FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY ID;
CREATE TABLE BARE (ID STRING PRIMARY KEY, N INT)
  WITH (KAFKA_TOPIC='bare', PARTITIONS=1, VALUE_FORMAT='JSON');
INSERT INTO S (ROWTIME, ID, N, `lower`, P) VALUES (1000, 'a', 1, 10, STRUCT(X := 1, `y` := 2));
INSERT INTO S (ROWTIME, ID, N, `lower`, P) VALUES (2000, 'b', 2, 20, STRUCT(X := 3, `y` := 4));
INSERT INTO S (ROWTIME, ID, N, `lower`, P) VALUES (3600000, 'b', 3, 30, STRUCT(X := 5, `y` := 6));
"""
SQL = {"merganser.pull.sql.enabled": True}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    config = EngineConfig(autorun=False, properties={"ksql.streams.auto.offset.reset": "earliest"})
    with Engine(config, log=EmbeddedLog()) as engine:
        engine.execute(SETUP)
        run_all(engine)
        yield engine


def rows(
    engine: Engine, text: str, parameters: Sequence[object] | Mapping[str, object] | None = None
) -> list[tuple[object, ...]]:
    result = engine.query(text, parameters=parameters, in_sql=True)
    found = [
        tuple(row)
        for batch in result.rows  # type: ignore[union-attr] # no PRINT
        for row in zip(*(column.to_pylist() for column in batch.rows.columns), strict=True)
    ]
    assert result.kind == "pull"  # type: ignore[union-attr] # no PRINT
    return found


def refusal(engine: Engine, text: str, **more: object) -> MerganserError:
    with pytest.raises(StatementFailure) as caught:
        engine.query(text, **{"in_sql": True, **more})  # type: ignore[arg-type] # as given
    return caught.value.error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT id, c FROM counts ORDER BY c DESC;", [("b", 2), ("a", 1)]),
        ("SELECT count(*) FROM counts;", [(2,)]),
        ("SELECT c, count(*) FROM counts GROUP BY c HAVING c > 1", [(2, 1)]),
        (
            'SELECT c.id, c.total, l."lower" FROM counts c JOIN lasts l USING (id) ORDER BY ALL',
            [("a", 1, 10), ("b", 5, 30)],
        ),
        ("WITH counts AS (SELECT * FROM counts) SELECT max(total) FROM counts", [(5,)]),
        ("SELECT sum(c) OVER (ORDER BY id) FROM counts", [Decimal(1), Decimal(3)]),
        ("SELECT id FROM counts UNION ALL SELECT id FROM lasts ORDER BY id", [*"aabb"]),
        ("FROM counts SELECT id QUALIFY row_number() OVER (ORDER BY c DESC) = 1", ["b"]),
        ("SELECT id, windowstart, windowend FROM hourly WHERE c = 1 AND id = 'a' ORDER BY 1",
         [("a", 0, 3_600_000)]),
        ("SELECT id, rowtime FROM counts ORDER BY rowtime", [("a", 1000), ("b", 3_600_000)]),
        ("SELECT * FROM hourly ORDER BY ALL LIMIT 1", [("a", 1, 0, 3_600_000)]),
        ("SELECT p.x + p.y FROM lasts ORDER BY 1", [3, 11]),
        ("SELECT (SELECT max(total) FROM counts) + 1", [6]),
        ("SELECT counts.c FROM counts AS counts ORDER BY counts", [1, 2]),
    ],
)  # fmt: skip
def test_what_duckdb_can_ask(engine: Engine, text: str, expected: list[object]) -> None:
    wanted = [row if isinstance(row, tuple) else (row,) for row in expected]
    assert rows(engine, text) == wanted


def test_parameters_are_values_not_text(engine: Engine) -> None:
    assert rows(engine, "SELECT c FROM counts WHERE id = ?", ["b"]) == [(2,)]
    assert rows(engine, "SELECT c FROM counts WHERE id = $1 AND $2", ["b", True]) == [(2,)]
    assert rows(engine, "SELECT c FROM counts WHERE id = $id", {"id": "b"}) == [(2,)]
    assert rows(engine, "SELECT c FROM counts WHERE id = ?", ["x' OR 'a' = 'a"]) == []
    assert "parameter" in str(refusal(engine, "SELECT c FROM counts WHERE id = ?", parameters=[]))


def test_ksqldb_rules_come_first(engine: Engine) -> None:
    """A SELECT that ksqlDB takes means what it means there, division of integers included."""
    assert rows(engine, "SELECT ID, TOTAL / 2 AS H FROM COUNTS WHERE ID = 'b';") == [("b", 2)]
    assert rows(engine, "SELECT total / 2 FROM counts WHERE id = 'b' ORDER BY 1") == [(2.5,)]


def test_without_being_asked_for_nothing_changes(engine: Engine) -> None:
    text = "SELECT ID FROM COUNTS ORDER BY ID;"
    assert isinstance(refusal(engine, text, in_sql=False), SqlSyntaxError)
    joined = "SELECT * FROM COUNTS A JOIN LASTS B ON A.ID = B.ID;"
    assert "JOIN" in str(refusal(engine, joined, in_sql=False))
    assert engine.query(text, properties=SQL).kind == "pull"  # type: ignore[union-attr] # no PRINT


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("SELECT 1 FROM nope ORDER BY 1", UnknownNameError, "nope"),
        ("SELECT 1 FROM information_schema.tables ORDER BY 1", UnknownNameError, "tables"),
        ("SELECT * FROM '/etc/passwd' ORDER BY 1", UnknownNameError, "passwd"),
        ("SELECT 1 FROM s ORDER BY 1", UnsupportedError, "stream"),
        ("SELECT 1 FROM bare ORDER BY 1", UserError, "not materialized"),
        ("SELECT nope FROM counts ORDER BY 1", UserError, "nope"),
        ("SELECT 1 FROM counts ORDER BY 1; SELECT 2", SqlSyntaxError, "one"),
        ("SELECT * FROM COUNTS EMIT CHANGES ORDER BY ID", SqlSyntaxError, ""),
        ("CREATE TABLE x AS SELECT 1", UserError, ""),
        ("SELECT FROM WHERE", SqlSyntaxError, ""),
    ],
)
def test_what_is_refused(engine: Engine, text: str, kind: type[UserError], word: str) -> None:
    error = refusal(engine, text)
    assert isinstance(error, kind)
    assert word in str(error)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("SELECT * FROM range(100) ORDER BY 1", ("max.rows", 10)),
        ("SELECT count(*) FROM range(1000000000) a, range(1000000) b", ("max.time.ms", 200)),
        ("SELECT list(r || repeat('x', 1000)) FROM range(200000) t(r)",
         ("max.memory.bytes", 50_000_000)),
        ("SELECT * FROM counts a, lasts b", ("max.memory.bytes", 1)),
    ],
)  # fmt: skip
def test_limits(engine: Engine, text: str, limit: tuple[str, int]) -> None:
    name, value = limit
    error = refusal(engine, text, properties={f"merganser.pull.sql.{name}": value})
    assert isinstance(error, RequestError)
    assert rows(engine, "SELECT 1 ORDER BY 1") == [(1,)]  # The next one is not harmed.


def test_a_request_cannot_raise_the_servers_limits(engine: Engine) -> None:
    text = "SELECT * FROM range(1000001) ORDER BY 1"
    assert isinstance(
        refusal(engine, text, properties={"merganser.pull.sql.max.rows": 2_000_000}), RequestError
    )


def test_only_so_many_run_at_once(engine: Engine) -> None:
    pool = engine._locked
    taken = [pool.take(1 << 28, 4) for _ in range(4)]
    try:
        error = refusal(engine, "SELECT 1 ORDER BY 1")
        assert isinstance(error, TooManyRequestsError)
    finally:
        for duck in taken:
            pool.give_back(duck, 4)
    assert rows(engine, "SELECT 1 ORDER BY 1") == [(1,)]


@pytest.fixture(scope="module")
def locked() -> Iterator[LockedDuck]:
    duck = LockedDuck(64 << 20)
    yield duck
    duck.close()


ESCAPES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('/proc/self/environ')",
    "SELECT * FROM read_parquet('http://127.0.0.1/x')",
    "SELECT * FROM read_duckdb('/tmp/x.db')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM json_execute_serialized_sql("
    "json_serialize_sql('SELECT * FROM read_text(''/etc/passwd'')'))",
    "SELECT getenv('HOME')",
    "SELECT * FROM python_variable_of_the_test",
    "SELECT * FROM enable_logging(storage='file', storage_path='/tmp/x')",
    "SELECT * FROM enable_profiling()",
    'SELECT * FROM "$meta"',
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db'",
    "ATTACH 'http://127.0.0.1/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/x.so'",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1'",
    "SET enable_external_access=true",
    "SET lock_configuration=false",
    "SET memory_limit='1TB'",
    "RESET memory_limit",
    "SET GLOBAL threads=64",
    "SET temp_directory='/tmp'",
    "SET home_directory='/tmp'",
    "SET TimeZone='CET'",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output='/tmp/x'",
    "CALL enable_logging()",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_the_configuration_keeps_a_statement_in(locked: LockedDuck, text: str) -> None:
    """Straight to DuckDB: nothing has looked at the text."""
    python_variable_of_the_test = locked.select("SELECT 1", None, rows_max=1, time_max_ms=5000)
    assert python_variable_of_the_test.num_rows == 1
    with pytest.raises(Exception, match=r"(?i)error|disabled|locked|requires the extension"):
        locked._connection.execute(text).fetchall()


@pytest.mark.parametrize("text", [text for text in ESCAPES if text.startswith("SELECT")])
def test_escapes_through_the_front_door(engine: Engine, text: str) -> None:
    assert isinstance(refusal(engine, text), UserError)


@pytest.mark.parametrize("text", ["SET VARIABLE x = 1", "CREATE TABLE t (a INT)", "CHECKPOINT"])
def test_statements_that_are_no_select(locked: LockedDuck, text: str) -> None:
    with pytest.raises(SqlSyntaxError):
        locked.select(text, None, rows_max=10, time_max_ms=1000)
