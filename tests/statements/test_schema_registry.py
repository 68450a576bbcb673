"""Statements and the schema registry: what is registered, inferred and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import MissingRegistryError, SchemaKind

RECORD = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "Id", "type": "int"}, {"name": "name", "type": ["null", "string"]}],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One for all tests; each has topics and names of its own."""
    config = EngineConfig(autorun=False)
    with Engine(config, log=EmbeddedLog(), schemas=MemorySchemaRegistry()) as opened:
        yield opened


def schemas(engine: Engine) -> MemorySchemaRegistry:
    assert isinstance(engine.schemas, MemorySchemaRegistry)
    return engine.schemas


def refused(engine: Engine, text: str) -> Exception:
    with pytest.raises(StatementFailure) as caught:
        engine.execute(text)
    return caught.value.error


def test_create_registers_key_and_value(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM A (k INT KEY, v STRING) WITH (KAFKA_TOPIC='a', FORMAT='AVRO', PARTITIONS=1);"
    )
    key, value = schemas(engine).latest("a-key"), schemas(engine).latest("a-value")
    assert key is not None
    assert value is not None
    assert key.text == '"int"'
    assert [field["name"] for field in json.loads(value.text)["fields"]] == ["V"]


def test_create_leaves_a_subject_that_is_there(engine: Engine) -> None:
    given = schemas(engine).register("b-value", SchemaKind.AVRO, json.dumps(RECORD))
    engine.execute(
        "CREATE STREAM B (id INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='AVRO', PARTITIONS=1);"
    )
    assert schemas(engine).latest("b-value") == given


def test_a_refused_script_registers_nothing(engine: Engine) -> None:
    refused(
        engine,
        "CREATE STREAM C (v INT) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='AVRO', PARTITIONS=1);"
        "CREATE STREAM D AS SELECT nothing FROM C;",
    )
    assert schemas(engine).latest("c-value") is None


def test_a_sink_registers_under_its_topic_with_a_key_name_of_its_own(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM E (k STRUCT<x INT> KEY, v INT) "
        "WITH (KAFKA_TOPIC='e', FORMAT='AVRO', PARTITIONS=1);"
        "CREATE STREAM MY_SINK WITH (KAFKA_TOPIC='f') AS SELECT * FROM E;"
    )
    key = schemas(engine).latest("f-key")
    assert key is not None
    assert json.loads(key.text)["name"] == "MySinkKey"


def test_columns_come_from_the_latest_schema_in_upper_case(engine: Engine) -> None:
    schemas(engine).register("g-value", SchemaKind.AVRO, json.dumps(RECORD))
    engine.execute("CREATE STREAM G (k INT KEY) WITH (KAFKA_TOPIC='g', VALUE_FORMAT='AVRO', "
                   "PARTITIONS=1);")  # fmt: skip
    found = engine.catalog.sources["G"].schema.sql()
    assert found == "`K` INTEGER KEY, `ID` INTEGER, `NAME` STRING"


def test_columns_of_a_schema_id_keep_their_case(engine: Engine) -> None:
    given = schemas(engine).put("other", SchemaKind.AVRO, json.dumps(RECORD), schema_id=4711)
    engine.execute(
        f"CREATE STREAM H WITH (KAFKA_TOPIC='h', VALUE_FORMAT='AVRO', PARTITIONS=1, "
        f"VALUE_SCHEMA_ID={given.schema_id});"
    )
    assert engine.catalog.sources["H"].schema.sql() == "`Id` INTEGER, `name` STRING"


def test_a_bare_key_is_rowkey(engine: Engine) -> None:
    schemas(engine).register("i-key", SchemaKind.AVRO, '"long"')
    engine.execute("CREATE TABLE I (v INT) WITH (KAFKA_TOPIC='i', FORMAT='AVRO', PARTITIONS=1);")
    assert engine.catalog.sources["I"].schema.sql() == "`ROWKEY` BIGINT KEY, `V` INTEGER"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("J WITH (KAFKA_TOPIC='j', VALUE_FORMAT='AVRO', PARTITIONS=1)",
         "the schema registry has no value schema for subject j-value"),
        ("J WITH (KAFKA_TOPIC='j', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=99, PARTITIONS=1)",
         "the schema registry has no value schema with id 99"),
        ("J (v INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=1, PARTITIONS=1)",
         "VALUE_SCHEMA_ID cannot be given with value columns"),
        ("J (v INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON', VALUE_SCHEMA_ID=1, PARTITIONS=1)",
         "VALUE_SCHEMA_ID cannot be given with value columns"),
        ("J WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON', PARTITIONS=1)",
         "the statement does not define any columns, and the value format has no schemas"),
    ],
)  # fmt: skip
def test_what_cannot_be_inferred_is_refused(engine: Engine, statement: str, message: str) -> None:
    assert str(getattr(refused(engine, f"CREATE STREAM {statement};"), "message", "")) == message


def test_without_a_registry_the_statement_gets_its_code(engine: Engine) -> None:
    kept, engine.schemas = engine.schemas, None
    try:
        error = refused(
            engine, "CREATE STREAM K (v INT) WITH (KAFKA_TOPIC='k', VALUE_FORMAT='AVRO', "
            "PARTITIONS=1);",
        )  # fmt: skip
    finally:
        engine.schemas = kept
    assert isinstance(error, MissingRegistryError)
    assert error.code == 42801


def test_insert_values_writes_by_the_registered_schema(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM L (v INT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='AVRO', PARTITIONS=1);"
        "INSERT INTO L (v) VALUES (10);"
    )
    schema = schemas(engine).latest("l-value")
    assert schema is not None
    place = TopicPartition("l", 0)
    (batch,) = engine.log.reader({place: 0}).read({place: (0, 1)})
    (value,) = batch.records.column("value").to_pylist()
    # Branch 1 of the union, and 10 as a zigzag varint.
    assert value == b"\x00" + schema.schema_id.to_bytes(4, "big") + b"\x02\x14"
