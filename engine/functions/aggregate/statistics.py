"""STDDEV_SAMP, STDDEV_SAMPLE, CORRELATION."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.expression import Expression
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    refuse,
    single_type,
)

_NUMBERS = (types.INTEGER, types.BIGINT, types.DOUBLE)
_ONE = tuple(f"({kind}) -> DOUBLE" for kind in _NUMBERS)
_TWO = tuple(f"({kind}, {kind}) -> DOUBLE" for kind in _NUMBERS)


def _spread(name: str, final: str) -> AggregateFunction:
    """Variance from count, sum and sum of squared deviations (Youngs and Cramer).

    Integers are counted in DOUBLE; ksqlDB's overflow of 32-bit products is not copied.
    """
    state = "STRUCT(n BIGINT, s DOUBLE, m DOUBLE)"
    between = (
        "CASE WHEN {a}.n = 0 OR {b}.n = 0 THEN 0 ELSE "
        # So written, one more row is rounded as in ksqlDB.
        "pow(({a}.n + {b}.n) * {b}.s - {b}.n * ({a}.s + {b}.s), 2) "
        "/ (CAST({a}.n AS DOUBLE) * {b}.n * ({a}.n + {b}.n)) END"
    )

    def made(count: str, total: str, squares: str) -> str:
        return f"CAST(struct_pack(n := {count}, s := {total}, m := {squares}) AS {state})"

    def bind(arguments: Sequence[Expression]) -> Accumulator:
        if single_type(name, arguments) not in _NUMBERS:
            raise refuse(name, arguments, _ONE)
        merged = between.replace("{a}", "{old}").replace("{b}", "{new}")
        rest_sum, rest_count = "({old}.s - {new}.s)", "({old}.n - {new}.n)"
        removed = (
            f"CASE WHEN {rest_count} = 0 OR {{new}}.n = 0 THEN 0 ELSE "
            f"pow({{new}}.n * {rest_sum} - {rest_count} * {{new}}.s, 2) "
            f"/ (CAST({rest_count} AS DOUBLE) * {{new}}.n * {{old}}.n) END"
        )
        squares = f"CASE WHEN {rest_count} < 2 THEN 0 ELSE {{old}}.m - {{new}}.m - {removed} END"
        value = "CAST({0} AS DOUBLE)"
        deviations = f"coalesce(var_pop({value}) * count({{0}}), 0)"
        return Accumulator(
            returns=types.DOUBLE,
            state=state,
            partial=made("count({0})", f"coalesce(sum({value}), 0)", deviations),
            merge=made(
                "{old}.n + {new}.n", "{old}.s + {new}.s", f"{{old}}.m + {{new}}.m + {merged}"
            ),
            final="CASE WHEN {state}.n < 2 THEN CAST(0 AS DOUBLE) ELSE "
            + final.replace("{variance}", "({state}.m / ({state}.n - 1))")
            + " END",
            empty=made("0", "0", "0"),
            undo=made(rest_count, rest_sum, squares),
        )

    what = "variance" if name == "STDDEV_SAMP" else "standard deviation"
    rows = ((1.0,), (2.0,), (None,), (4.0,), (1.0,))
    return AggregateFunction(
        signatures=_ONE,
        bind=bind,
        doc=f"The sample {what} of the values that are not NULL, 0.0 of less than two.",
        examples=(
            (f"{name}(DOUBLE)", rows, 2.0 if what == "variance" else 2.0**0.5),
            (f"{name}(INT)", ((3,), (None,)), 0.0),
        ),
    )


def _correlation(arguments: Sequence[Expression]) -> Accumulator:
    kinds = {argument.result_type for argument in arguments}
    if len(arguments) != 2 or len(kinds) != 1 or not kinds <= set(_NUMBERS):
        raise refuse("CORRELATION", arguments, _TWO)
    sums = {
        "x": "CAST({0} AS DOUBLE)",
        "y": "CAST({1} AS DOUBLE)",
        "xx": "CAST({0} AS DOUBLE) * {0}",
        "yy": "CAST({1} AS DOUBLE) * {1}",
        "xy": "CAST({0} AS DOUBLE) * {1}",
    }
    state = "STRUCT(n BIGINT, " + ", ".join(f"{name} DOUBLE" for name in sums) + ")"

    def made(count: str, values: dict[str, str]) -> str:
        parts = ", ".join(f"{name} := {sql}" for name, sql in values.items())
        return f"CAST(struct_pack(n := {count}, {parts}) AS {state})"

    both = "FILTER (WHERE {0} IS NOT NULL AND {1} IS NOT NULL)"
    of = "{state}"
    spread = f"sqrt({of}.n * {of}.xx - {of}.x * {of}.x) * sqrt({of}.n * {of}.yy - {of}.y * {of}.y)"
    return Accumulator(
        returns=types.DOUBLE,
        state=state,
        partial=made(
            f"count(*) {both}",
            {name: f"coalesce(sum({sql}) {both}, 0)" for name, sql in sums.items()},
        ),
        merge=made("{old}.n + {new}.n", {s: f"{{old}}.{s} + {{new}}.{s}" for s in sums}),
        final=f"CASE WHEN {of}.n < 2 THEN CAST('nan' AS DOUBLE) ELSE "
        f"({of}.n * {of}.xy - {of}.x * {of}.y) / ({spread}) END",
        empty=made("0", dict.fromkeys(sums, "0")),
        undo=made("{old}.n - {new}.n", {s: f"{{old}}.{s} - {{new}}.{s}" for s in sums}),
    )


AGGREGATES.add("STDDEV_SAMP", _spread("STDDEV_SAMP", "{variance}"))
AGGREGATES.add("STDDEV_SAMPLE", _spread("STDDEV_SAMPLE", "sqrt({variance})"))
AGGREGATES.add(
    "CORRELATION",
    AggregateFunction(
        signatures=_TWO,
        bind=_correlation,
        doc="Pearson's correlation of two columns; NaN of less than two rows or a constant.",
        examples=(
            ("CORRELATION(INT, INT)", ((1, 2), (2, 4), (None, 9), (3, 6)), 1.0),
            ("CORRELATION(DOUBLE, DOUBLE)", ((1.0, 2.0), (2.0, 0.0)), -1.0),
        ),
    ),
)
