"""`python -m bench.functions`: rows a second of every scalar function, on one thread.

Each function's first example without NULL is called over a table of a million rows: its first
argument is a column, the others are the example's. The slowest ten are printed at the end. A
function that is slow on a sample is measured on fewer rows. All rows have the same value, so what
runs in Python shows its best: it is called once for equal arguments.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from tests.expressions.evaluation import TestScope

from merganser.engine.duck import Duck, identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.expression import Expression
from merganser.engine.functions.function import SCALARS
from merganser.engine.functions.python_function import register_functions
from merganser.engine.plan.bind_expression import bind_expression
from merganser.parser.build import parse_expression

ROWS = 1_000_000
SAMPLE_ROWS = 10_000
SECONDS_MAX = 2.0  # For one round of one function.
ROUNDS = 3
SLOWEST = 10
COLUMN = "C"
_NULL = re.compile(r"\bNULL\b")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function over a column.

    Attributes:
        text: The example.
        sql: The call in DuckDB.
        argument: SQL of the column's value; None if the function takes no arguments.
    """

    name: str
    text: str
    sql: str
    argument: str | None

    @property
    def runs_python(self) -> bool:
        """Whether Python may be called, for all rows or for unusual ones."""
        return '"$' in self.sql


def main() -> None:
    """Measures all functions and prints them by rate."""
    parser = argparse.ArgumentParser(prog="bench.functions", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these functions")
    options = parser.parse_args()
    duck = Duck.memory(threads=1)
    register_functions(duck)
    rates: dict[str, float] = {}
    for call in _calls([name.upper() for name in options.names] or list(SCALARS)):
        rates[call.name] = rate = _rate(duck, call)
        mark = "python" if call.runs_python else ""
        print(f"{call.name:<28} {rate / 1e6:8.2f} M rows/s  {mark:<7} {call.text}", flush=True)
    print(f"\nslowest {SLOWEST}")
    for name in sorted(rates, key=lambda name: rates[name])[:SLOWEST]:
        print(f"{name:<28} {rates[name] / 1e6:8.2f} M rows/s")


def _calls(names: list[str]) -> Iterator[Call]:
    for name in names:
        examples = SCALARS[name].examples
        text = next((t for t in examples if not _NULL.search(t)), next(iter(examples)))
        tree = parse_expression(text)
        arguments = tree.expressions if isinstance(tree, exp.Anonymous) else []
        place = next((i for i, a in enumerate(arguments) if not isinstance(a, exp.Lambda)), None)
        if place is None:
            yield Call(name, text, compile_expression(_bound(tree)).sql, None)
            continue
        value = _bound(arguments[place])
        column = exp.Column(this=exp.Identifier(this=COLUMN, quoted=True))
        tree.set("expressions", [*arguments[:place], column, *arguments[place + 1 :]])
        call = bind_expression(tree, TestScope({COLUMN: value.result_type}))
        kind = physical_type(value.result_type)
        argument = f"CAST({compile_expression(value).sql} AS {kind})"
        yield Call(name, text, compile_expression(call).sql, argument)


def _bound(tree: exp.Expression) -> Expression:
    return bind_expression(tree, TestScope({}))


def _rate(duck: Duck, call: Call) -> float:
    """Rows a second of the best round."""
    sample = _seconds(duck, call, SAMPLE_ROWS)
    rows = ROWS if sample * ROWS / SAMPLE_ROWS <= SECONDS_MAX else SAMPLE_ROWS
    return rows / min(_seconds(duck, call, rows) for _ in range(ROUNDS))


def _seconds(duck: Duck, call: Call, rows: int) -> float:
    # Through Arrow, so that DuckDB does not see that all values are the same.
    argument = call.argument or "NULL"
    column = identifier(COLUMN)
    table = duck.arrow(f"SELECT {argument} AS {column} FROM range({rows})")  # noqa: S608 - our text
    duck.register("$values", table)
    started = time.process_time()
    duck.rows(f'SELECT count(*) FILTER (WHERE ({call.sql}) IS NULL) FROM "$values"')  # noqa: S608
    seconds = time.process_time() - started
    duck.unregister("$values")
    return seconds


if __name__ == "__main__":
    main()
