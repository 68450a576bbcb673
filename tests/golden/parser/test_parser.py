"""What statements become: golden files with the tree, and the tree printed as SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from merganser.parser.build import parse_script, parse_statement
from tests.golden.golden import GoldenCase, check_golden, golden_cases
from tests.golden.parser.tree_text import tree_text


@golden_cases(Path(__file__).parent)
def test_statement(case: GoldenCase, pytestconfig: pytest.Config) -> None:
    """Every statement of the case gives its tree, and prints so that it parses to the same."""
    statements = parse_script(case.text)
    shown = [f"{tree_text(statement)}\n=> {statement.sql()};" for statement in statements]
    check_golden(case, "\n".join(shown), pytestconfig)
    for statement in statements:
        assert parse_statement(statement.sql()) == statement
