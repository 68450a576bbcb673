"""What a text that does not parse gives: golden files with the whole message."""

from __future__ import annotations

from pathlib import Path

import pytest

from merganser.errors import UserError
from merganser.parser.build import parse_script
from tests.golden.golden import GoldenCase, check_golden, golden_cases


@golden_cases(Path(__file__).parent, "syntax*.sql")
def test_syntax_error(case: GoldenCase, pytestconfig: pytest.Config) -> None:
    """The text is refused with this message, position and hint."""
    with pytest.raises(UserError) as caught:
        parse_script(case.text)
    check_golden(case, str(caught.value), pytestconfig)
