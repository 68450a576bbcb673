"""The lists of cases that pass: they may grow, and never shrink unseen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.failure import Outcome

REPOSITORY = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).resolve().parent / "passing"


@dataclass(frozen=True, slots=True)
class Change:
    """What a run says against a list.

    Attributes:
        gained: Cases that pass in every mode that was run, and are not listed.
        lost: Listed cases that failed in a mode.
    """

    gained: tuple[str, ...]
    lost: tuple[str, ...]


def cases_folder() -> Path | None:
    """Where the corpora lie: `MERGANSER_CASES`, or a folder beside the repository."""
    named = os.environ.get("MERGANSER_CASES")
    folder = Path(named) if named else REPOSITORY.parent / "shared"
    return folder if folder.is_dir() else None


def list_file(corpus: str) -> Path:
    """The list of a corpus."""
    return LISTS / f"{corpus}.txt"


def listed(corpus: str) -> tuple[str, ...]:
    """The case ids of a corpus' list."""
    file = list_file(corpus)
    if not file.exists():
        return ()
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line)


def change(known: Iterable[str], outcomes: Sequence[Outcome]) -> Change:
    """Compares outcomes with a list. Cases that were not run say nothing."""
    failed = {outcome.case_id for outcome in outcomes if not outcome.passed}
    passed = {outcome.case_id for outcome in outcomes} - failed
    before = set(known)
    return Change(tuple(sorted(passed - before)), tuple(sorted(failed & before)))


def update(corpus: str, outcomes: Sequence[Outcome]) -> Change:
    """Adds newly passing cases to the list of a corpus, unless a listed one failed."""
    known = listed(corpus)
    found = change(known, outcomes)
    if found.gained and not found.lost:
        lines = sorted({*known, *found.gained})
        list_file(corpus).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found
