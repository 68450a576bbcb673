"""Push queries that share a reader, and where push queries begin."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from merganser.engine.answer import QueryResult
from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.runtime.push_start import PushStart, StartKind, parse_start
from merganser.errors import PropertyError, SlowReaderError
from tests.runtime.driving import Input, append

SETUP = """
CREATE STREAM S (K STRING KEY, N INT, T STRING)
  WITH (KAFKA_TOPIC='s', PARTITIONS=2, VALUE_FORMAT='JSON');
CREATE TABLE T (K STRING PRIMARY KEY, N INT)
  WITH (KAFKA_TOPIC='t', PARTITIONS=2, VALUE_FORMAT='JSON');
"""
PROPERTIES = {"ksql.max.push.queries": "1000", "merganser.push.max.buffer.bytes": "20000"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    log = EmbeddedLog()
    with Engine(EngineConfig(properties=PROPERTIES), log=log) as engine:
        engine.execute(SETUP)
        yield engine
    log.close()


def produce(engine: Engine, *numbers: int, text: str = "", partition: int = 0) -> None:
    records = [
        Input("s", partition, f"k{n}".encode(), f'{{"N": {n}, "T": "{text}"}}'.encode(), n * 1000)
        for n in numbers
    ]
    append(engine.log, records)


def push(engine: Engine, text: str, start: str | None = None) -> QueryResult:
    properties = {} if start is None else {"merganser.push.from": start}
    result = engine.query(text, properties=properties)
    assert isinstance(result, QueryResult)
    return result


def taken(result: QueryResult, count: int) -> list[tuple[object, ...]]:
    """The next rows, as many; then the query is closed."""
    found: list[tuple[object, ...]] = []
    for batch in result.rows:
        columns = (column.to_pylist() for column in batch.rows.columns)
        found += list(zip(*columns, strict=True))
        if len(found) >= count:
            break
    result.rows.close()
    assert len(found) == count
    return found


def test_each_has_its_own_condition_and_columns_of_one_reader(engine: Engine) -> None:
    produce(engine, 900)  # Was there before: nobody gets it.
    results = [
        push(engine, f"SELECT K, N + {i % 7} AS M FROM S WHERE N >= {i} EMIT CHANGES;")
        for i in range(60)
    ]
    everything = push(engine, "SELECT * FROM S EMIT CHANGES LIMIT 60;")
    (reader,) = engine._pushes.fan_outs.readers()
    assert reader.subscriber_count == 61
    assert len(engine.execute("SHOW QUERIES;")[0].fields()["queries"]) == 61  # type: ignore[arg-type]
    produce(engine, *range(60))
    for i, result in enumerate(results):
        expected = [(f"k{n}", n + i % 7) for n in range(i, 60)]
        assert taken(result, len(expected)) == expected
    assert [row[1] for row in taken(everything, 60)] == list(range(60))
    reader.wait(10)
    assert reader.is_over
    assert engine._pushes.fan_outs.readers() == []


def test_who_comes_later_begins_later(engine: Engine) -> None:
    first = push(engine, "SELECT N FROM S EMIT CHANGES;")
    produce(engine, 1, 2)
    produce(engine, 3, partition=1)
    second = push(engine, "SELECT N FROM S EMIT CHANGES;")
    produce(engine, 4)
    produce(engine, 5, partition=1)
    assert sorted(taken(second, 2)) == [(4,), (5,)]
    assert sorted(taken(first, 5)) == [(1,), (2,), (3,), (4,), (5,)]
    third = push(engine, "SELECT N FROM S EMIT CHANGES;")  # By a new reader.
    produce(engine, 6)
    assert taken(third, 1) == [(6,)]


def test_records_that_nobody_can_use_are_left_out(engine: Engine) -> None:
    result = push(engine, "SELECT N, 10 / N AS D FROM S EMIT CHANGES;")
    append(engine.log, [Input("s", 0, b"k", value, 0) for value in (b"no json", None)])
    produce(engine, 0, 5)
    assert taken(result, 2) == [(0, None), (5, 2)]


def test_a_slow_one_is_dropped_and_the_others_go_on(engine: Engine) -> None:
    slow = push(engine, "SELECT * FROM S EMIT CHANGES;")
    quick = push(engine, "SELECT N FROM S EMIT CHANGES;")
    (reader,) = engine._pushes.fan_outs.readers()
    rows = iter(quick.rows)
    count = 0
    for start in range(0, 1000, 100):
        produce(engine, *range(start, start + 100), text="x" * 100)
        while count < start + 100:
            count += next(rows).rows.num_rows
        assert reader.waiting_bytes <= 2 * 20_000
    with pytest.raises(SlowReaderError) as caught:
        list(slow.rows)
    assert caught.value.hint
    assert "merganser.push.max.buffer.bytes" in caught.value.hint
    assert count == 1000
    quick.rows.close()


def test_all_together_have_a_limit_too() -> None:
    log = EmbeddedLog()
    properties = {**PROPERTIES, "merganser.push.max.buffers.bytes": "10000"}
    with Engine(EngineConfig(properties=properties), log=log) as engine:
        engine.execute(SETUP)
        slow = [push(engine, f"SELECT N, T, {i} AS I FROM S EMIT CHANGES;") for i in range(20)]
        (reader,) = engine._pushes.fan_outs.readers()
        mark = push(engine, "SELECT N FROM S WHERE N = 99 EMIT CHANGES;")
        produce(engine, *range(100), text="x" * 20)
        assert taken(mark, 1) == [(99,)]
        assert reader.waiting_bytes <= 10_000
        dropped = 0
        for result in slow:
            try:
                next(iter(result.rows))
            except SlowReaderError:
                dropped += 1
            result.rows.close()
        assert 0 < dropped < 20
    log.close()


def test_closing_from_elsewhere_ends_the_iteration(engine: Engine) -> None:
    result = push(engine, "SELECT N FROM S EMIT CHANGES;")
    thread = threading.Thread(target=lambda: list(result.rows))
    thread.start()
    assert engine.close_query(result.query_id)
    thread.join(10)
    assert not thread.is_alive()
    assert engine.execute("SHOW QUERIES;")[0].fields()["queries"] == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT K, COUNT(*) AS C FROM S GROUP BY K EMIT CHANGES;",
        "SELECT * FROM T EMIT CHANGES;",
        "SELECT S.N FROM S JOIN T ON S.K = T.K EMIT CHANGES;",
    ],
)
def test_others_have_readers_of_their_own(engine: Engine, text: str) -> None:
    result = push(engine, text)
    assert engine._pushes.fan_outs.readers() == []
    result.rows.close()


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("earliest", [1, 2, 3, 4]),
        ("1970-01-01T00:00:02Z", [2, 3, 4]),
        ("1970-01-01T02:00:03+02:00", [3, 4]),
        ("3000", [3, 4]),
        ("0:2", [3]),
        ("0:1,1:0", [2, 3, 4]),
        ("0:0, 1:7", [1, 2, 3]),
    ],
)
def test_where_a_push_query_begins(engine: Engine, start: str, expected: list[int]) -> None:
    produce(engine, 1, 2, 3)
    produce(engine, 4, partition=1)
    result = push(engine, "SELECT N FROM S EMIT CHANGES;", start)
    assert sorted(n for (n,) in taken(result, len(expected))) == expected  # type: ignore[type-var]


def test_a_start_that_is_none(engine: Engine) -> None:
    with pytest.raises(StatementFailure) as caught:
        push(engine, "SELECT N FROM S EMIT CHANGES;", "yesterday")
    assert isinstance(caught.value.error, PropertyError)
    assert caught.value.error.hint
    assert parse_start("LATEST") == PushStart(StartKind.LATEST)
