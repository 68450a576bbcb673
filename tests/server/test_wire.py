"""Exchanges with a server on the embedded log, compared with what was written down.

Those under tests/golden/rest all match. Recordings of a ksqlDB server lie outside the repository:
in `MERGANSER_CASES`/wire/rest, or in the folder beside it; of them so many match at least.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.passing import REPOSITORY, cases_folder
from tests.server.wire_compare import compare_area, compare_folder

GOLDEN = sorted((REPOSITORY / "tests" / "golden" / "rest").glob("*.json"))
MATCHED_AT_LEAST = 597  # May only grow.


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_exchanges(file: Path) -> None:
    outcomes = compare_area(file)
    assert outcomes
    assert [f"{o.name}: {o.difference}" for o in outcomes if not o.matched] == []


@pytest.mark.slow
@pytest.mark.conformance
@pytest.mark.timeout(900)
def test_recorded_exchanges() -> None:
    folder = cases_folder()
    if folder is None or not (folder / "wire" / "rest").is_dir():
        message = "no recordings: set MERGANSER_CASES to the folder that holds wire/rest"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    outcomes = list(compare_folder(folder / "wire" / "rest"))
    matched = sum(outcome.matched for outcome in outcomes)
    assert matched >= MATCHED_AT_LEAST, f"{matched} of {len(outcomes)}"
