"""`python -m tests.conformance PATH…`: runs cases and says which pass."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import passing, report
from tests.conformance.cases import Case, CaseKind, load_cases
from tests.conformance.failure import Outcome
from tests.conformance.functions import register_test_functions
from tests.conformance.modes import Mode, modes_of
from tests.conformance.pool import CASE_SECONDS_MAX, run_cases


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 if all that was run passed."""
    options = _parser().parse_args(arguments)
    try:
        modes = modes_of(options.mode)
        cases = [case for path in options.paths for case in load_cases(path)]
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 2
    chosen = _chosen(cases, options)
    outcomes = _reported(chosen, options) if options.reports else _ran(chosen, modes, options)
    if options.json:
        report.write_json(outcomes, options.json)
    lines: list[str] = []
    if options.failing or options.details:
        lines += report.failing_lines(outcomes, details=options.details)
        lines += ["", *report.reason_lines(outcomes), ""]
        lines += report.refusal_lines(outcomes)
    lines += report.themes_table(outcomes)
    lost = False
    if options.update_passing:
        lost, changes = _update(cases, outcomes, open_gaps=options.open_gaps)
        lines += changes
    lines.append(report.summary(outcomes))
    print("\n".join(lines))  # noqa: T201 - a command prints
    if options.update_passing:
        return 1 if lost else 0
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
    parser.add_argument("--theme", help="only cases of this theme")
    parser.add_argument("--grep", help="only cases whose id contains this text")
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="only cases that failed in this --json report"
    )
    parser.add_argument("--listed", action="store_true", help="only cases that are listed")
    parser.add_argument(
        "--mode",
        default="record",
        help="record, epoch, restart, snapshot (several with commas between), or all",
    )
    parser.add_argument("--failing", action="store_true", help="names, reasons, and reason counts")
    parser.add_argument("--details", action="store_true", help="--failing with all there is to see")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome as JSON")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="worker processes; 0: this process"
    )
    parser.add_argument(
        "--timeout", type=float, default=CASE_SECONDS_MAX, help="seconds that a case may take"
    )
    parser.add_argument(
        "--from",
        dest="reports",
        action="append",
        type=Path,
        metavar="FILE",
        help="take outcomes from this --json report instead of running (may be repeated)",
    )
    parser.add_argument(
        "--open-gaps",
        action="store_true",
        help="with --update-passing: modes in which listed cases fail become gaps",
    )
    parser.add_argument(
        "--update-passing",
        action="store_true",
        help="add what newly passes to the lists; best with --mode all",
    )
    return parser


def _chosen(cases: Sequence[Case], options: argparse.Namespace) -> list[Case]:
    """The cases that were asked for."""
    listed = {case_id for corpus in {c.corpus for c in cases} for case_id in passing.listed(corpus)}
    again = report.failed_ids(options.again) if options.again else None
    return [
        case
        for case in cases
        if (again is None or case.case_id in again)
        and (options.theme is None or case.theme == options.theme)
        and (options.grep is None or options.grep in case.case_id)
        and (not options.listed or case.case_id in listed)
    ]


def _reported(cases: Sequence[Case], options: argparse.Namespace) -> list[Outcome]:
    """The outcomes of the cases in reports of earlier runs; of several the last report's."""
    ids = {case.case_id for case in cases}
    newest = {
        (outcome.mode, outcome.case_id): outcome
        for file in options.reports
        for outcome in report.read_json(file)
        if outcome.case_id in ids
    }
    return list(newest.values())


def _ran(
    cases: Sequence[Case], modes: Sequence[Mode], options: argparse.Namespace
) -> list[Outcome]:
    """Runs cases in modes. A REST case has no modes: it runs once."""
    outcomes = _run(cases, modes[:1], options)
    if options.update_passing:  # What fails already in the first mode needs no other one.
        passed = {outcome.case_id for outcome in outcomes if outcome.passed}
        cases = [case for case in cases if case.case_id in passed]
    queries = [case for case in cases if case.kind is CaseKind.QUERY]
    return outcomes + _run(queries, modes[1:], options)


def _run(
    cases: Sequence[Case], modes: Sequence[Mode], options: argparse.Namespace
) -> list[Outcome]:
    """Runs cases in modes, with a count of what is done where someone watches.

    An interrupt ends the run; what was run until then is reported.
    """
    jobs = [(case, mode) for mode in modes for case in cases]
    outcomes: list[Outcome] = []
    running = run_cases(jobs, process_count=options.jobs, seconds_max=options.timeout)
    try:
        for outcome in running:
            outcomes.append(outcome)
            if sys.stderr.isatty() and len(outcomes) % 20 == 0:
                print(f"\r{len(outcomes)}/{len(jobs)}", end="\r", file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        print(f"interrupted: {len(outcomes)} of {len(jobs)} were run", file=sys.stderr)  # noqa: T201
    return outcomes


def _update(
    cases: Sequence[Case], outcomes: Sequence[Outcome], *, open_gaps: bool
) -> tuple[bool, list[str]]:
    """Updates the lists of each corpus; whether anything was lost, and what to print."""
    corpus_of = {case.case_id: case.corpus for case in cases}
    lines: list[str] = []
    any_lost = False
    for corpus in sorted(set(corpus_of.values())):
        own = [outcome for outcome in outcomes if corpus_of[outcome.case_id] == corpus]
        found = passing.update(corpus, own, open_gaps=open_gaps)
        any_lost = any_lost or bool(found.lost)
        lines += [f"{corpus}: LOST {case_id} [{mode}]" for mode, case_id in found.lost]
        done = (
            "the lists are left as they are"
            if found.lost
            else f"{len(found.gained)} added, {len(found.opened)} of their modes are gaps, "
            f"{len(found.closed)} gaps closed"
        )
        lines.append(f"{corpus}: {done}; {len(passing.listed(corpus))} listed")
    return any_lost, lines


if __name__ == "__main__":
    register_test_functions()
    sys.exit(main())
