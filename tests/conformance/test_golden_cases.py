"""Our own query cases, of the same form and by the same runner, in every mode."""

from __future__ import annotations

import pytest

from tests.conformance.cases import Case, load_cases
from tests.conformance.modes import AVAILABLE, Mode
from tests.conformance.passing import REPOSITORY
from tests.conformance.query_case import run_query_case

CASES = load_cases(REPOSITORY / "tests" / "golden" / "query")


@pytest.mark.parametrize("mode", AVAILABLE)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case_id)
def test_golden_case(case: Case, mode: Mode) -> None:
    run_query_case(case, mode)
