"""What the engine refuses of queries beyond ksqlDB's: message, place and hint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merganser.engine.engine import Engine, EngineConfig, StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.errors import MerganserError
from tests.golden.golden import GoldenCase, check_golden, golden_cases
from tests.golden.plan.test_plan import SOURCES


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    log = EmbeddedLog()
    with Engine(EngineConfig(autorun=False), log=log) as engine:
        engine.execute(SOURCES)
        yield engine
    log.close()


@golden_cases(Path(__file__).parent, "beyond_*.sql")
def test_refusal(case: GoldenCase, engine: Engine, pytestconfig: pytest.Config) -> None:
    run = engine.execute if case.text.startswith("CREATE") else engine.query
    with pytest.raises((MerganserError, StatementFailure)) as caught:
        run(case.text)
    check_golden(case, str(caught.value), pytestconfig)
