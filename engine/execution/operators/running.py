"""ROW_NUMBER and LAG over the rows of a key, as they arrive.

Batch: stream rows → the same rows with a column for each call. Records without value are left out.
State: per key the number of rows so far and, for each LAG(x, n), the last n values of x. It grows
    with the number of keys, which never go.
Time: nothing moves; the order is that of arrival (`$seq`).
"""

from __future__ import annotations

from merganser.engine.duck import identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.keyed import (
    LIVE,
    KeyedTable,
    computed,
    numbered,
    same_key,
)
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch, StatefulStep
from merganser.engine.expression import WindowCall
from merganser.engine.plan.nodes import RunningNode


class RunningOperator(StatefulStep):
    """Carries counts and last values of each key from epoch to epoch."""

    def __init__(self, node: RunningNode, rows: Rows, index: int) -> None:
        assert rows.changes is Changes.STREAM
        self._node = node
        self._rows = rows
        self._operator = f"running_{index}"
        self._fresh = f"$running_fresh_{index}"
        self._out = f"$running_out_{index}"
        self._next = f"$running_next_{index}"
        self._count = len(node.partition)
        self._lags = [(name, call) for name, call in node.calls if call.name == "LAG"]
        self._keys, checks = computed(rows, node.partition, "p", "OVER")
        self._values, more = computed(
            rows, [call.arguments[0] for _, call in self._lags], "x", "OVER"
        )
        self._checks = rows.checks + checks + more
        lists = [
            f'"$l{index}" STRUCT(v {physical_type(call.type)})[]'
            for index, (_, call) in enumerate(self._lags)
        ]
        self._state = KeyedTable(self._operator, node.partition, ['"$count" BIGINT', *lists])
        self._states = (self._state,)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            identifier(self._out),
            self._node.schema,
            Changes.STREAM,
            ordered=False,
            checks=self._checks,
        )

    def run(self, epoch: Epoch) -> None:
        """Numbers the epoch's rows, then keeps what the next epoch needs."""
        keys = ", ".join(numbered("p", self._count))
        inner = ", ".join(["*", *self._keys, *self._values])
        window = f'(PARTITION BY {keys} ORDER BY "$seq")'
        before = [
            f'lag(struct_pack(v := "$x{index}"), {call.offset}) OVER {window} AS "$before{index}"'
            for index, (_, call) in enumerate(self._lags)
        ]
        outer = ", ".join(["*", f'row_number() OVER {window} AS "$round"', *before])
        epoch.keep(
            self._fresh,
            f"SELECT {outer} FROM (SELECT {inner} FROM {self._rows.source} WHERE {LIVE})",
        )
        fresh = identifier(self._fresh)
        wanted = self._state.wanted(epoch, fresh)
        known = self._state.near(epoch, wanted)
        names = [f"f.{identifier(column.name)}" for column in self._rows.schema]
        engine = [f"f.{name}" for name in self._rows.engine_columns]
        calls = [f"{self._call(call)} AS {identifier(name)}" for name, call in self._node.calls]
        epoch.keep(
            self._out,
            f"SELECT {', '.join([*names, *calls, *engine])} FROM {fresh} AS f "
            f"LEFT JOIN {known} AS s ON {same_key(self._count, 'f', 's')}",
        )
        self._store(epoch, known, wanted)

    def _call(self, call: WindowCall) -> str:
        """The value of a call over a fresh row `f` and what was kept of its key, `s`."""
        if call.name == "ROW_NUMBER":
            return 'coalesce(s."$count", 0) + f."$round"'
        index = [each for _, each in self._lags].index(call)
        kept = f's."$l{index}"[CAST(f."$round" - {call.offset + 1} AS BIGINT)]'
        found = f'CASE WHEN f."$round" > {call.offset} THEN f."$before{index}" ELSE {kept} END'
        if len(call.arguments) == 1:
            return f"({found}).v"
        # Over a fresh row, which has all the columns that the expression may name.
        other = compile_expression(call.arguments[1]).sql
        return f"CASE WHEN ({found}) IS NULL THEN {other} ELSE ({found}).v END"

    def _store(self, epoch: Epoch, known: str, wanted: str) -> None:
        fresh, table = identifier(self._fresh), epoch.table(self._operator)
        keys = numbered("p", self._count)
        lists = [
            f'list(struct_pack(v := "$x{index}") ORDER BY "$seq")[-{call.offset}:] AS "$l{index}"'
            for index, (_, call) in enumerate(self._lags)
        ]
        added = ", ".join([*keys, 'count(*) AS "$count"', *lists])
        kept = [
            f'list_concat(coalesce(s."$l{index}", []), a."$l{index}")[-{call.offset}:]'
            f' AS "$l{index}"'
            for index, (_, call) in enumerate(self._lags)
        ]
        columns = ", ".join(
            [
                *(f"a.{key}" for key in keys),
                'coalesce(s."$count", 0) + a."$count" AS "$count"',
                *kept,
            ]
        )
        epoch.keep(
            self._next,
            f"SELECT {columns} FROM (SELECT {added} FROM {fresh} GROUP BY {', '.join(keys)}) AS a "
            f"LEFT JOIN {known} AS s ON {same_key(self._count, 'a', 's')}",
        )
        # In place: rows of an indexed table that go and come again leave holes.
        following, same = identifier(self._next), same_key(self._count, "s", "n")
        changed = ['"$count"', *(f'"$l{index}"' for index in range(len(self._lags)))]
        epoch.duck.execute(
            f"UPDATE {table} AS s SET {', '.join(f'{name} = n.{name}' for name in changed)} "
            f"FROM {following} AS n WHERE {same}{wanted}"
        )
        epoch.duck.execute(
            f"INSERT INTO {table} BY NAME SELECT n.* FROM {following} AS n "
            f"ANTI JOIN {table} AS s ON {same}{wanted}"
        )
