"""FILTER (WHERE …) behind aggregates: in windows, over tables, in HAVING, with what fails."""

from __future__ import annotations

import json

from tests.functions.python.running import engine_with, output, run
from tests.runtime.driving import Input, append

SOURCES = """
CREATE STREAM S (G STRING, V BIGINT, W BIGINT)
  WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE T (K STRING PRIMARY KEY, G STRING, V BIGINT)
  WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
"""


def _run(statement: str, records: list[tuple[str, str | None, object]]) -> list[object]:
    """The values of all output records, one epoch a record."""
    with engine_with() as engine:
        engine.execute(SOURCES + statement)
        for second, (topic, key, value) in enumerate(records):
            payload = json.dumps(value).encode() if value is not None else None
            named = key.encode() if key is not None else None
            append(engine.log, [Input(topic, 0, named, payload, second * 1000)])
            run(engine)
        return output(engine)


def _s(g: str, v: int | None, w: int = 1) -> tuple[str, None, object]:
    return ("s", None, {"G": g, "V": v, "W": w})


def test_two_conditions_and_none_in_windows() -> None:
    found = _run(
        "CREATE TABLE OUT AS SELECT G, COLLECT_LIST(V) FILTER (WHERE V > 1) AS BIG, "
        "MIN(V) FILTER (WHERE V < 0) AS LOW, COUNT(*) AS N FROM S "
        "WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY G;",
        [_s("a", 5), _s("a", -3), _s("a", None), _s("a", 2)],
    )
    assert found == [
        {"BIG": [5], "LOW": None, "N": 1},
        {"BIG": [5], "LOW": -3, "N": 2},
        {"BIG": [5], "LOW": -3, "N": 3},
        {"BIG": [5, 2], "LOW": -3, "N": 4},
    ]


def test_sessions_are_merged_with_their_conditions() -> None:
    found = _run(
        "CREATE TABLE OUT AS SELECT G, SUM(V) FILTER (WHERE W = 1) AS ONES, COUNT(*) AS N FROM S "
        "WINDOW SESSION (10 SECONDS) GROUP BY G;",
        [_s("a", 5), _s("a", 6, 2), _s("a", 7)],
    )
    assert [row for row in found if row is not None] == [
        {"ONES": 5, "N": 1},
        {"ONES": 5, "N": 2},
        {"ONES": 12, "N": 3},
    ]


def test_table_rows_are_taken_back_by_the_condition_that_took_them() -> None:
    found = _run(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) FILTER (WHERE V > 1) AS BIG, COUNT(*) AS N "
        "FROM T GROUP BY G HAVING COUNT(*) FILTER (WHERE V > 100) = 0;",
        [
            ("t", "k", {"G": "a", "V": 5}),
            ("t", "l", {"G": "a", "V": 0}),
            ("t", "k", {"G": "a", "V": 1}),
            ("t", "l", None),
        ],
    )
    assert found == [
        {"BIG": 1, "N": 1},
        {"BIG": 1, "N": 2},
        {"BIG": 0, "N": 2},
        {"BIG": 0, "N": 1},
    ]


def test_condition_that_raises_takes_no_row() -> None:
    found = _run(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) FILTER (WHERE 10 / W > 1) AS N FROM S GROUP BY G;",
        [_s("a", 1, 2), _s("a", 1, 0), _s("a", 1, 1)],
    )
    assert found == [{"N": 1}, {"N": 1}, {"N": 2}]
