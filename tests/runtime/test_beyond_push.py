"""Push queries with what ksqlDB lacks, and statements about persistent ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from merganser.engine.answer import Answer, QueryResult
from merganser.engine.engine import Engine, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from tests.runtime.driving import opened

SOURCES = """
CREATE STREAM S (K STRING KEY, V BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM R (K STRING KEY, W INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE T (K STRING PRIMARY KEY, N INT)
  WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
"""
ROWS = """
INSERT INTO T (K, N) VALUES ('a', 7);
INSERT INTO S (ROWTIME, K, V) VALUES (1000, 'a', 1);
INSERT INTO S (ROWTIME, K, V) VALUES (1001, 'a', 1);
INSERT INTO S (ROWTIME, K, V) VALUES (1002, 'b', 2);
INSERT INTO R (ROWTIME, K, W) VALUES (1003, 'b', 5);
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    log = EmbeddedLog()
    with opened(log, None) as engine:
        engine.execute(SOURCES)
        engine.execute(ROWS)
        yield engine
    log.close()


def pushed(engine: Engine, text: str, count: int) -> list[dict[str, object]]:
    """The first rows of a push query, in order of their values."""
    result = engine.query(text)
    assert isinstance(result, QueryResult)
    rows = result.rows
    try:
        found = islice((row for batch in rows for row in batch.rows.to_pylist()), count)
        return sorted(found, key=repr)
    finally:
        rows.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "SELECT K, V FROM S WHERE V > 1 UNION ALL SELECT K, W FROM R EMIT CHANGES LIMIT 2;",
            [{"K": "b", "V": 2}, {"K": "b", "V": 5}],
        ),
        (
            "WITH A AS (SELECT K, V * 10 AS V FROM S) SELECT V FROM A WHERE V > 10 "
            "EMIT CHANGES LIMIT 1;",
            [{"V": 20}],
        ),
        (
            "SELECT A.K, V, N FROM (SELECT K, V FROM S) A JOIN (SELECT K, N FROM T WHERE N > 1) B "
            "ON A.K = B.K EMIT CHANGES LIMIT 2;",
            [{"A_K": "a", "V": 1, "N": 7}, {"A_K": "a", "V": 1, "N": 7}],
        ),
        (
            "SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K) = 1 "
            "EMIT CHANGES LIMIT 2;",
            [{"K": "a", "V": 1}, {"K": "b", "V": 2}],
        ),
        (
            "SELECT K, LAG(V) OVER (PARTITION BY K) AS BEFORE FROM S EMIT CHANGES LIMIT 3;",
            [{"K": "a", "BEFORE": 1}, {"K": "a", "BEFORE": None}, {"K": "b", "BEFORE": None}],
        ),
        (
            "SELECT K, V FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) = 1 "
            "EMIT CHANGES LIMIT 2;",
            [{"K": "a", "V": 1}, {"K": "b", "V": 2}],
        ),
    ],
)
def test_push_query(engine: Engine, text: str, wanted: list[dict[str, object]]) -> None:
    assert pushed(engine, text, len(wanted)) == sorted(wanted, key=repr)


def test_query_is_explained_and_described_and_comes_back(tmp_path: Path) -> None:
    log = EmbeddedLog()
    text = (
        "CREATE STREAM OUT AS WITH A AS (SELECT K, V FROM S) SELECT K, V FROM A "
        "UNION ALL SELECT K, W FROM R;"
    )
    with opened(log, tmp_path) as engine:
        engine.execute(SOURCES)
        explained = _only(engine.execute(f"EXPLAIN {text}")).fields()["queryDescription"]
        assert isinstance(explained, dict)
        assert explained["sources"] == ["S", "R"]
        assert "SUBQUERY A" in str(explained["executionPlan"])
        engine.execute(text)
        described = _only(engine.execute("DESCRIBE OUT EXTENDED;")).fields()["sourceDescription"]
        assert isinstance(described, dict)
        assert described["statement"] == text
        with pytest.raises(StatementFailure, match="OUT"):
            engine.execute("DROP STREAM R;")
    with opened(log, tmp_path) as engine:
        assert [task.spec.statement for task in engine.tasks()] == [text]
        assert engine.tasks()[0].source_topics == ("s", "r")
    log.close()


def test_nothing_but_a_push_query_has_them(engine: Engine) -> None:
    with pytest.raises(StatementFailure, match="need EMIT CHANGES"):
        engine.query("SELECT K, V FROM S UNION ALL SELECT K, W FROM R;")


def _only(answers: list[Answer]) -> Answer:
    (answer,) = answers
    return answer
