"""How results print: by theme, by name, by reason, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from tests.conformance.failure import Outcome, Stage

GROUPS_MAX = 60  # More reasons than that are better read in the JSON file.


def themes_table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines of a table: passed, total and share by theme and mode."""
    total = Counter((outcome.theme, outcome.mode) for outcome in outcomes)
    passed = Counter((outcome.theme, outcome.mode) for outcome in outcomes if outcome.passed)
    width = max([len("theme"), *(len(theme) for theme, _ in total)])
    yield f"{'theme':<{width}}  {'mode':<8}  {'passed':>6}  {'total':>5}       %"
    for theme, mode in sorted(total):
        count, of = passed[theme, mode], total[theme, mode]
        yield f"{theme:<{width}}  {mode:<8}  {count:>6}  {of:>5}  {100 * count / of:>6.1f}"


def failing_lines(outcomes: Sequence[Outcome], *, details: bool) -> Iterator[str]:
    """Each failing case with its reason, and with its details if wanted."""
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.case_id, outcome.mode)):
        if outcome.passed:
            continue
        stage = outcome.stage.value if outcome.stage else ""
        yield f"{outcome.case_id} [{outcome.mode}] {stage}: {outcome.reason}"
        if details and outcome.detail:
            yield "    " + outcome.detail.rstrip().replace("\n", "\n    ")


def reason_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Reasons by count, most frequent first, each with one case as example."""
    failing = [outcome for outcome in outcomes if not outcome.passed]
    counts = Counter(outcome.group for outcome in failing)
    examples = {outcome.group: outcome.case_id for outcome in reversed(failing)}
    for group, count in counts.most_common(GROUPS_MAX):
        yield f"{count:>5}  {group}"
        yield f"       e.g. {examples[group]}"
    if len(counts) > GROUPS_MAX:
        yield f"       … and {len(counts) - GROUPS_MAX} reasons more"


def refusal_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """By which kinds of error the passing error cases were refused.

    A case cannot tell a right refusal from a missing feature, so many of one kind are suspicious.
    """
    refusals = [outcome.reason for outcome in outcomes if outcome.passed and outcome.reason]
    counts = Counter(reason.split(":", 1)[0] for reason in refusals)
    if counts:
        kinds = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
        yield f"passing error cases were refused by: {kinds}"


def write_json(outcomes: Sequence[Outcome], path: Path) -> None:
    """Every case's outcome as JSON."""
    rows = [
        {**asdict(outcome), "passed": outcome.passed, "seconds": round(outcome.seconds, 4)}
        for outcome in sorted(outcomes, key=lambda outcome: (outcome.case_id, outcome.mode))
    ]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> list[Outcome]:
    """The outcomes that `write_json` wrote."""
    names = {field.name for field in fields(Outcome)}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Outcome(
            **{
                **{name: value for name, value in row.items() if name in names},
                "stage": Stage(row["stage"]) if row["stage"] else None,
            }
        )
        for row in rows
    ]


def failed_ids(path: Path) -> frozenset[str]:
    """The cases that failed in a report of `write_json`, in any mode."""
    return frozenset(outcome.case_id for outcome in read_json(path) if not outcome.passed)


def summary(outcomes: Sequence[Outcome]) -> str:
    """The last line."""
    passed = sum(outcome.passed for outcome in outcomes)
    return f"{passed} passed, {len(outcomes) - passed} failed"
