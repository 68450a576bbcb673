"""Every listed case passes, in every mode in which it has no known gap.

The cases lie outside the repository: in `MERGANSER_CASES`, or in the folder `shared` beside it.
Lists grow by `python -m tests.conformance --update-passing PATH`.
"""

from __future__ import annotations

import os
import zlib
from functools import cache
from pathlib import Path

import pytest

from tests.conformance import passing, report
from tests.conformance.cases import Case, CaseKind, load_cases
from tests.conformance.modes import Mode
from tests.conformance.pool import Job, run_cases

CHUNKS = 4  # Bounds what one test's timeout must cover.
FAILURES_SHOWN = 20
SAMPLED_MODES = (Mode.EPOCH, Mode.RESTART)
"""Modes in which only every so many cases are run, as all of them take half an hour. All are run by
hand: `python -m tests.conformance --listed --mode epoch,restart PATH`."""
STATEFUL_THEMES = frozenset({"stateful", "joins", "aggregates", "tables"})
STATEFUL_EACH, STATELESS_EACH = 6, 24

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


def is_in_sample(case: Case, mode: Mode) -> bool:
    """Whether a case is one of those that are run in a mode: always the same ones."""
    each = STATEFUL_EACH if case.theme in STATEFUL_THEMES else STATELESS_EACH
    return zlib.crc32(f"{mode} {case.case_id}".encode()) % each == 0


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("corpus", ["qtt", "oracle"])
def test_listed_cases_pass(corpus: str, chunk: int) -> None:
    _check([(case, Mode.RECORD) for case in listed_cases(corpus)[chunk::CHUNKS]])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mode", SAMPLED_MODES)
@pytest.mark.parametrize("corpus", ["qtt", "oracle"])
def test_a_sample_of_listed_cases_passes_in_other_modes(corpus: str, mode: Mode) -> None:
    gaps = passing.gaps(corpus)
    chosen = [
        case
        for case in listed_cases(corpus)
        if case.kind is CaseKind.QUERY
        and is_in_sample(case, mode)
        and (mode, case.case_id) not in gaps
    ]
    assert len(chosen) > 50, "the sample is too small to say anything"
    _check([(case, mode) for case in chosen])


def _check(jobs: list[Job]) -> None:
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
    assert all(passing.gap_reasons(corpus).values()), "a gap without a reason"


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
