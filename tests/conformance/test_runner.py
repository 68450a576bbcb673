"""Loading, worker processes, reports and lists of the runner."""

from __future__ import annotations

import json
import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conformance import passing, report
from tests.conformance.__main__ import main
from tests.conformance.cases import Case, CaseKind, Window, load_cases
from tests.conformance.failure import Outcome, Stage
from tests.conformance.modes import AVAILABLE, Mode, modes_of
from tests.conformance.pool import run_cases

CONTENT = """{"cases": [{"name": "one; 'two'", "statements": ["X;"], "topics": [{"name": "t"},
  {"name": "u", "partitions": 3}], "inputs": [{"topic": "t", "value": {"a": 1.00},
  "window": {"start": 1, "end": 2, "type": "TIME"}, "headers": [{"KEY": "h", "VALUE": null}],
  ",timestamp": 4}], "error": {}}]}"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus" / "some-tests"
    folder.mkdir(parents=True)
    (folder / "b.json").write_text(CONTENT, encoding="utf-8")
    rest = tmp_path / "corpus" / "rest-tests"
    rest.mkdir()
    (rest / "a.json").write_text('{"cases": [{"name": "r", "statements": []}]}', encoding="utf-8")
    return tmp_path / "corpus"


def test_loads_cases_with_exact_numbers(corpus: Path) -> None:
    rest, case = load_cases(corpus)
    assert rest.kind is CaseKind.REST
    assert (case.case_id, case.theme, case.corpus, case.kind) == (
        "some-tests/b.json#one; 'two'",
        "some-tests",
        "corpus",
        CaseKind.QUERY,
    )
    assert [(topic.name, topic.partition_count) for topic in case.topics] == [("t", 1), ("u", 3)]
    (record,) = case.inputs
    assert str(record.value) == str({"a": Decimal("1.00")})
    assert (record.key, record.timestamp_ms) == (None, None)
    assert record.window == Window(1, 2, "time")
    assert record.headers == (("h", None),)
    assert case.error == {}


def test_themes_come_from_the_list_where_there_is_one(corpus: Path) -> None:
    (corpus / "themes.json").write_text('{"fine": ["some-tests/b.json"]}', encoding="utf-8")
    assert [case.theme for case in load_cases(corpus)] == ["other", "fine"]


def test_a_path_without_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_cases(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_cases(tmp_path / "missing")


def test_modes() -> None:
    assert modes_of("epoch") == (Mode.EPOCH,)
    assert modes_of("epoch,record") == (Mode.EPOCH, Mode.RECORD)
    assert modes_of("all") == AVAILABLE
    for name in ("plan", "nonsense", "record,plan"):
        with pytest.raises(ValueError, match=name.split(",")[-1]):
            modes_of(name)


# ------------------------------------------------------------------ worker processes


def case_named(name: str) -> Case:
    return Case(f"f/f.json#{name}", "c", "theme", CaseKind.QUERY)


def obey(case: Case, mode: Mode) -> Outcome:
    """Does what the case's name says."""
    match case.case_id.split("#")[1]:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stall":
            signal.pause()
        case "fail":
            return Outcome(case.case_id, case.theme, mode, Stage.OUTPUTS, "wrong")
        case _:
            pass
    return Outcome(case.case_id, case.theme, mode)


def test_workers_outlive_cases_that_die_or_stall() -> None:
    names = ["pass", "die", "fail", "stall", "pass too"]
    jobs = [(case_named(name), Mode.RECORD) for name in names]
    outcomes = list(run_cases(jobs, process_count=2, seconds_max=3, runner=obey))
    stages = {outcome.case_id.split("#")[1]: outcome.stage for outcome in outcomes}
    assert stages == {
        "pass": None,
        "die": Stage.CRASHED,
        "fail": Stage.OUTPUTS,
        "stall": Stage.TIMEOUT,
        "pass too": None,
    }


def test_a_run_may_stay_in_this_process() -> None:
    jobs = [(case_named("pass"), Mode.EPOCH), (case_named("fail"), Mode.RECORD)]
    outcomes = list(run_cases(jobs, process_count=0, runner=obey))
    assert [outcome.passed for outcome in outcomes] == [True, False]


# ------------------------------------------------------------------ reports


OUTCOMES = [
    Outcome("f/a.json#1", "x", "record"),
    Outcome("f/a.json#2", "x", "record", Stage.REJECTED, "no column `A` at 12", "more"),
    Outcome("f/a.json#3", "y", "record", Stage.REJECTED, "no column `B` at 7"),
    Outcome("f/a.json#3", "y", "epoch"),
]


def test_table_by_theme_and_mode() -> None:
    lines = list(report.themes_table(OUTCOMES))
    assert [line.split() for line in lines[1:]] == [
        ["x", "record", "1", "2", "50.0"],
        ["y", "epoch", "1", "1", "100.0"],
        ["y", "record", "0", "1", "0.0"],
    ]
    assert report.summary(OUTCOMES) == "2 passed, 2 failed"


def test_equal_reasons_are_counted_together() -> None:
    lines = list(report.reason_lines(OUTCOMES))
    assert lines == [
        "    2  statement rejected: no column … at n",
        "       e.g. f/a.json#2",
    ]


def test_failing_cases_are_named_with_their_reasons() -> None:
    assert list(report.failing_lines(OUTCOMES, details=True)) == [
        "f/a.json#2 [record] statement rejected: no column `A` at 12",
        "    more",
        "f/a.json#3 [record] statement rejected: no column `B` at 7",
    ]


def test_refusals_are_counted_by_kind() -> None:
    refused = [
        Outcome("f/a.json#1", "x", "record", None, "KeyRuleError: one"),
        Outcome("f/a.json#2", "x", "record", None, "KeyRuleError: two"),
        Outcome("f/a.json#3", "x", "record", None, "UnsupportedError: three"),
    ]
    assert list(report.refusal_lines([*refused, *OUTCOMES])) == [
        "passing error cases were refused by: KeyRuleError 2, UnsupportedError 1"
    ]


def test_json_report(tmp_path: Path) -> None:
    report.write_json(OUTCOMES, tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [(row["case_id"], row["mode"], row["passed"], row["stage"]) for row in rows] == [
        ("f/a.json#1", "record", True, None),
        ("f/a.json#2", "record", False, "statement rejected"),
        ("f/a.json#3", "epoch", True, None),
        ("f/a.json#3", "record", False, "statement rejected"),
    ]
    assert sorted(report.read_json(tmp_path / "out.json"), key=str) == sorted(OUTCOMES, key=str)
    assert report.failed_ids(tmp_path / "out.json") == {"f/a.json#2", "f/a.json#3"}


def test_the_last_line_counts(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = corpus / "some-tests" / "schema.json"
    file.write_text('{"cases": [{"name": "s", "schema": {}}]}', encoding="utf-8")
    assert main([str(file), "--jobs", "0", "--failing"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "0 passed, 1 failed"
    assert lines[0].startswith("some-tests/schema.json#s [record] not supported by the runner: ")


def test_wrong_arguments_are_told(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(corpus), "--mode", "plan"]) == 2
    assert main([str(corpus / "missing")]) == 2
    assert "does not exist" in capsys.readouterr().err


# ------------------------------------------------------------------ lists of passing cases


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passing, "LISTS", tmp_path)
    return tmp_path


def test_a_list_grows_by_what_passes(lists: Path) -> None:
    (lists / "c.txt").write_text("f/z.json#listed, not run\n", encoding="utf-8")
    outcomes = [*OUTCOMES, Outcome("f/a.json#1", "x", "epoch", Stage.OUTPUTS, "wrong")]
    found = passing.update("c", outcomes)
    assert found == passing.Change(gained=("f/a.json#1",), opened=(("epoch", "f/a.json#1"),))
    assert passing.listed("c") == ("f/a.json#1", "f/z.json#listed, not run")
    assert passing.gaps("c") == {("epoch", "f/a.json#1")}


def test_gaps_close_and_never_open_again(lists: Path) -> None:
    (lists / "c.txt").write_text("f/a.json#3\n", encoding="utf-8")
    (lists / "c.gaps.txt").write_text("epoch f/a.json#3\n", encoding="utf-8")
    passed = [Outcome("f/a.json#3", "y", mode) for mode in ("record", "epoch")]
    assert passing.update("c", passed) == passing.Change(closed=(("epoch", "f/a.json#3"),))
    assert passing.gaps("c") == set()
    failed = [Outcome("f/a.json#3", "y", "epoch", Stage.OUTPUTS, "wrong")]
    assert passing.update("c", failed) == passing.Change(lost=(("epoch", "f/a.json#3"),))
    assert passing.gaps("c") == set()


def test_a_known_gap_is_no_loss(lists: Path) -> None:
    (lists / "c.txt").write_text("f/a.json#3\n", encoding="utf-8")
    (lists / "c.gaps.txt").write_text("epoch f/a.json#3\n", encoding="utf-8")
    failed = [Outcome("f/a.json#3", "y", "epoch", Stage.OUTPUTS, "wrong")]
    assert passing.update("c", failed) == passing.Change()


def test_gaps_open_in_other_modes_only_if_asked(lists: Path) -> None:
    (lists / "c.txt").write_text("f/a.json#1\nf/a.json#3\n", encoding="utf-8")
    failed = [Outcome("f/a.json#3", "y", "epoch", Stage.OUTPUTS, "wrong")]
    assert passing.update("c", failed).lost == (("epoch", "f/a.json#3"),)
    opened = passing.update("c", failed, open_gaps=True)
    assert (opened.opened, opened.lost) == ((("epoch", "f/a.json#3"),), ())
    assert passing.gaps("c") == {("epoch", "f/a.json#3")}
    failed = [Outcome("f/a.json#1", "y", "record", Stage.OUTPUTS, "wrong")]
    assert passing.update("c", failed, open_gaps=True).lost == (("record", "f/a.json#1"),)


def test_lists_can_be_made_from_reports(
    corpus: Path, lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passed = Outcome("some-tests/b.json#one; 'two'", "x", "record")
    failed = Outcome(passed.case_id, "x", "record", Stage.OUTPUTS, "wrong")
    report.write_json([failed, *OUTCOMES], lists / "older.json")
    report.write_json([passed], lists / "newer.json")
    reports = [f"--from={lists / name}" for name in ("older.json", "newer.json")]
    arguments = [str(corpus), "--update-passing", *reports]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"
    assert passing.listed("corpus") == (passed.case_id,)


def test_a_list_never_drops_a_case(lists: Path) -> None:
    (lists / "c.txt").write_text("f/a.json#3\n", encoding="utf-8")
    found = passing.update("c", OUTCOMES)
    assert found.lost == (("record", "f/a.json#3"),)
    assert passing.listed("c") == ("f/a.json#3",)


def test_cases_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERGANSER_CASES", str(tmp_path))
    assert passing.cases_folder() == tmp_path
    monkeypatch.setenv("MERGANSER_CASES", str(tmp_path / "missing"))
    assert passing.cases_folder() is None
