"""Random queries over random records in random epochs, against the plain reference."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.reference.drawing import Trial, trials
from tests.reference.laboratory import Laboratory, laboratory

TRIALS = 1500 if os.environ.get("MERGANSER_NIGHTLY") == "1" else 100
"""About ten minutes, and one; a failure prints the blob that draws the same trial again."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("reference")) as lab:
        yield lab


@pytest.mark.timeout(3600)
@settings(
    deadline=None,
    max_examples=TRIALS,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(trial=trials())
def test_engine_gives_what_the_reference_gives(lab: Laboratory, trial: Trial) -> None:
    lab.check(trial)
