"""An engine on the embedded log, whose tasks are driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from merganser.engine.answer import Answer
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.embedded import EmbeddedLog

Ask = Callable[[str], Answer]

SETUP = """
CREATE STREAM CLICKS (USERID BIGINT KEY, PAGE VARCHAR, TAGS ARRAY<VARCHAR>)
  WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE TABLE PAGES (ID VARCHAR PRIMARY KEY, TITLE VARCHAR, WHEN_MADE TIMESTAMP)
  WITH (KAFKA_TOPIC='pages', VALUE_FORMAT='JSON', PARTITIONS=1, TIMESTAMP='WHEN_MADE');
CREATE STREAM SHOUTED AS SELECT USERID, UCASE(PAGE) AS PAGE FROM CLICKS EMIT CHANGES;
CREATE TABLE HOURLY AS SELECT PAGE, COUNT(*) AS N FROM CLICKS
  WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY PAGE EMIT CHANGES;
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    log = EmbeddedLog()
    config = EngineConfig(
        service_id="test_",
        autorun=False,
        properties={"ksql.streams.auto.offset.reset": "earliest"},
        host="here:8088",
    )
    with Engine(config, log=log) as engine:
        engine.execute(SETUP)
        yield engine
    log.close()


@pytest.fixture
def ask(engine: Engine) -> Ask:
    """Runs one statement and gives its answer."""

    def run(text: str) -> Answer:
        (answer,) = engine.execute(text)
        assert answer.statement_text == text or text.startswith(("CREATE", "DROP"))
        return answer

    return run
