"""What an error and an answer show as the statement, where that is not its own text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog

WITH = "WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(), log=EmbeddedLog()) as engine:
        yield engine


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("DESCRIBE ${nope};", "${NOPE}"),
        (f"CREATE TABLE T (ID INT KEY, V INT) {WITH}", "`ID`"),
        (f"CREATE STREAM S (id INT PRIMARY KEY) {WITH}", "`ID`"),
        (
            f"CREATE STREAM S (K VARCHAR KEY, A VARCHAR HEADER('x')) {WITH}",
            f"CREATE STREAM S (K VARCHAR KEY, A VARCHAR HEADER('x')) {WITH}",
        ),
    ],
)
def test_what_is_wrong_before_all_else_is_shown(engine: Engine, statement: str, shown: str) -> None:
    with pytest.raises(StatementFailure) as failure:
        engine.execute(statement)
    assert failure.value.statement_text == shown


def test_variables_are_left_alone_where_that_is_asked_for(engine: Engine) -> None:
    with pytest.raises(StatementFailure) as failure:
        engine.execute(
            "DESCRIBE ${tbl};",
            properties={"ksql.variable.substitution.enable": False},
            variables={"tbl": "T"},
        )
    assert failure.value.statement_text == "${TBL}"


def test_columns_from_the_registry_are_shown(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM A (K STRING KEY, V STRING, N STRUCT<X INT>) WITH "
        "(KAFKA_TOPIC='a', KEY_FORMAT='KAFKA', VALUE_FORMAT='PROTOBUF', PARTITIONS=1);"
    )
    (answer,) = engine.execute(
        "CREATE STREAM B WITH (KAFKA_TOPIC='a', KEY_FORMAT='NONE', VALUE_FORMAT='PROTOBUF');"
    )
    assert answer.statement_text == (
        "CREATE STREAM B (V STRING, N STRUCT<X INTEGER>) WITH (CLEANUP_POLICY='delete', "
        "KAFKA_TOPIC='a', KEY_FORMAT='NONE', VALUE_FORMAT='PROTOBUF');"
    )


def test_headers_can_be_read_one_by_one_and_all_together(engine: Engine) -> None:
    engine.execute(
        "CREATE STREAM H (K STRING KEY, A BYTES HEADER('x'), "
        f"HS ARRAY<STRUCT<KEY STRING, VALUE BYTES>> HEADERS) {WITH}"
    )
    assert engine.catalog.sources["H"].schema.find("HS") is not None


def test_a_push_query_may_show_its_key_twice(engine: Engine) -> None:
    engine.execute(f"CREATE STREAM S (K INT KEY, V INT) {WITH}")
    result = engine.query("SELECT K, K AS K2, V FROM S EMIT CHANGES;")
    try:
        assert [column.name for column in result.columns] == ["K", "K2", "V"]  # type: ignore[union-attr]  # a query's
    finally:
        result.rows.close()  # type: ignore[union-attr]  # likewise
