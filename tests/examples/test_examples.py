"""Every folder of sql-examples does what its expected.json says, on the real engine.

They are run as conformance cases are: record by record the outputs must be equal one by one, with
all records at once tables must come to the same rows.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from merganser.engine.functions.python.declarations import OF_PROCESS, Declarations
from merganser.engine.functions.python.loading import load_folder
from merganser.parser.split import split_script
from tests.conformance.cases import Case, CaseKind, CaseRecord, Json, record_of
from tests.conformance.modes import Mode
from tests.conformance.query_case import run_query_case

EXAMPLES = Path(__file__).parents[2] / "sql-examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())
FINAL_ROWS_ONLY = {"quickstart"}
"""Their expected.json has the last row of each window: a changelog of 1,004 rows shows nothing."""


def load(name: str) -> Case:
    folder = EXAMPLES / name
    script = (folder / "statements.sql").read_text(encoding="utf-8")
    return Case(
        case_id=name,
        corpus="sql-examples",
        theme="examples",
        kind=CaseKind.QUERY,
        statements=tuple(part.text for part in split_script(script)),
        inputs=_records(folder / "input.json", "inputs"),
        outputs=_records(folder / "expected.json", "outputs"),
    )


def _records(file: Path, name: str) -> tuple[CaseRecord, ...]:
    text = file.read_text(encoding="utf-8")
    content = cast("dict[str, list[dict[str, Json]]]", json.loads(text, parse_float=Decimal))
    return tuple(record_of(record) for record in content[name])


def test_there_are_the_examples_that_the_readme_names() -> None:
    assert NAMES == [
        "event-sourcing",
        "fraud-detection",
        "iot",
        "log-aggregation",
        "microservice-events",
        "python-functions",
        "quickstart",
        "real-time-analytics",
    ]
    for name in NAMES:
        files = {file.name for file in (EXAMPLES / name).iterdir()}
        assert files - {"ext"} == {"README.md", "statements.sql", "input.json", "expected.json"}, (
            name
        )


RUNS = [
    (name, mode)
    for name in NAMES
    for mode in (Mode.RECORD, Mode.EPOCH)
    if mode is Mode.EPOCH or name not in FINAL_ROWS_ONLY
]


@pytest.mark.parametrize(("name", "mode"), RUNS)
def test_example(name: str, mode: Mode) -> None:
    found = Declarations()
    assert load_folder(EXAMPLES / name / "ext", found) == []
    OF_PROCESS.take(found)
    try:
        run_query_case(load(name), mode)
    finally:
        for function in found.functions:
            OF_PROCESS.remove(function)
