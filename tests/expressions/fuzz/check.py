"""Runs generated expressions in the engine and in Python, and says where they differ."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from merganser.engine.duck import physical_name
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.expression import Expression
from merganser.errors import MerganserError
from tests.expressions.evaluation import bind, duck, logical
from tests.expressions.fuzz.generate import DEPTH_MAX, KINDS, Maker
from tests.expressions.fuzz.model import Node, Row, Value
from tests.expressions.fuzz.rows import COLUMNS, arrow_type, random_value

EXPRESSIONS_A_STATEMENT = 25
ROWS_A_STATEMENT = 6
SQL_CHARACTERS_MAX = 40_000  # Deep trees grow to megabytes of SQL; planning them takes seconds.


@dataclass(frozen=True, slots=True)
class Difference:
    """An expression that gives one thing here and another there; `row` is None if it is refused."""

    sql: str
    row: Row | None
    expected: Value
    actual: Value

    def __str__(self) -> str:
        if self.row is None:
            return f"{self.sql}\n    refused: {self.actual}"
        used = {name: value for name, value in self.row.items() if name in self.sql}
        return f"{self.sql}\n    over {used}\n    gives {self.actual!r}, not {self.expected!r}"


def differences(seed: int, count: int) -> Iterator[Difference]:
    """Where the engine differs in `count` expressions of a seed."""
    left = count
    for batch in range((count + EXPRESSIONS_A_STATEMENT - 1) // EXPRESSIONS_A_STATEMENT):
        rng = random.Random(f"{seed}/{batch}")  # noqa: S311 - a fuzz
        size = min(left, EXPRESSIONS_A_STATEMENT)
        left -= size
        yield from _batch(rng, size)


def _batch(rng: random.Random, size: int) -> Iterator[Difference]:
    rows = [
        {name: random_value(kind, rng) for name, kind in COLUMNS.items()}
        for _ in range(ROWS_A_STATEMENT)
    ]
    maker = Maker(rng)
    nodes: list[tuple[Node, Expression, str]] = []
    while len(nodes) < size:
        node = maker.make(rng.choice(KINDS), rng.randint(1, DEPTH_MAX))
        try:
            bound = bind(node.sql, **COLUMNS)
        except MerganserError as error:
            yield Difference(node.sql, None, None, error.message)
            size -= 1
            continue
        sql = compile_expression(bound).sql
        if len(sql) <= SQL_CHARACTERS_MAX:
            nodes.append((node, bound, sql))
    yield from _compared(nodes, rows)


def _compared(
    nodes: Sequence[tuple[Node, Expression, str]], rows: Sequence[Row]
) -> Iterator[Difference]:
    listed = ", ".join(sql for _, _, sql in nodes)
    try:
        found = _answers(listed, rows)
    except Exception as error:  # noqa: BLE001 - whatever it is, find the expression that it is of
        if len(nodes) == 1:
            yield Difference(nodes[0][0].sql, None, None, str(error))
            return
        for one in nodes:
            yield from _compared([one], rows)
        return
    for place, (node, bound, _) in enumerate(nodes):
        for row, answer in zip(rows, found, strict=True):
            actual = logical(answer[place], bound.result_type)
            expected = node.caught(row)
            if not same(expected, actual):
                yield Difference(node.sql, row, expected, actual)
                break


def _answers(listed: str, rows: Sequence[Row]) -> Sequence[tuple[Value, ...]]:
    columns = [
        pa.array([_stored(row[name], kind) for row in rows], arrow_type(kind))
        for name, kind in COLUMNS.items()
    ]
    table = pa.table(columns, [physical_name(name) for name in COLUMNS])
    duck().register("$fuzz", table)
    try:
        return duck().rows(f'SELECT {listed} FROM "$fuzz"')
    finally:
        duck().unregister("$fuzz")


def _stored(value: Value, kind: str) -> Value:
    if isinstance(value, dict):
        if kind.startswith("MAP"):
            return list(value.items())
        return {physical_name(name): inner for name, inner in value.items()}
    return value


def same(expected: Value, actual: Value) -> bool:
    """Whether two results are the same; the sign of zero is not looked at."""
    match expected, actual:
        case float(), float():
            return (math.isnan(expected) and math.isnan(actual)) or expected == actual
        case list(), list():
            return len(expected) == len(actual) and all(map(same, expected, actual))
        case dict(), dict():
            return expected.keys() == actual.keys() and all(
                same(expected[key], actual[key]) for key in expected
            )
        case _:
            return type(expected) is type(actual) and bool(expected == actual)
