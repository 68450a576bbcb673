"""The examples in the parser's docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["words", "split", "clauses"])
def test_examples(module: str) -> None:
    """There are some, and each gives what it says."""
    result = doctest.testmod(importlib.import_module(f"merganser.parser.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
