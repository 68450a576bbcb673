"""Every scalar function's examples are true, and one of them shows what it does with NULL."""

from __future__ import annotations

import math

import pytest

from merganser.engine.functions.function import SCALARS
from tests.expressions.evaluation import value_of

_EXAMPLES = [
    pytest.param(text, expected, id=text)
    for name in SCALARS
    for text, expected in SCALARS[name].examples.items()
]


@pytest.mark.parametrize(("text", "expected"), _EXAMPLES)
def test_example_holds(text: str, expected: object) -> None:
    found = value_of(text)
    if isinstance(expected, float) and math.isfinite(expected):
        assert found == pytest.approx(expected, rel=1e-15)
    else:
        assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("name", list(SCALARS))
def test_function_shows_null(name: str) -> None:
    function = SCALARS[name]
    takes_arguments = any(overload.signature.parameters for overload in function.overloads)
    assert function.doc.endswith(".")
    assert not takes_arguments or any("NULL" in text for text in function.examples)


def test_all_functions_of_the_language_are_there() -> None:
    assert len(SCALARS) == 129
