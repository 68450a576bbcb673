"""Columns of a JSON topic that a statement does not name are proposed from its records."""

from __future__ import annotations

import json

import pytest

from merganser.engine.engine import StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.statements.propose_columns import type_of
from tests.runtime.driving import Input, append, opened, run_all, written

ROWS: list[dict[str, object]] = [
    {"id": 1, "userName": "a", "price": 2, "ok": True, "when": None, "odd-name": "x"},
    {"id": 2, "price": 2.5, "tags": [], "address": {"zip": 1, "City": "b"}},
    {"id": 3, "tags": ["x"], "address": {"zip": None, "geo": [1.5]}, "mixed": 1, "Group": "g"},
    {"id": 4, "mixed": "one", "group": "h", "counts": {f"k{n}": n for n in range(60)}},
]
COLUMNS = (
    "ID BIGINT, USERNAME STRING, PRICE DOUBLE, OK BOOLEAN, `WHEN` STRING, `odd-name` STRING, "
    "TAGS ARRAY<STRING>, ADDRESS STRUCT<`ZIP` BIGINT, `GEO` ARRAY<DOUBLE>, `CITY` STRING>, "
    "MIXED STRING, `Group` STRING, `group` STRING, COUNTS MAP<STRING, BIGINT>"
)


@pytest.fixture
def log() -> EmbeddedLog:
    return EmbeddedLog()


def put(log: EmbeddedLog, values: list[bytes | None]) -> None:
    log.create_topic("events", 2, 1, {})
    append(log, [Input("events", n % 2, None, value, n) for n, value in enumerate(values)])


def hint(log: EmbeddedLog, statement: str) -> str | None:
    with opened(log, None) as engine, pytest.raises(StatementFailure) as caught:
        engine.execute(statement)
    assert "does not define any columns" in caught.value.error.message
    return caught.value.error.hint


def test_the_proposal_is_a_statement_that_reads_the_records(log: EmbeddedLog) -> None:
    # By partition: the first and third record come before the others.
    rows = [ROWS[0], ROWS[2], ROWS[1], ROWS[3]]
    put(log, [*(json.dumps(row).encode() for row in rows), None, b"no JSON", b"[1]"])
    proposal = hint(log, "CREATE STREAM S WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');")
    assert proposal == (
        f"CREATE STREAM S ({COLUMNS}) WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');"
    )
    with opened(log, None) as engine:
        engine.execute(proposal + "CREATE STREAM OUT AS SELECT * FROM S;")
        run_all(engine)
    found = [json.loads(record.value) for record in written(log, "OUT") if record.value]
    assert {(row["ID"], row["PRICE"], row["MIXED"]) for row in found} == {
        (1, 2.0, None), (2, 2.5, None), (3, None, "1"), (4, None, "one"),
    }  # fmt: skip


def test_a_table_is_proposed_a_key(log: EmbeddedLog) -> None:
    put(log, [b'{"a": 1}'])
    proposal = hint(log, "CREATE TABLE T WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');")
    assert proposal is not None
    assert proposal.startswith("CREATE TABLE T (ROWKEY STRING PRIMARY KEY, A BIGINT) WITH")


@pytest.mark.parametrize("values", [[], [b"[1]", b"x", None], [b"{}"]])
def test_without_objects_there_is_nothing_to_propose(
    values: list[bytes | None], log: EmbeddedLog
) -> None:
    put(log, values)
    found = hint(log, "CREATE STREAM S WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');")
    assert found is not None
    assert found.startswith("List the columns")


def test_numbers_beyond_64_bits_are_text() -> None:
    assert type_of([1, 2**70]).sql() == "STRING"
