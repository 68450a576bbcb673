"""The lists of cases that pass, which may only grow, and of their gaps, which may only shrink.

A case is listed once it passes in epochs of one record. Where it fails in another mode, that is a
gap. A listed case that fails without a gap is a step back: it is never taken off by this program.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from tests.conformance.failure import Outcome
from tests.conformance.modes import Mode

REPOSITORY = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).resolve().parent / "passing"


Gap = tuple[str, str]
"""Mode and case id."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a run says against a corpus' lists.

    Attributes:
        gained: Cases that pass in record mode and are not listed.
        opened: Modes in which these fail.
        closed: Gaps that passed.
        lost: Listed cases that failed, in a mode in which they had no gap.
    """

    gained: tuple[str, ...] = ()
    opened: tuple[Gap, ...] = ()
    closed: tuple[Gap, ...] = ()
    lost: tuple[Gap, ...] = ()


def cases_folder() -> Path | None:
    """Where the corpora lie: `MERGANSER_CASES`, or a folder beside the repository."""
    named = os.environ.get("MERGANSER_CASES")
    folder = Path(named) if named else REPOSITORY.parent / "shared"
    return folder if folder.is_dir() else None


def list_file(corpus: str) -> Path:
    """The list of the cases of a corpus that pass in record mode."""
    return LISTS / f"{corpus}.txt"


def gaps_file(corpus: str) -> Path:
    """The list of the other modes in which listed cases still fail."""
    return LISTS / f"{corpus}.gaps.txt"


def listed(corpus: str) -> tuple[str, ...]:
    """The case ids of a corpus' list."""
    return tuple(_lines(list_file(corpus)))


def open_cases(corpus: str) -> dict[str, str]:
    """The cases of a corpus that are known not to pass, and why: most differ on purpose."""
    reasons: dict[str, str] = {}
    for line in _lines(LISTS / f"{corpus}.open.txt"):
        case_id, _, reasons[case_id] = line.partition(" | ")
    return reasons


def gap_reasons(corpus: str) -> dict[Gap, str]:
    """The known gaps of a corpus, and why: `mode case id | reason`."""
    reasons: dict[Gap, str] = {}
    for line in _lines(gaps_file(corpus)):
        named, _, reason = line.partition(" | ")
        mode, _, case_id = named.partition(" ")
        reasons[mode, case_id] = reason
    return reasons


def gaps(corpus: str) -> frozenset[Gap]:
    """The known gaps of a corpus."""
    return frozenset(gap_reasons(corpus))


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line]


def change(known: Iterable[str], known_gaps: Set[Gap], outcomes: Sequence[Outcome]) -> Change:
    """Compares outcomes with lists. What was not run says nothing."""
    before = set(known)
    failed = {(outcome.mode, outcome.case_id) for outcome in outcomes if not outcome.passed}
    passed = {(outcome.mode, outcome.case_id) for outcome in outcomes if outcome.passed}
    gained = {case_id for mode, case_id in passed if mode == Mode.RECORD} - before
    return Change(
        gained=tuple(sorted(gained)),
        opened=tuple(sorted(gap for gap in failed if gap[1] in gained)),
        closed=tuple(sorted(passed & known_gaps)),
        lost=tuple(sorted(gap for gap in failed - known_gaps if gap[1] in before)),
    )


def update(corpus: str, outcomes: Sequence[Outcome], *, open_gaps: bool = False) -> Change:
    """Adds newly passing cases to a corpus' list and closes gaps, unless something was lost.

    `open_gaps` takes what was lost in other modes than record for gaps: for modes in which the
    listed cases were never run before.
    """
    known, known_gaps = listed(corpus), gaps(corpus)
    found = change(known, known_gaps, outcomes)
    if open_gaps:
        found = _with_gaps(found)
    if not found.lost:
        _write(list_file(corpus), {*known, *found.gained})
        left = (known_gaps | set(found.opened)) - set(found.closed)
        reasons = gap_reasons(corpus)
        _write(gaps_file(corpus), {f"{' '.join(gap)} | {reasons.get(gap, '')}" for gap in left})
    return found


def _with_gaps(found: Change) -> Change:
    lost = tuple(gap for gap in found.lost if gap[0] == Mode.RECORD)
    opened = tuple(gap for gap in found.lost if gap[0] != Mode.RECORD)
    return replace(found, lost=lost, opened=tuple(sorted({*found.opened, *opened})))


def _write(file: Path, lines: Set[str]) -> None:
    if lines or file.exists():
        file.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
