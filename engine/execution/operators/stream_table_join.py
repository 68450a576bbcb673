"""Stream-table joins: each stream row meets the table as it is when the row arrives.

Batch: stream rows and table changes → joined rows. Only stream rows trigger.
State: the table's rows by key. A row goes with its tombstone.
Time: nothing moves; the table's version is the latest by arrival (`$seq`), not by event time.
Source: parity/semantics.md, joins and section 12, item 2.
"""

from __future__ import annotations

from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.table_state import TableState
from merganser.engine.execution.rows import Changes, ErrorCheck, Rows
from merganser.engine.execution.topology import Epoch, StatefulStep
from merganser.engine.plan.nodes import JoinNode
from merganser.engine.schema import Role


class StreamTableJoinOperator(StatefulStep):
    """Looks each stream row up in the table, versions of the same epoch included."""

    def __init__(self, node: JoinNode, left: Rows, right: Rows, index: int) -> None:
        assert right.changes is Changes.UPSERT
        self._node = node
        self._left = left
        self._right = right
        self._state = TableState(f"join_{index}", right.schema, windowed=right.windowed)
        self._states = (self._state,)
        self._name = f"$join_{index}"
        key = compile_expression(node.left_key)
        self._key = key.sql
        self._rows_name = f"{self._name}_rows"
        self._checks = left.checks + right.checks
        self._checks += ErrorCheck.of(left.source, key, "ON", node.left_key)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            identifier(self._name),
            self._node.schema,
            Changes.STREAM,
            self._left.windowed,
            ordered=False,
            checks=self._checks,
        )

    def run(self, epoch: Epoch) -> None:
        """Joins the epoch's stream rows, then keeps the table's changes."""
        ((changed,),) = epoch.duck.rows(f"SELECT count(*) > 0 FROM {self._right.source}")
        inner = self._node.kind == "INNER"
        word = "JOIN" if inner else "LEFT JOIN"
        left = f'(SELECT *, {self._key} AS "$key" FROM {self._left.source} WHERE NOT "$tombstone")'
        if inner:
            left = f'(SELECT * FROM {left} WHERE "$key" IS NOT NULL)'
        if changed:
            joined = self._as_of(epoch, left, word)
        else:
            joined = f"{left} AS l {word} {self._near(epoch, left)} AS r ON {self._on()}"
        names = {column.name for column in self._left.schema}
        columns = []
        for column in self._node.schema:
            side = "l" if column.name in names else "r"
            sql = f"{side}.{identifier(column.name)}"
            if column.role is Role.KEY and not self._left.windowed:
                sql = 'l."$key"'
            columns.append(f"{sql} AS {identifier(column.name)}")
        engine = [f"l.{name}" for name in self._left.engine_columns]
        query = f"SELECT {', '.join([*columns, *engine])} FROM {joined}"
        if changed:
            epoch.keep(self._rows_name, query)
            epoch.duck.view(self._name, f"SELECT * FROM {identifier(self._rows_name)}")
            self._state.store(epoch, self._right.source)
        else:
            # What follows becomes one statement with the join.
            epoch.duck.view(self._name, query)

    def _near(self, epoch: Epoch, left: str) -> str:
        keys = f'(SELECT "$key" AS {self._state.keys[0]} FROM {left} WHERE "$key" IS NOT NULL)'
        return self._state.near(epoch, keys)

    def _on(self) -> str:
        conditions = [f'l."$key" = r.{self._state.keys[0]}']
        conditions += [f"l.{key} = r.{key}" for key in self._state.keys[1:]]
        return " AND ".join(conditions)

    def _as_of(self, epoch: Epoch, left: str, word: str) -> str:
        """The join against every version that the epoch sees."""
        columns = [identifier(column.name) for column in self._right.schema]
        if self._right.windowed:
            columns += ['"$window_start"', '"$window_end"']
        listed = ", ".join(columns)
        versions = (
            f'(SELECT {listed}, CAST(-1 AS BIGINT) AS "$since", FALSE AS "$gone" '
            f"FROM {self._near(epoch, left)} UNION ALL "
            f'SELECT {listed}, "$seq" AS "$since", "$tombstone" AS "$gone" '
            f"FROM {self._right.source})"
        )
        # A deleted version must win over the older one, and then count as no match.
        right = ", ".join(
            f'CASE WHEN NOT v."$gone" THEN v.{name} END AS {_right(name)}' for name in columns
        )
        on = " AND ".join(
            [f'l."$key" = v.{self._state.keys[0]}']
            + [f"l.{key} = v.{key}" for key in self._state.keys[1:]]
        )
        found = ' WHERE NOT v."$gone"' if word == "JOIN" else ""
        matched = (
            f"(SELECT l.*, {right} FROM {left} AS l "
            f'ASOF LEFT JOIN {versions} AS v ON {on} AND l."$seq" >= v."$since"{found})'
        )
        renamed = ", ".join(f"l.{_right(name)} AS {name}" for name in columns)
        return f"{matched} AS l CROSS JOIN LATERAL (SELECT {renamed}) AS r"


def _right(quoted: str) -> str:
    return '"$right_' + quoted[1:]
