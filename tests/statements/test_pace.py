"""Live rates and lag in EXPLAIN and DESCRIBE EXTENDED."""

from __future__ import annotations

from merganser.engine.clock import SimulatedClock
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.runtime.rates import Meter
from tests.runtime.driving import run_all
from tests.statements.conftest import SETUP

ROWS = "".join(f"INSERT INTO CLICKS (USERID, PAGE) VALUES ({n}, 'p');" for n in range(30))


def shown(engine: Engine, text: str) -> dict[str, str]:
    """The statistics that a terminal shows for a statement."""
    (answer,) = engine.execute(text)
    (table,) = [table for table in answer.tables() if table.headers == ("Statistic", "Value")]
    return dict(table.rows)  # type: ignore[arg-type] # pairs


def test_what_a_query_reads_writes_and_has_before_it() -> None:
    log, clock = EmbeddedLog(), SimulatedClock(1_000_000)
    config = EngineConfig(autorun=False, properties={"ksql.streams.auto.offset.reset": "earliest"})
    with Engine(config, log=log, clock=clock) as engine:
        engine.execute(SETUP + ROWS)
        query_id = engine.tasks()[0].query_id
        before = engine.execute(f"EXPLAIN {query_id};")[0].tables()
        assert all(table.headers != ("Statistic", "Value") for table in before)
        run_all(engine)
        for text in (f"EXPLAIN {query_id};", "DESCRIBE SHOUTED EXTENDED;"):
            found = shown(engine, text)
            assert found["Records read"] == "30 (0.50/s)"
            assert found["Records written"] == "30 (0.50/s)"
            assert found["Last record"] == "1970-01-01T00:16:40Z"
            assert found["Lag"] == "0"
        engine.execute("INSERT INTO CLICKS (USERID, PAGE) VALUES (1, 'q');")
        clock.advance(60_000)
        found = shown(engine, f"EXPLAIN {query_id};")
        assert found["Lag"] == "1"
        assert found["Records read"] == "30 (0.00/s)"
    log.close()


def test_rates_are_of_the_last_minute() -> None:
    meter = Meter()
    meter.note(0, 60, 30)
    meter.note(30_000, 60, 0)
    assert meter.per_second(30_000) == (2.0, 0.5)
    assert meter.per_second(60_000) == (1.0, 0.0)
    assert meter.per_second(90_000) == (0.0, 0.0)
