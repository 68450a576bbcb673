"""The aggregates, each over a plain list of what was folded in.

A list of (order of arrival, value) says all: adding appends, undoing removes the last equal one,
merging sessions puts lists together, and the result is computed anew each time.
Source: functions.md, section 11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import stdev, variance
from typing import NamedTuple

from tests.reference.rows import Columns, Expr, Predicate, Value


class Arrived(NamedTuple):
    """A value with its place in the order of arrival."""

    seq: int
    value: Value


Held = list[Arrived]


class Aggregate(NamedTuple):
    """An aggregate call.

    Attributes:
        sql: The call, `{0}` for its argument.
        result: Of the values in the order in which they were folded in.
        numeric: The argument is a number; else a text.
        undo: It can be taken over a table.
        ordered: Its result tells in which order the values came.
        by_arrival: That order is the one of arrival, also after sessions are merged.
    """

    sql: str
    result: Callable[[Sequence[Value]], Value]
    numeric: bool = True
    undo: bool = False
    ordered: bool = False
    by_arrival: bool = False


class Call(NamedTuple):
    """An aggregate over an expression."""

    aggregate: Aggregate
    argument: Expr
    where: Predicate | None = None

    def sql(self) -> str:
        """As SQL."""
        call = self.aggregate.sql.format(self.argument.sql())
        return f"{call} FILTER (WHERE {self.where.sql()})" if self.where is not None else call

    def takes(self, columns: Columns) -> bool:
        """Whether a row is aggregated."""
        return self.where is None or self.where.holds(columns)

    def result(self, held: Held) -> Value:
        """The result."""
        items = sorted(held, key=lambda item: item.seq) if self.aggregate.by_arrival else held
        return self.aggregate.result([item.value for item in items])


def add(held: Held, seq: int, value: Value) -> None:
    """Folds a value in."""
    held.append(Arrived(seq, value))


def undo(held: Held, value: Value) -> None:
    """Takes the last equal value out."""
    for index in range(len(held) - 1, -1, -1):
        if held[index].value == value:
            del held[index]
            return


def _given(values: Sequence[Value]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _distinct(values: Sequence[Value]) -> list[Value]:
    return list(dict.fromkeys(values))


def _histogram(values: Sequence[Value]) -> dict[str, int]:
    texts = ["null" if value is None else str(value) for value in values]
    return {text: texts.count(text) for text in texts}


def _first(values: Sequence[Value], count: int = 1) -> list[Value]:
    return [value for value in values if value is not None][:count]


def _last(values: Sequence[Value], count: int = 1) -> list[Value]:
    return [value for value in values if value is not None][-count:]


def _mean(values: Sequence[Value]) -> float:
    given = _given(values)
    return sum(given) / len(given) if given else 0.0


AGGREGATES = {
    "count_all": Aggregate("COUNT(*)", len, undo=True),
    "count": Aggregate("COUNT({0})", lambda vs: len(_first(vs, len(vs))), undo=True),
    "sum": Aggregate("SUM({0})", lambda vs: sum(_given(vs)), undo=True),
    "avg": Aggregate("AVG({0})", _mean, undo=True),
    "min": Aggregate("MIN({0})", lambda vs: min(_given(vs), default=None)),
    "max": Aggregate("MAX({0})", lambda vs: max(_given(vs), default=None)),
    "variance": Aggregate(
        "STDDEV_SAMP({0})",
        lambda vs: float(variance(_given(vs))) if len(_given(vs)) > 1 else 0.0,
        undo=True,
    ),
    "stddev": Aggregate(
        "STDDEV_SAMPLE({0})",
        lambda vs: stdev(_given(vs)) if len(_given(vs)) > 1 else 0.0,
        undo=True,
    ),
    "collect_list": Aggregate("COLLECT_LIST({0})", list, undo=True, ordered=True),
    "collect_set": Aggregate("COLLECT_SET({0})", _distinct, ordered=True),
    "histogram": Aggregate("HISTOGRAM({0})", _histogram, numeric=False),
    "topk": Aggregate("TOPK({0}, 2)", lambda vs: sorted(_given(vs), reverse=True)[:2]),
    "topk_distinct": Aggregate(
        "TOPKDISTINCT({0}, 2)", lambda vs: sorted(set(_given(vs)), reverse=True)[:2]
    ),
    "attr": Aggregate("ATTR({0})", lambda vs: vs[0] if len(set(vs)) == 1 else None, undo=True),
    "count_distinct": Aggregate("COUNT_DISTINCT({0})", lambda vs: len(set(_first(vs, len(vs))))),
    "earliest": Aggregate(
        "EARLIEST_BY_OFFSET({0})",
        lambda vs: next(iter(_first(vs)), None),
        ordered=True,
        by_arrival=True,
    ),
    "earliest_null": Aggregate(
        "EARLIEST_BY_OFFSET({0}, FALSE)",
        lambda vs: next(iter(vs), None),
        ordered=True,
        by_arrival=True,
    ),
    "latest": Aggregate(
        "LATEST_BY_OFFSET({0})",
        lambda vs: next(iter(_last(vs)), None),
        ordered=True,
        by_arrival=True,
    ),
    "latest_two": Aggregate(
        "LATEST_BY_OFFSET({0}, 2)", lambda vs: _last(vs, 2), ordered=True, by_arrival=True
    ),
}
