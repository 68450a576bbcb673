"""Aggregates: examples hold in every cut, and what is taken away is gone."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.duck import physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.expression import AggregateCall
from merganser.engine.functions.function import AGGREGATES
from merganser.engine.types import SqlType
from merganser.errors import TypeMismatchError
from tests.expressions.evaluation import bind, duck, logical, type_of

Row = tuple[object, ...]

_ARGUMENT = re.compile(r"(?:[^,<(]|<[^>]*>|\([^)]*\))+")
_LITERAL = re.compile(r"\d+|TRUE|FALSE")


class Kept:
    """One aggregate call over columns C0, C1, …, whose state is kept as operators keep it."""

    def __init__(self, text: str, limit: int | None = None) -> None:
        name, _, rest = text.partition("(")
        self.types: list[SqlType] = []
        columns: dict[str, str] = {}
        parts: list[str] = []
        for argument in (found.strip() for found in _ARGUMENT.findall(rest.removesuffix(")"))):
            if _LITERAL.fullmatch(argument) is None:
                column = f"C{len(columns)}"
                columns[column] = argument
                self.types.append(type_of(argument))
                parts.append(column)
            else:
                parts.append(argument)
        call = bind(f"{name}({', '.join(parts)})", **columns)
        assert isinstance(call, AggregateCall)
        function = AGGREGATES[name]
        properties = {function.limit_property or "": limit} if limit is not None else {}
        self.accumulator = function.accumulator(call.arguments, properties)
        self.arguments = [compile_expression(argument).sql for argument in call.arguments]
        assert call.type == function.bind(call.arguments).returns

    def batch(self, rows: Sequence[Row], first: int) -> tuple[str, list[object]]:
        """The state of some rows, as a query and its parameters."""
        partial = self.accumulator.partial
        for index, argument in enumerate(self.arguments):
            partial = partial.replace(f"{{{index}}}", f"({argument})")
        values: list[object] = []
        selects: list[str] = []
        for number, row in enumerate(rows):
            cells = [
                f'CAST(? AS {physical_type(kind)}) AS "C{index}"'
                for index, kind in enumerate(self.types)
            ]
            cells.append(f'CAST({first + number} AS BIGINT) AS "$seq"')
            selects.append(f"SELECT {', '.join(cells)}")
            values += row
        state = self.accumulator.state
        return (
            f"SELECT CAST({partial} AS {state}) AS s FROM ({' UNION ALL '.join(selects)})",
            values,
        )

    def result(self, batches: Sequence[Sequence[Row]], removed: Sequence[Row] = ()) -> object:
        """What is given after all batches, without some rows again."""
        kept = self.accumulator
        steps = [f"m0 AS (SELECT CAST({kept.empty} AS {kept.state}) AS s)"]
        values: list[object] = []
        first = 0
        for number, rows in enumerate(batches, 1):
            steps += self._step(number, kept.merge, rows, first, values)
            first += len(rows)
        last = len(batches)
        for number, row in enumerate(removed, last + 1):
            assert kept.undo is not None
            steps += self._step(number, kept.undo, [row], first, values)
        final = kept.final.replace("{state}", "s")
        count = last + len(removed)
        ((value,),) = duck().rows(f"WITH {', '.join(steps)} SELECT {final} FROM m{count}", values)
        return logical(value, kept.returns)

    def _step(
        self, number: int, template: str, rows: Sequence[Row], first: int, values: list[object]
    ) -> list[str]:
        query, parameters = self.batch(rows, first)
        values += parameters
        combined = template.replace("{old}", "o").replace("{new}", "n")
        pair = f"SELECT m{number - 1}.s AS o, b{number}.s AS n FROM m{number - 1}, b{number}"
        merged = f"SELECT CAST({combined} AS {self.accumulator.state}) AS s FROM ({pair})"
        return [f"b{number} AS ({query})", f"m{number} AS ({merged})"]


def _equal(found: object, expected: object) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        if math.isnan(expected):
            return math.isnan(found)
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)
    return found == expected and type(found) is type(expected)


_EXAMPLES = [
    pytest.param(text, rows, expected, id=f"{text} {rows}")
    for name in AGGREGATES
    for text, rows, expected in AGGREGATES[name].examples
]


@pytest.mark.parametrize(("text", "rows", "expected"), _EXAMPLES)
def test_example_holds_in_every_cut(text: str, rows: Sequence[Row], expected: object) -> None:
    kept = Kept(text)
    cuts: list[list[Sequence[Row]]] = [[rows], [[row] for row in rows]]
    cuts += [[rows[:at], rows[at:]] for at in range(1, len(rows))]
    for cut in cuts:
        found = kept.result(cut)
        assert _equal(found, expected), f"{found} in {cut}"


@pytest.mark.parametrize("name", list(AGGREGATES.own))
def test_aggregate_is_documented(name: str) -> None:
    function = AGGREGATES[name]
    assert function.signatures
    assert function.doc.endswith(".")
    assert any(None in row for _, rows, _ in function.examples for row in rows)


_UNDOABLE = {
    "COUNT(INT)": st.one_of(st.none(), st.integers(-5, 5)),
    "SUM(INT)": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
    "SUM(BIGINT)": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    "SUM(DECIMAL(6, 2))": st.one_of(st.none(), st.decimals(-9, 9, places=2)),
    "AVG(INT)": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
    "SUM_LIST(ARRAY<INT>)": st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 9)))),
    "COLLECT_LIST(INT)": st.one_of(st.none(), st.integers(0, 3)),
    "HISTOGRAM(STRING)": st.one_of(st.none(), st.sampled_from(["a", "b", "c"])),
    "ATTR(STRING)": st.one_of(st.none(), st.sampled_from(["a", "b"])),
    "STDDEV_SAMPLE(INT)": st.one_of(st.none(), st.integers(-9, 9)),
    "STDDEV_SAMP(DOUBLE)": st.one_of(st.none(), st.integers(-9, 9).map(float)),
}
_ONLY_STREAMS = {
    "MAX(INT)": st.one_of(st.none(), st.integers(-9, 9)),
    "MIN(STRING)": st.one_of(st.none(), st.text("ab", max_size=3)),
    "COLLECT_SET(INT)": st.one_of(st.none(), st.integers(0, 4)),
    "TOPK(INT, 3)": st.one_of(st.none(), st.integers(0, 9)),
    "TOPKDISTINCT(INT, 3)": st.one_of(st.none(), st.integers(0, 9)),
    "LATEST_BY_OFFSET(INT, 3)": st.one_of(st.none(), st.integers(0, 9)),
    "EARLIEST_BY_OFFSET(INT, 2, FALSE)": st.one_of(st.none(), st.integers(0, 9)),
    "COUNT_DISTINCT(INT)": st.one_of(st.none(), st.integers(0, 9)),
}


@pytest.mark.parametrize("text", [*_UNDOABLE, *_ONLY_STREAMS])
def test_any_cut_gives_one_result(text: str) -> None:
    values = (_UNDOABLE | _ONLY_STREAMS)[text]

    @given(st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=4))
    @settings(max_examples=12, deadline=None, database=None, derandomize=True)
    def holds(batches: list[list[object]]) -> None:
        cut = [[(value,) for value in batch] for batch in batches]
        whole = [[row for batch in cut for row in batch]]
        assert _equal(Kept(text).result(cut), Kept(text).result(whole))

    holds()


@pytest.mark.parametrize("text", list(_UNDOABLE))
def test_taking_away_what_was_added_changes_nothing(text: str) -> None:
    values = _UNDOABLE[text]

    @given(st.lists(values, max_size=3), st.lists(values, min_size=1, max_size=3))
    @settings(max_examples=12, deadline=None, database=None, derandomize=True)
    def holds(stays: list[object], goes: list[object]) -> None:
        kept = Kept(text)
        before = [[(value,)] for value in stays]
        added = [[(value,)] for value in goes]
        found = kept.result([*before, *added], removed=[(value,) for value in goes])
        assert _equal(found, kept.result(before))

    holds()


def test_topk_with_columns_keeps_the_earlier_of_equal_rows() -> None:
    rows: list[Row] = [(5, "a"), (5, "b"), (7, "c"), (5, "d")]
    expected = [{"sort_col": 7, "col0": "c"}, {"sort_col": 5, "col0": "a"}]
    kept = Kept("TOPK(INT, STRING, 2)")
    for cut in ([rows], [[row] for row in rows], [rows[:1], rows[1:]]):
        assert kept.result(cut) == expected


@pytest.mark.parametrize("name", ["COLLECT_LIST", "COLLECT_SET"])
def test_limit_cuts_collections(name: str) -> None:
    rows: list[Row] = [(1,), (2,), (3,)]
    assert Kept(f"{name}(INT)", limit=2).result([rows]) == [1, 2]
    assert Kept(f"{name}(INT)", limit=2).result([rows[:1], rows[1:]]) == [1, 2]
    assert Kept(f"{name}(INT)", limit=-1).result([rows]) == [1, 2, 3]


def test_count_distinct_is_close_for_many_values() -> None:
    count = 30_000
    accumulator = Kept("COUNT_DISTINCT(BIGINT)").accumulator
    halves = [
        f"SELECT range AS v FROM range({low}, {high})"
        for low, high in ((0, 20_000), (10_000, count))
    ]
    states = [
        f"(SELECT {accumulator.partial.replace('{0}', 'v')} FROM ({half}))" for half in halves
    ]
    merged = accumulator.merge.replace("{old}", states[0]).replace("{new}", states[1])
    ((found,),) = duck().rows(f"SELECT {accumulator.final.replace('{state}', merged)}")
    assert isinstance(found, int)
    assert abs(found - count) < count * 0.03


@pytest.mark.parametrize(
    "text",
    [
        "AVG(DECIMAL(4, 2))",
        "SUM(STRING)",
        "SUM(INT, INT)",
        "MAX(BOOLEAN)",
        "TOPK(DATE, 2)",
        "TOPK(INT)",
        "TOPK(INT, INT)",
        "TOPKDISTINCT(INT, STRING, 2)",
        "CORRELATION(INT, BIGINT)",
        "HISTOGRAM(INT)",
        "SUM_LIST(ARRAY<STRING>)",
        "LATEST_BY_OFFSET(INT, 0)",
        "LATEST_BY_OFFSET(INT, INT)",
        "STDDEV_SAMP(DECIMAL(4, 2))",
    ],
)
def test_wrong_types_are_refused(text: str) -> None:
    with pytest.raises(TypeMismatchError, match=r"does not accept parameters"):
        Kept(text)
