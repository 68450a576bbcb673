"""What holds for the repository as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from merganser.engine.functions import reference
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES
from merganser.engine.statements.handlers import handler_of
from merganser.parser import ast

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("parser", "engine", "server", "cli")
LINES_MAX = 800
QUERIES = {ast.QueryStatement, ast.PrintTopic}
"""Answered by the query endpoints, not by a handler."""

NOT_YET = {
    ast.AssertNullValues,
    ast.AssertSource,
    ast.AssertValues,
    ast.RunScript,
}
"""Parsed, and refused by name."""


def _tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize("layer", LAYERS)
def test_package_links_to_its_folder(layer: str) -> None:
    link = ROOT / "src" / "merganser" / layer
    assert link.is_symlink()
    assert link.resolve() == ROOT / layer


def test_no_python_file_is_too_long() -> None:
    files = [path for path in _tracked("*.py") if path.exists()]
    assert files
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: n for path, n in lengths.items() if n > LINES_MAX} == {}


def test_every_statement_has_a_handler_or_is_refused_by_name() -> None:
    without = {kind for kind in ast.STATEMENTS.values() if handler_of(kind) is None}
    assert without == QUERIES | NOT_YET


def test_no_path_of_a_machine_is_committed() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:home|root|Users)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _tracked("*")
        if path.suffix in {".py", ".md", ".toml", ".sql", ".txt"} and path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    own = f"{Path(__file__).relative_to(ROOT)}"
    assert [place for place in found if not place.startswith(own)] == []


def test_functions_have_documentation() -> None:
    assert min(len(SCALARS), len(AGGREGATES), len(TABLES)) > 0
    assert [name for name in SCALARS if not SCALARS[name].doc] == []
    assert [name for name in AGGREGATES if not AGGREGATES[name].doc] == []
    assert [name for name in TABLES if not TABLES[name].doc] == []


def test_page_of_functions_is_fresh() -> None:
    page = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    # In a process of its own: other tests of this one may have added functions.
    command = [sys.executable, "-m", reference.__name__]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert page == made, "run `make docs`"
