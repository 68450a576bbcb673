"""What operators that keep something by an OVER clause's PARTITION BY have in common."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.duck import Duck, identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.rows import ErrorCheck, Rows
from merganser.engine.execution.topology import Epoch
from merganser.engine.expression import Expression
from merganser.engine.state.key_index import KeyIndex

# A stream's record without value is no row.
LIVE = 'NOT "$tombstone"'


def computed(
    rows: Rows, expressions: Sequence[Expression], prefix: str, step: str
) -> tuple[list[str], tuple[ErrorCheck, ...]]:
    """Expressions as columns `$<prefix>0` …, and the places where they can fail."""
    columns: list[str] = []
    checks: tuple[ErrorCheck, ...] = ()
    for index, expression in enumerate(expressions):
        compiled = compile_expression(expression)
        columns.append(f'{compiled.sql} AS "${prefix}{index}"')
        checks += ErrorCheck.of(rows.source, compiled, step, expression)
    return columns, checks


def numbered(prefix: str, count: int, alias: str = "") -> list[str]:
    """The names of such columns."""
    return [f'{alias}"${prefix}{index}"' for index in range(count)]


def same_key(count: int, left: str, right: str) -> str:
    """The predicate that two rows have one key; NULL is a key like others."""
    return " AND ".join(
        f'{left}."$p{index}" IS NOT DISTINCT FROM {right}."$p{index}"' for index in range(count)
    )


class KeyedTable:
    """A state table whose rows are found by `$p0`, `$p1` …: the values of PARTITION BY."""

    def __init__(self, name: str, partition: Sequence[Expression], rest: Sequence[str]) -> None:
        """`rest` are the other columns, as CREATE TABLE has them."""
        self._name = name
        kinds = [physical_type(key.result_type) for key in partition]
        keys = list(zip(numbered("p", len(kinds)), kinds, strict=True))
        self._columns = [*(f"{key} {kind}" for key, kind in keys), *rest]
        self._index = KeyIndex(name, keys)

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates the table."""
        duck.execute(
            f"CREATE TABLE IF NOT EXISTS {identifier(state)}.main.{identifier(self._name)} "
            f"({', '.join(self._columns)})"
        )
        self._index.prepare(duck, state)

    def maintain(self, duck: Duck, state: str) -> None:
        """Gives a table that has grown its index."""
        self._index.maintain(duck, state)

    def wanted(self, epoch: Epoch, keys: str) -> str:
        """The condition, over `s`, by which the index finds the rows that `keys` asks for."""
        return self._index.wanted(epoch.duck, keys) if epoch.is_small else ""

    def near(self, epoch: Epoch, wanted: str) -> str:
        """What stands behind FROM for those rows, and maybe others."""
        table = epoch.table(self._name)
        return f"(SELECT * FROM {table} AS s WHERE TRUE{wanted})" if wanted else table
