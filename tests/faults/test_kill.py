"""SIGKILL in a loop while a windowed count runs on a real Kafka."""

import pytest

from tests.faults.kill_count import run


@pytest.mark.timeout(900)
def test_twenty_kills_lose_nothing_and_double_nothing(kafka: str) -> None:
    outcome = run(kafka, kills=20, records=100_000, seed=7)
    assert outcome.kills == 20
    assert outcome.replays_from_nothing == 6
    assert outcome.windows > 1000
    assert outcome.wrong == ()
