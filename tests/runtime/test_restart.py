"""An engine that is closed and made again on the same log and folder: all is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from merganser.engine.answer import QueryResult
from merganser.engine.engine import Engine, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.statements.current_status import CurrentStatus
from merganser.errors import UnavailableError
from tests.runtime.driving import (
    Input,
    append,
    has_read_all,
    latest,
    opened,
    wait_until,
    written,
)

SOURCES = """
CREATE TYPE ADDRESS AS STRUCT<CITY STRING, ZIP INT>;
CREATE STREAM CLICKS (ID STRING KEY, PAGE STRING, N INT, HOME ADDRESS)
  WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE TABLE PAGES (ID STRING PRIMARY KEY, TITLE STRING)
  WITH (KAFKA_TOPIC='pages', VALUE_FORMAT='JSON', PARTITIONS=2);
"""
QUERIES = """
CREATE STREAM BIG AS SELECT ID, PAGE, N FROM CLICKS WHERE N > 5;
CREATE TABLE COUNTS AS SELECT PAGE, COUNT(*) AS HITS FROM CLICKS GROUP BY PAGE;
CREATE STREAM ALL_CLICKS (ID STRING KEY, PAGE STRING, N INT)
  WITH (KAFKA_TOPIC='all_clicks', VALUE_FORMAT='JSON', PARTITIONS=2);
INSERT INTO ALL_CLICKS SELECT ID, PAGE, N FROM CLICKS;
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    log = EmbeddedLog(tmp_path / "log.duckdb")
    yield log
    log.close()


def _click(page: str, number: int, at: int = 1000) -> Input:
    value = {"PAGE": page, "N": number, "HOME": {"CITY": "Ulm", "ZIP": 89073}}
    return Input("clicks", number % 2, page.encode(), orjson.dumps(value), at)


def _ids(engine: Engine) -> list[str]:
    return [task.query_id for task in engine.tasks()]


def _settle(engine: Engine) -> None:
    """Until all queries have read what is there."""
    wait_until(lambda: all(has_read_all(engine.log, task) for task in engine.tasks()))


def _pull(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    """A pull query's rows, as soon as the query is there to answer."""
    found: list[list[tuple[object, ...]]] = []

    def answered() -> bool:
        try:
            result = engine.query(sql)
        except StatementFailure as failure:
            if isinstance(failure.error, UnavailableError):
                return False
            raise
        assert isinstance(result, QueryResult)
        rows = [batch.rows.to_pylist() for batch in result.rows]
        found.append([tuple(row.values()) for batch in rows for row in batch])
        return True

    wait_until(answered)
    return found[-1]


def test_catalog_ids_and_sequence_come_back(log: EmbeddedLog, tmp_path: Path) -> None:
    with opened(log, tmp_path) as engine:
        engine.execute(SOURCES + QUERIES)
        engine.execute("CREATE STREAM GONE AS SELECT ID, N FROM CLICKS; DROP STREAM GONE;")
        engine.execute("CREATE STREAM LEFT_ALONE AS SELECT ID, N FROM CLICKS;")
        engine.execute(f"TERMINATE {_ids(engine)[-1]};")
        engine.execute("ALTER STREAM CLICKS ADD COLUMN EXTRA STRING;")
        engine.execute("CREATE TYPE OTHER AS INT; DROP TYPE OTHER;")
        catalog, ids = engine.catalog, _ids(engine)
    with opened(log, tmp_path) as engine:
        assert engine.catalog == catalog
        assert _ids(engine) == ids == ["CSAS_BIG_3", "CTAS_COUNTS_4", "INSERTQUERY_6"]
        assert "LEFT_ALONE" in engine.catalog.sources
        assert "GONE" not in engine.catalog.sources
        (answer,) = engine.execute("CREATE STREAM NEXT AS SELECT ID, N FROM CLICKS;")
        assert isinstance(answer, CurrentStatus)
        assert answer.query_id == "CSAS_NEXT_14"
    with opened(log, tmp_path) as engine:
        assert _ids(engine) == [*ids, "CSAS_NEXT_14"]


def test_refused_statements_leave_nothing(log: EmbeddedLog, tmp_path: Path) -> None:
    """A script whose last statement is wrong changes neither catalog nor sequence."""
    with opened(log, tmp_path) as engine:
        engine.execute(SOURCES)
        with pytest.raises(StatementFailure):
            engine.execute("CREATE STREAM A AS SELECT * FROM CLICKS; SELECT NONSENSE;")
        catalog = engine.catalog
    with opened(log, tmp_path) as engine:
        assert engine.catalog == catalog
        assert _ids(engine) == []
        (answer,) = engine.execute("CREATE STREAM A AS SELECT ID, N FROM CLICKS;")
        assert isinstance(answer, CurrentStatus)
        assert answer.query_id == "CSAS_A_3"


def test_queries_go_on_with_their_state(log: EmbeddedLog, tmp_path: Path) -> None:
    with opened(log, tmp_path, autorun=True) as engine:
        engine.execute(SOURCES + QUERIES)
        append(log, [_click("a", 1), _click("a", 7), _click("b", 9)])
        _settle(engine)
    append(log, [_click("a", 3), _click("c", 8)])
    with opened(log, tmp_path, autorun=True) as engine:
        _settle(engine)
        wait_until(lambda: _pull(engine, "SELECT HITS FROM COUNTS WHERE PAGE = 'a';") == [(3,)])
        append(log, [_click("a", 6)])
        _settle(engine)
    assert [row.value for row in written(log, "BIG") if row.key == b"a"] == [
        b'{"PAGE":"a","N":7}',
        b'{"PAGE":"a","N":6}',
    ]
    assert {key: value for key, (value, _) in latest(written(log, "COUNTS")).items()} == {
        b"a": b'{"HITS":4}',
        b"b": b'{"HITS":1}',
        b"c": b'{"HITS":1}',
    }
    assert len(written(log, "all_clicks")) == 6


def test_pull_query_answers_from_the_state_at_once(log: EmbeddedLog, tmp_path: Path) -> None:
    """Before anything is read again; never a state older than the last one shown."""
    with opened(log, tmp_path, autorun=True) as engine:
        engine.execute(SOURCES + QUERIES)
        append(log, [_click("a", number) for number in range(20)])
        _settle(engine)
        wait_until(lambda: _pull(engine, "SELECT HITS FROM COUNTS;") == [(20,)])
    with opened(log, None, autorun=True) as engine:
        # Without the folder the state is made again from the log, all of it before it answers.
        assert _pull(engine, "SELECT HITS FROM COUNTS WHERE PAGE = 'a';") == [(20,)]
    with opened(log, tmp_path, autorun=True) as engine:
        assert _pull(engine, "SELECT HITS FROM COUNTS WHERE PAGE = 'a';") == [(20,)]


def test_paused_stays_paused(log: EmbeddedLog, tmp_path: Path) -> None:
    with opened(log, tmp_path, autorun=True) as engine:
        engine.execute(SOURCES + QUERIES)
        append(log, [_click("a", 7)])
        _settle(engine)
        engine.execute("PAUSE CSAS_BIG_3;")
        big, *_ = engine.tasks()
        wait_until(lambda: big.stats.state == "PAUSED")
    append(log, [_click("a", 8)])
    with opened(log, tmp_path, autorun=True) as engine:
        big, counts, _ = engine.tasks()
        wait_until(lambda: has_read_all(log, counts))
        wait_until(lambda: big.stats.state == "PAUSED")
        assert not has_read_all(log, big)
        engine.execute("RESUME CSAS_BIG_3;")
        _settle(engine)
    assert [row.value for row in written(log, "BIG")] == [
        b'{"PAGE":"a","N":7}',
        b'{"PAGE":"a","N":8}',
    ]
    with opened(log, tmp_path, autorun=True) as engine:
        big, *_ = engine.tasks()
        wait_until(lambda: big.stats.state == "RUNNING")


def test_terminated_query_leaves_no_state(log: EmbeddedLog, tmp_path: Path) -> None:
    with opened(log, tmp_path, autorun=True) as engine:
        engine.execute(SOURCES + QUERIES)
        append(log, [_click("a", 7)])
        _settle(engine)
        engine.execute("TERMINATE CTAS_COUNTS_4; DROP STREAM BIG DELETE TOPIC;")
        assert [path.stem for path in (tmp_path / "state").glob("*.duckdb")] == ["INSERTQUERY_6"]
        assert log.topic("BIG") is None
    with opened(log, tmp_path, autorun=True) as engine:
        assert _ids(engine) == ["INSERTQUERY_6"]
        assert log.topic("BIG") is None, "what was deleted is not made again"
        assert [path.stem for path in (tmp_path / "state").glob("*.duckdb")] == ["INSERTQUERY_6"]
        assert "COUNTS" in engine.catalog.sources, "the sink of a terminated query stays"


def test_replaced_query_keeps_its_place_and_state(log: EmbeddedLog, tmp_path: Path) -> None:
    with opened(log, tmp_path, autorun=True) as engine:
        engine.execute(SOURCES)
        engine.execute("CREATE STREAM BIG AS SELECT ID, N FROM CLICKS WHERE N > 5;")
        engine.execute("CREATE TABLE TITLES AS SELECT ID, TITLE FROM PAGES;")
        append(log, [_click("a", 7), Input("pages", 0, b"p", b'{"TITLE":"7"}', 1)])
        _settle(engine)
        engine.execute(
            "CREATE OR REPLACE STREAM BIG AS SELECT ID, N, N * 2 AS TWICE FROM CLICKS WHERE N > 2;"
        )
        engine.execute(
            "CREATE OR REPLACE TABLE TITLES AS "
            "SELECT ID, TITLE, CAST(TITLE AS INT) AS NUMBER FROM PAGES;"
        )
        append(log, [_click("a", 3), Input("pages", 0, b"q", b'{"TITLE":"8"}', 2)])
        _settle(engine)
    with opened(log, tmp_path, autorun=True) as engine:
        assert _ids(engine) == ["CSAS_BIG_3", "CTAS_TITLES_4"]
        append(log, [_click("a", 4)])
        _settle(engine)
        assert _pull(engine, "SELECT ID, TITLE, NUMBER FROM TITLES;") == [
            ("p", "7", None),
            ("q", "8", 8),
        ]
        assert [task.errors for task in engine.tasks()] == [[], []]
    assert sorted(row.value or b"" for row in written(log, "BIG")) == [
        b'{"N":3,"TWICE":6}',
        b'{"N":4,"TWICE":8}',
        b'{"N":7}',
    ]
