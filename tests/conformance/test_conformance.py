"""Every listed case passes, in every mode in which it has no known gap.

The cases lie outside the repository: in `MERGANSER_CASES`, or in the folder `shared` beside it.
Lists grow by `python -m tests.conformance --update-passing PATH`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from tests.conformance import passing, report
from tests.conformance.cases import Case, CaseKind, load_cases
from tests.conformance.modes import Mode
from tests.conformance.pool import run_cases

CHUNKS = 4  # Bounds what one test's timeout must cover.
FAILURES_SHOWN = 20
CHECKED_MODES = (Mode.RECORD,)
"""The lists hold what passes in epochs of one record. The other modes run for the query goldens,
and for the corpora by hand (`--mode all`) until their gaps are listed too."""

pytestmark = pytest.mark.conformance


@cache
def corpus_cases(folder: Path) -> dict[str, Case]:
    return {case.case_id: case for case in load_cases(folder)}


def listed_cases(corpus: str) -> list[Case]:
    """The listed cases of a corpus; a listed one that is not there is an error."""
    folder = passing.cases_folder()
    if folder is None or not (folder / corpus).is_dir():
        message = f"no cases of {corpus}: set MERGANSER_CASES to the folder that holds it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    known = corpus_cases(folder / corpus)
    ids = passing.listed(corpus)
    assert ids, f"no case of {corpus} is listed"
    missing = [case_id for case_id in ids if case_id not in known]
    assert not missing, f"listed cases that do not exist: {missing[:FAILURES_SHOWN]}"
    return [known[case_id] for case_id in ids]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("mode", CHECKED_MODES)
@pytest.mark.parametrize("corpus", ["qtt", "oracle"])
def test_listed_cases_pass(corpus: str, mode: Mode, chunk: int) -> None:
    cases = listed_cases(corpus)[chunk::CHUNKS]
    gaps = passing.gaps(corpus)
    jobs = [
        (case, mode)
        for case in cases
        if (case.kind is CaseKind.QUERY or mode is Mode.RECORD) and (mode, case.case_id) not in gaps
    ]
    outcomes = list(run_cases(jobs, process_count=os.cpu_count() or 1))
    failing = [outcome for outcome in outcomes if not outcome.passed]
    lines = list(report.failing_lines(failing[:FAILURES_SHOWN], details=True))
    assert not failing, "\n".join([report.summary(outcomes), *lines])
    assert len(outcomes) == len(jobs)


@pytest.mark.parametrize("corpus", ["qtt", "oracle"])
def test_lists_are_sorted_and_name_each_case_once(corpus: str) -> None:
    ids = list(passing.listed(corpus))
    assert ids == sorted(set(ids))
    assert {case_id for _, case_id in passing.gaps(corpus)} <= set(ids)


@pytest.mark.parametrize("corpus", ["qtt", "oracle"])
def test_a_case_is_listed_or_it_stands_why_not(corpus: str) -> None:
    listed = {case.case_id for case in listed_cases(corpus)}
    folder = passing.cases_folder()
    assert folder is not None
    known = {
        case.case_id for case in corpus_cases(folder / corpus).values() if case.theme != "rest"
    }
    reasons = passing.open_cases(corpus)
    assert all(reasons.values())
    assert known - listed == set(reasons)
