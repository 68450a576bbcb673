"""Statements as they are shown: types, properties, sources and names written out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog

SETUP = (
    "CREATE TYPE T AS STRUCT<X INT, `y` VARCHAR>;"
    "CREATE STREAM S (ID INT KEY, V VARCHAR, ST T, A ARRAY<INT>) "
    "WITH (KAFKA_TOPIC='s', PARTITIONS=2, VALUE_FORMAT='JSON');"
    "CREATE TABLE R (ID INT PRIMARY KEY, V VARCHAR) "
    "WITH (KAFKA_TOPIC='r', PARTITIONS=2, VALUE_FORMAT='JSON');"
)
TOPIC = (
    "WITH (CLEANUP_POLICY='{}', KAFKA_TOPIC='O', PARTITIONS=2, REPLICAS=1, RETENTION_MS=604800000)"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(autorun=False), log=EmbeddedLog()) as engine:
        engine.execute(SETUP)
        yield engine


def shown(engine: Engine, text: str) -> str:
    (answer,) = engine.execute(text)
    return answer.statement_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CREATE STREAM N (ID INT KEY, ST T, D DECIMAL(4,1)) WITH (value_format='json', "
            "kafka_topic='n', partitions=1);",
            "CREATE STREAM N (ID INTEGER KEY, ST STRUCT<X INTEGER, `y` STRING>, D DECIMAL(4, 1)) "
            "WITH (CLEANUP_POLICY='delete', KAFKA_TOPIC='n', KEY_FORMAT='KAFKA', PARTITIONS=1, "
            "VALUE_FORMAT='json');",
        ),
        ("DROP STREAM N DELETE TOPIC;", "DROP STREAM N;"),
        (
            "CREATE STREAM O AS SELECT * FROM S;",
            f"CREATE STREAM O {TOPIC.format('delete')} AS SELECT *\nFROM S S\nEMIT CHANGES;",
        ),
        (
            "CREATE STREAM O AS SELECT ID, st->x, UCASE(V), TRANSFORM(A, e => e + 1) AS A "
            "FROM S WHERE V LIKE 'x%' AND ID > 1 EMIT CHANGES;",
            f"CREATE STREAM O {TOPIC.format('delete')} AS SELECT\n  S.ID ID,\n  S.ST->X X,\n"
            "  UCASE(S.V) KSQL_COL_0,\n  TRANSFORM(S.A, E => (E + 1)) A\nFROM S S\n"
            "WHERE ((S.V LIKE 'x%') AND (S.ID > 1))\nEMIT CHANGES;",
        ),
        (
            "CREATE STREAM O AS SELECT l.ID, R.V AS RV FROM S l LEFT JOIN R ON l.ID = R.ID;",
            f"CREATE STREAM O {TOPIC.format('delete')} AS SELECT\n  L.ID L_ID,\n  R.V RV\n"
            "FROM S L\nLEFT OUTER JOIN R R ON ((L.ID = R.ID))\nEMIT CHANGES;",
        ),
        (
            "CREATE TABLE O AS SELECT V, COUNT(*) AS C FROM S WINDOW TUMBLING (SIZE 1 HOUR) "
            "GROUP BY V HAVING COUNT(*) > 1;",
            f"CREATE TABLE O {TOPIC.format('compact,delete')} AS SELECT\n  S.V V,\n  COUNT(*) C\n"
            "FROM S S\nWINDOW TUMBLING ( SIZE 1 HOURS ) \nGROUP BY S.V\nHAVING (COUNT(*) > 1)\n"
            "EMIT CHANGES;",
        ),
        ("SHOW  STREAMS;", "SHOW  STREAMS;"),
        (
            "CREATE STREAM IF NOT EXISTS S (ID INT KEY) WITH (KAFKA_TOPIC='s', "
            "VALUE_FORMAT='JSON');",
            "CREATE STREAM IF NOT EXISTS S (ID INT KEY) WITH (KAFKA_TOPIC='s', "
            "VALUE_FORMAT='JSON');",
        ),
    ],
)
def test_the_text_of_an_answer(engine: Engine, text: str, expected: str) -> None:
    assert shown(engine, text) == expected
    if (made := engine.catalog.sources.get("O")) is not None:
        engine.execute(f"DROP {made.kind} O DELETE TOPIC;")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "INSERT INTO S (ID, V) VALUES (1);",
            "INSERT INTO `S` (`ID`, `V`) VALUES ('[value]');",
        ),
        (
            "CREATE STREAM O AS SELECT NOPE FROM S;",
            f"CREATE STREAM O {TOPIC.format('delete')} AS SELECT NOPE NOPE\n"
            "FROM S S\nEMIT CHANGES;",
        ),
        (
            "CREATE STREAM P AS SELECT * FROM NOPE;",
            "CREATE STREAM P AS SELECT * FROM NOPE;",
        ),
        (
            "CREATE STREAM P (ID INT KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='NOPE');",
            "CREATE STREAM P (ID INTEGER KEY) WITH (KAFKA_TOPIC='s', KEY_FORMAT='KAFKA', "
            "VALUE_FORMAT='NOPE');",
        ),
    ],
)
def test_the_text_of_a_refusal(engine: Engine, text: str, expected: str) -> None:
    with pytest.raises(StatementFailure) as caught:
        engine.execute(text)
    assert caught.value.statement_text == expected


def test_shown_statements_make_the_same_again(engine: Engine) -> None:
    """A user copies what DESCRIBE shows: but for the policy it is a statement."""
    (answer,) = engine.execute("DESCRIBE S;")
    fields = answer.fields()["sourceDescription"]
    assert isinstance(fields, dict)
    again = fields["statement"].replace("CLEANUP_POLICY='delete', ", "").replace("M S (", "M S2 (")
    shown(engine, again)
    assert engine.catalog.source("S2").schema == engine.catalog.source("S").schema
