"""Table-table joins on the primary key.

Batch: upserts of both sides → upserts, or where somebody needs the old rows retracting rows: the
    joined row before and after each change.
State: both tables' rows by key. A row goes with its tombstone.
Time: nothing moves; a result's time is the larger of both sides'.
Source: parity/semantics.md, joins: either side triggers; a change that leaves the result equal is
    emitted still. As in Kafka Streams a deletion leaves a tombstone wherever there can have been a
    result, whether or not there was one.
"""

from __future__ import annotations

from merganser.engine.duck import identifier
from merganser.engine.execution.operators.table_state import TableState
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch, StatefulStep
from merganser.engine.plan.nodes import JoinNode

_PRESENT = {
    "INNER": "{l} AND {r}",
    "LEFT": "{l}",
    "RIGHT": "{r}",
    "FULL": "({l} OR {r})",
}


class TableTableJoinOperator(StatefulStep):
    """Joins the latest rows of two tables, change by change.

    The changes of both sides are put in one order by key; each sees the latest row of either side,
    from the state or from an earlier change of the epoch.
    """

    def __init__(
        self, node: JoinNode, left: Rows, right: Rows, index: int, *, retract: bool
    ) -> None:
        self._node = node
        self._retract = retract
        self._left = left
        self._right = right
        self._left_state = TableState(f"left_{index}", left.schema, windowed=left.windowed)
        self._right_state = TableState(f"right_{index}", right.schema, windowed=right.windowed)
        self._states = (self._left_state, self._right_state)
        self._out = identifier(f"$join_{index}")
        self._both = identifier(f"$changes_{index}")

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out,
            self._node.schema,
            Changes.RETRACT if self._retract else Changes.UPSERT,
            self._left.windowed,
            ordered=False,
            checks=self._left.checks + self._right.checks,
        )

    def run(self, epoch: Epoch) -> None:
        """Joins the epoch's changes, then keeps both sides' new rows."""
        changed = f"(SELECT {self._key(self._left_state)} FROM {self._left.source} UNION "
        changed += f"SELECT {self._key(self._right_state)} FROM {self._right.source})"
        parts = [
            self._seeds(epoch, self._left_state, "l", changed),
            self._seeds(epoch, self._right_state, "r", changed),
            self._changes(self._left, self._left_state, "l"),
            self._changes(self._right, self._right_state, "r"),
        ]
        keys = ", ".join(f"k{i}" for i in range(len(self._left_state.keys)))
        until = f"PARTITION BY {keys} ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND"
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._both} AS SELECT *, "
            f"last_value(l IGNORE NULLS) OVER ({until} CURRENT ROW) AS l_new, "
            f"last_value(r IGNORE NULLS) OVER ({until} CURRENT ROW) AS r_new, "
            f"last_value(l IGNORE NULLS) OVER ({until} 1 PRECEDING) AS l_old, "
            f"last_value(r IGNORE NULLS) OVER ({until} 1 PRECEDING) AS r_old "
            f"FROM ({' UNION ALL BY NAME '.join(parts)})"
        )
        if self._retract:
            joined = f"{self._joined('old', -1)} UNION ALL {self._joined('new', 1)}"
        else:
            joined = self._last_changes(keys)
        epoch.duck.execute(f"CREATE OR REPLACE TEMP TABLE {self._out} AS {joined}")
        self._left_state.store(epoch, self._left.source)
        self._right_state.store(epoch, self._right.source)

    def _key(self, state: TableState) -> str:
        return ", ".join(f"{key} AS k{i}" for i, key in enumerate(state.keys))

    def _row(self, state: TableState, gone: str) -> str:
        """A side's row as one value: its columns, its time, and whether it is there."""
        columns = ", ".join(
            f"{identifier(column.name)} := {identifier(column.name)}" for column in state.schema
        )
        return f'struct_pack({columns}, "$rowtime" := "$rowtime", "$here" := NOT ({gone}))'

    def _seeds(self, epoch: Epoch, state: TableState, side: str, changed: str) -> str:
        on = " AND ".join(f"s.{key} = c.k{i}" for i, key in enumerate(state.keys))
        columns = ", ".join(f"k{i} AS {key}" for i, key in enumerate(state.keys))
        named = f"(SELECT {columns} FROM {changed})"
        return (
            f"(SELECT {self._key(state)}, {self._row(state, 'FALSE')} AS {side}, "
            f"CAST(-1 AS BIGINT) AS seq FROM {state.near(epoch, named)} AS s "
            f"SEMI JOIN {changed} AS c ON {on})"
        )

    def _changes(self, rows: Rows, state: TableState, side: str) -> str:
        row = self._row(state, '"$tombstone"')
        return (
            f'(SELECT {self._key(state)}, {row} AS {side}, "$seq" AS seq, '
            f'"$partition" AS p, "$offset" AS o, "$headers" AS h FROM {rows.source})'
        )

    def _joined(self, version: str, sign: int) -> str:
        """The joined rows before (`old`) or after (`new`) each change."""
        here = _here(version)
        where = _PRESENT[self._node.kind].format(**here)
        columns = ", ".join([*self._columns(version), 'FALSE AS "$tombstone"'])
        return (
            f'(SELECT {columns}, seq * 2 + {1 if sign > 0 else 0} AS "$seq", {sign} AS "$sign" '
            f"FROM {self._both} WHERE seq >= 0 AND {where})"
        )

    def _last_changes(self, keys: str) -> str:
        """The last result of each key that is told in the epoch, or its tombstone."""
        new, old = _here("new"), _here("old")
        kind = self._node.kind
        told = {
            # An outer side looks at its own old row, the other side's changes only at its row.
            side: f"({new[other]} OR {new[side]} OR {old[side]})" if outer else new[other]
            for side, other, outer in (
                ("l", "r", kind in ("LEFT", "FULL")),
                ("r", "l", kind in ("RIGHT", "FULL")),
            )
        }
        present = _PRESENT[kind].format(**new)
        columns = ", ".join([*self._columns("new"), f'NOT ({present}) AS "$tombstone"'])
        return (
            f'SELECT {columns}, seq AS "$seq" FROM {self._both} WHERE seq >= 0 '
            f"AND CASE WHEN l IS NOT NULL THEN {told['l']} ELSE {told['r']} END "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY seq DESC) = 1"
        )

    def _columns(self, version: str) -> list[str]:
        """The SQL columns and the engine columns but `$seq`, `$tombstone`, `$sign`."""
        left, right = f"l_{version}", f"r_{version}"
        here = _here(version)
        names = {column.name for column in self._left.schema}
        columns = []
        for column in self._node.schema:
            name = identifier(column.name)
            if column.name == self._node.synthetic_key:
                sql = "k0"
            else:
                side, value = ("l", left) if column.name in names else ("r", right)
                sql = f"CASE WHEN {here[side]} THEN {value}.{name} END"
                if (
                    column.name in {c.name for c in self._node.schema.key}
                    and not self._left.windowed
                ):
                    sql = "k0" if len(self._left_state.keys) == 1 else sql
            columns.append(f"{sql} AS {name}")
        # A deletion has a time of its own only as the change that it is, not for later ones.
        times = [
            f'CASE WHEN {side} IS NOT NULL OR {side}_new."$here" THEN {side}_new."$rowtime" END'
            for side in ("l", "r")
        ]
        time = f"greatest({', '.join(times)})"
        engine = [
            f'{time} AS "$rowtime"',
            'p AS "$partition"',
            'o AS "$offset"',
            'h AS "$headers"',
        ]
        if self._left.windowed:
            last = len(self._left_state.keys)
            engine += [f'k{last - 2} AS "$window_start"', f'k{last - 1} AS "$window_end"']
        return [*columns, *engine]


def _here(version: str) -> dict[str, str]:
    """Whether each side's row is there, before (`old`) or after (`new`) a change."""
    return {side: f'coalesce({side}_{version}."$here", FALSE)' for side in ("l", "r")}
