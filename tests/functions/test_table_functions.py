"""Table functions give the rows that their examples say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.functions.function import TABLES
from tests.expressions.evaluation import bind, duck, logical

_EXAMPLES = [
    pytest.param(text, rows, id=text)
    for name in TABLES
    for text, rows in TABLES[name].examples.items()
]


@pytest.mark.parametrize(("text", "rows"), _EXAMPLES)
def test_example_gives_rows(text: str, rows: Sequence[object]) -> None:
    call = bind(text)
    found = duck().rows(f"SELECT unnest({compile_expression(call).sql})")
    assert [logical(row, call.result_type) for (row,) in found] == list(rows)


def test_more_than_twenty_columns_fail() -> None:
    compiled = compile_expression(bind("CUBE_EXPLODE(A)", A="ARRAY<INT>"))
    ((value, failed),) = duck().rows(
        f'SELECT {compiled.sql}, {compiled.failed} FROM (SELECT range(21)::INTEGER[] AS "A")'
    )
    assert value is None
    assert failed is True
