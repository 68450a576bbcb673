"""Which pull queries are allowed, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.runtime.queries import PullRate
from merganser.errors import TooManyRequestsError, UnavailableError

TABLES = (
    "CREATE STREAM S (A STRING KEY, B INT, C INT) "
    "WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
    "CREATE TABLE ONE AS SELECT A, COUNT(*) AS N FROM S GROUP BY A;"
    "CREATE TABLE TWO WITH (KEY_FORMAT='JSON') AS SELECT B, C, COUNT(*) AS N FROM S GROUP BY B, C;"
)
NO_SCAN = {"ksql.query.pull.table.scan.enabled": False}
NO_RANGE = {**NO_SCAN, "ksql.query.pull.range.scan.enabled": False}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(autorun=False), log=EmbeddedLog()) as engine:
        engine.execute(TABLES)
        yield engine


def allowed(engine: Engine, text: str, properties: Mapping[str, object]) -> bool:
    """Whether a query gets as far as its table, which is not open as nothing runs."""
    with pytest.raises(StatementFailure) as caught:
        engine.query(text, properties=properties)
    return isinstance(caught.value.error, UnavailableError)


@pytest.mark.parametrize(
    "where",
    [
        "A = 'x'",
        "'x' = A AND N > 1",
        "A IN ('x', 'y')",
        "A = 'x' OR A = 'y'",
        "A >= 'x'",
        "A >= 'x' AND N = 1",
    ],
)
def test_lookups_by_one_key(engine: Engine, where: str) -> None:
    assert allowed(engine, f"SELECT * FROM ONE WHERE {where};", NO_SCAN)


@pytest.mark.parametrize(
    "where",
    [
        "N = 1",
        "A <> 'x'",
        "A = 'x' AND A = 'y'",
        "A = 'x' OR N = 1",
        "A >= 'x' AND A < 'y'",
        "A < 'x' OR A > 'y'",
        "UCASE(A) = 'X'",
        "A LIKE 'x%'",
    ],
)
def test_scans_of_the_table(engine: Engine, where: str) -> None:
    assert not allowed(engine, f"SELECT * FROM ONE WHERE {where};", NO_SCAN)
    assert allowed(engine, f"SELECT * FROM ONE WHERE {where};", {})


def test_every_key_column_is_needed(engine: Engine) -> None:
    assert allowed(engine, "SELECT * FROM TWO WHERE B = 1 AND C = 2;", NO_SCAN)
    assert not allowed(engine, "SELECT * FROM TWO WHERE B = 1;", NO_SCAN)
    assert not allowed(engine, "SELECT * FROM TWO;", NO_SCAN)


def test_ranges_have_a_switch_of_their_own(engine: Engine) -> None:
    assert not allowed(engine, "SELECT * FROM ONE WHERE A >= 'x';", NO_RANGE)


def test_limits_can_be_switched_off(engine: Engine) -> None:
    off: dict[str, object] = {"ksql.query.pull.limit.clause.enabled": False}
    assert allowed(engine, "SELECT * FROM ONE LIMIT 1;", {})
    assert not allowed(engine, "SELECT * FROM ONE LIMIT 1;", off)


def test_a_rate_lets_one_more_start_after_a_pause() -> None:
    rate = PullRate()
    rate.take(1, 1_000_000)
    rate.take(1, 1_000_000)
    with pytest.raises(TooManyRequestsError):
        rate.take(1, 1_000_500)
    rate.take(1, 1_001_000)
