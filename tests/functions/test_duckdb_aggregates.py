"""DuckDB's aggregates, kept from batch to batch, give what DuckDB gives over all rows at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.functions.duckdb_aggregates import duckdb_aggregates
from merganser.errors import TypeMismatchError
from tests.expressions.evaluation import bind, duck, logical
from tests.functions.test_aggregates import Kept, Row

_number = st.one_of(st.none(), st.integers(-9, 9))
_ONE = {
    **dict.fromkeys(
        ("BIT_AND", "BIT_OR", "BIT_XOR", "PRODUCT", "APPROX_COUNT_DISTINCT", "FAVG", "FSUM", "MAD"),
        "BIGINT",
    ),
    **dict.fromkeys(("MEDIAN", "ENTROPY", "STDDEV_POP", "VAR_POP", "VAR_SAMP"), "BIGINT"),
    **dict.fromkeys(("KURTOSIS", "SKEWNESS", "SEM", "VARIANCE", "KURTOSIS_POP"), "BIGINT"),
}
_TWO = (
    *("CORR", "COVAR_POP", "COVAR_SAMP", "REGR_AVGX", "REGR_AVGY", "REGR_COUNT", "REGR_R2"),
    *("REGR_INTERCEPT", "REGR_SLOPE", "REGR_SXX", "REGR_SXY", "REGR_SYY"),
)
CALLS = [
    *(f"{name}({kind})" for name, kind in _ONE.items()),
    *(f"{name}(BIGINT, BIGINT)" for name in _TWO),
    "QUANTILE_DISC(BIGINT, 1)",
]


@pytest.mark.parametrize("text", CALLS)
@settings(deadline=None, max_examples=15)
@given(rows=st.lists(st.tuples(_number, _number), max_size=7), at=st.integers(0, 7))
def test_any_cut_gives_the_whole(text: str, rows: Sequence[Row], at: int) -> None:
    kept = Kept(text)
    mine = [row[: len(kept.types)] for row in rows]
    found = kept.result(
        [mine[:at], mine[at:]] if mine[at:] and mine[:at] else [mine] if mine else []
    )
    assert _same(found, _whole(text, mine, kept))


def _whole(text: str, rows: Sequence[Row], kept: Kept) -> object:
    name, _, rest = text.removesuffix(")").partition("(")
    arguments = [
        part.strip() if part.strip().isdigit() else f"c{index}"
        for index, part in enumerate(rest.split(","))
    ]
    columns = [f"CAST(? AS BIGINT) AS c{index}" for index in range(len(kept.types))]
    selects = [f"SELECT {', '.join(columns)}" for _ in rows] or [
        f"SELECT {', '.join(columns).replace('?', 'NULL')} WHERE FALSE"
    ]
    ((value,),) = duck().rows(
        f"SELECT {name}({', '.join(arguments)}) FROM ({' UNION ALL '.join(selects)})",
        [value for row in rows for value in row],
    )
    return logical(value, kept.accumulator.returns)


def _same(found: object, expected: object) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        if math.isnan(expected) or math.isinf(expected):
            return str(found) == str(expected)
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return found == expected


@pytest.mark.parametrize(
    ("text", "rows", "expected"),
    [
        ("ARG_MAX(STRING, INT)", [("a", 1), ("b", 3), ("c", 3), (None, 9), ("d", None)], "b"),
        ("ARG_MIN(STRING, INT)", [("a", 2), ("b", 1), ("c", 1)], "b"),
        ("MAX_BY(STRING, INT)", [(None, 1)], None),
        ("ANY_VALUE(STRING)", [(None,), ("b",), ("c",)], "b"),
        ("BOOL_OR(BOOLEAN)", [(None,), (False,), (True,)], True),
        ("BOOL_AND(BOOLEAN)", [(None,), (True,)], True),
        ("MODE(STRING)", [("a",), ("b",), ("b",), (None,)], "b"),
    ],
)
def test_order_of_arrival_decides(text: str, rows: Sequence[Row], expected: object) -> None:
    kept = Kept(text)
    for at in range(1, len(rows)):
        assert kept.result([rows[:at], rows[at:]]) == expected
    assert kept.result([rows]) == expected
    assert kept.result([]) is None


@settings(deadline=None, max_examples=20)
@given(rows=st.lists(st.tuples(_number), min_size=2, max_size=6))
def test_kept_values_can_be_undone(rows: Sequence[Row]) -> None:
    kept = Kept("MEDIAN(BIGINT)")
    assert kept.result([rows], removed=rows[:1]) == kept.result([rows[1:]])


def test_every_name_is_duckdbs() -> None:
    known = {
        str(name).upper()
        for (name,) in duck().rows(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE function_type IN ('aggregate', 'macro')"
        )
    }
    assert set(duckdb_aggregates()) <= known


def test_wrong_argument_is_refused_in_duckdbs_words() -> None:
    with pytest.raises(TypeMismatchError, match="REGR_SLOPE does not accept parameters") as raised:
        bind("REGR_SLOPE(A)", A="BIGINT")
    assert raised.value.span is not None
