"""Pull queries: one statement over a table's committed state, by a cursor of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from merganser.engine.answer import RowBatch
from merganser.engine.duck import Duck, identifier
from merganser.engine.execution.expressions.compile import compile_expression, compile_predicate
from merganser.engine.execution.topology import Materialization
from merganser.engine.plan.pull import PulledQuery


class PullRows:
    """The rows of a pull query: one batch. Snapshot isolation, never blocked by the writer."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[RowBatch]:
        if self._rows.num_rows:
            yield RowBatch(self._rows)

    def close(self) -> None:
        """Nothing runs any more."""


def run_pull(
    pulled: PulledQuery, materialization: Materialization, alias: str, duck: Duck
) -> PullRows:
    """Runs a planned pull query on the state attached as `alias`."""
    inner = materialization.sql.format(state=identifier(alias))
    names = [f"c{index}" for index in range(len(pulled.items))]
    selected = ", ".join(
        f"{compile_expression(item).sql} AS {name}"
        for item, name in zip(pulled.items, names, strict=True)
    )
    where = f" WHERE {compile_predicate(pulled.where).sql}" if pulled.where is not None else ""
    limit = f" LIMIT {pulled.limit}" if pulled.limit is not None else ""
    order = [identifier(column.name) for column in pulled.source.schema.key]
    if materialization.windowed:
        order.append('"$window_start"')
    sql = f"SELECT {selected} FROM ({inner}){where} ORDER BY {', '.join(order)}{limit}"
    cursor = duck.cursor()
    try:
        table = cursor.arrow(sql)
    finally:
        cursor.close()
    return PullRows(table.rename_columns([column.name for column in pulled.columns]))
