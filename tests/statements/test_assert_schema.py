"""ASSERT SCHEMA, and statements that this server refuses by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog

CREATE = (
    "CREATE STREAM S (ID INT KEY, V VARCHAR) "
    "WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='AVRO');"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(autorun=False), log=EmbeddedLog()) as engine:
        engine.execute(CREATE)
        yield engine


def code(engine: Engine, text: str) -> int:
    with pytest.raises(StatementFailure) as caught:
        engine.execute(text)
    return caught.value.error.code


def test_a_registered_subject_is_there(engine: Engine) -> None:
    (answer,) = engine.execute("ASSERT SCHEMA SUBJECT 's-value' TIMEOUT 1 SECONDS;")
    assert answer.fields() == {"subject": "s-value", "id": None, "exists": True}
    (table,) = answer.tables()
    assert table.title == 'Schema with subject "s-value" exists.'
    (answer,) = engine.execute("ASSERT NOT EXISTS SCHEMA SUBJECT 'other';")
    assert answer.fields() == {"subject": "other", "id": None, "exists": False}


@pytest.mark.parametrize(
    "what",
    [
        "ASSERT SCHEMA SUBJECT 'other' TIMEOUT 10 MILLISECONDS;",
        "ASSERT SCHEMA SUBJECT 's-value' ID 999 TIMEOUT 10 MILLISECONDS;",
        "ASSERT SCHEMA ID 999 TIMEOUT 10 MILLISECONDS;",
        "ASSERT NOT EXISTS SCHEMA SUBJECT 's-value' TIMEOUT 10 MILLISECONDS;",
    ],
)
def test_what_does_not_hold_fails(engine: Engine, what: str) -> None:
    assert code(engine, what) == 41700


def test_without_a_registry_it_fails() -> None:
    properties = {"ksql.schema.registry.url": ""}
    with Engine(EngineConfig(properties=properties, autorun=False), log=EmbeddedLog()) as bare:
        assert code(bare, "ASSERT SCHEMA SUBJECT 's-value';") == 41700
        assert code(bare, CREATE) == 42801


@pytest.mark.parametrize(
    "text",
    [
        "SHOW CONNECTORS;",
        "SHOW CONNECTOR PLUGINS;",
        "DESCRIBE CONNECTOR C;",
        "DROP CONNECTOR C;",
        "ALTER SYSTEM 'ksql.query.pull.table.scan.enabled'='true';",
    ],
)
def test_what_needs_another_server_is_refused(engine: Engine, text: str) -> None:
    assert code(engine, text) == 50000


def test_settings_of_connectors_are_not_shown(engine: Engine) -> None:
    text = "CREATE SINK CONNECTOR C WITH ('connector.class'='x.Y', 'password'='secret');"
    with pytest.raises(StatementFailure) as caught:
        engine.execute(text)
    assert "secret" not in caught.value.statement_text


def test_the_number_of_queries_can_be_bounded() -> None:
    properties = {"ksql.query.persistent.active.limit": "1"}
    with Engine(EngineConfig(properties=properties, autorun=False), log=EmbeddedLog()) as bounded:
        bounded.execute(CREATE + "CREATE STREAM A AS SELECT * FROM S;")
        assert code(bounded, "CREATE STREAM B AS SELECT * FROM S;") == 40000
        bounded.execute("DROP STREAM A; CREATE STREAM B AS SELECT * FROM S;")


def test_properties_that_nobody_knows(engine: Engine) -> None:
    with pytest.raises(StatementFailure) as caught:
        engine.execute("SHOW TYPES; SHOW STREAMS;", properties={"nope": 1})
    assert (caught.value.error.code, caught.value.statement_text) == (50000, "SHOW TYPES;")
