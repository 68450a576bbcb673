"""The processing log as a stream that SQL can ask."""

from __future__ import annotations

from merganser.engine.answer import QueryResult
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.embedded import EmbeddedLog
from tests.runtime.driving import Input, append, run_all

PROPERTIES = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.logging.processing.topic.auto.create": "true",
    "ksql.logging.processing.stream.auto.create": "true",
}
SETUP = """
CREATE STREAM S (A INT KEY, B INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE STREAM D AS SELECT A, B + 1 AS C FROM S EMIT CHANGES;
CREATE TABLE BROKEN AS
  SELECT MESSAGE->DESERIALIZATIONERROR->`topic` AS SOURCE, COUNT(*) AS N
  FROM KSQL_PROCESSING_LOG WHERE MESSAGE->TYPE = 0
  GROUP BY MESSAGE->DESERIALIZATIONERROR->`topic` EMIT CHANGES;
"""
ASKED = (
    "SELECT LOGGER, MESSAGE->DESERIALIZATIONERROR->`topic`, "
    "MESSAGE->DESERIALIZATIONERROR->`offset` FROM KSQL_PROCESSING_LOG WHERE LEVEL = 'ERROR';"
)


def rows(engine: Engine, text: str) -> list[tuple[object, ...]]:
    result = engine.query(text)
    assert isinstance(result, QueryResult)
    return [
        row
        for batch in result.rows
        for row in zip(*(column.to_pylist() for column in batch.rows.columns), strict=True)
    ]


def test_failures_are_rows_that_can_be_selected_and_counted() -> None:
    log = EmbeddedLog()
    with Engine(EngineConfig(autorun=False, properties=PROPERTIES), log=log) as engine:
        engine.execute(SETUP)
        bad, good = b"no json", b'{"B": 1}'
        append(log, [Input("s", 0, b"\0\0\0\1", value, 0) for value in (good, bad, good, bad)])
        run_all(engine)
        found = rows(engine, ASKED)
        assert [row[1:] for row in found] == [("s", 1), ("s", 3)]
        assert all(str(row[0]).startswith("processing.CSAS_D_") for row in found)
        assert rows(engine, "SELECT * FROM BROKEN;") == [("s", 2)]
    log.close()
