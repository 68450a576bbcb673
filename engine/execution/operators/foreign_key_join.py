"""Table-table joins on an expression of the left side: a foreign key.

Batch: upserts of both sides → upserts keyed by the left side's primary key. As in Kafka Streams a
    left row whose foreign key changes and finds no partner leaves a tombstone, whether or not there
    was a result before (KIP-213).
State: both tables' rows by key, the left ones with their foreign key.
Time: nothing moves. A left change gives the larger of both times, also if it takes a row of an
    INNER join back; a right change gives its own.
Source: parity/semantics.md, joins, and section 12, item 24.

Changes are taken in runs of one side, so that within a run the other side stands still.
"""

from __future__ import annotations

from merganser.engine.duck import identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.table_state import TableState
from merganser.engine.execution.rows import Changes, ErrorCheck, Rows
from merganser.engine.execution.topology import Epoch, StatefulStep
from merganser.engine.plan.nodes import JoinNode


class ForeignKeyJoinOperator(StatefulStep):
    """Joins each left row with the right row that its foreign key names."""

    def __init__(self, node: JoinNode, left: Rows, right: Rows, index: int) -> None:
        key = compile_expression(node.left_key)
        self._node = node
        self._left = left
        self._right = right
        self._foreign = key.sql
        self._left_state = TableState(f"left_{index}", left.schema, windowed=False)
        self._right_state = TableState(f"right_{index}", right.schema, windowed=False)
        self._states = (self._left_state, self._right_state)
        self._out = identifier(f"$join_{index}")
        self._run = identifier(f"$run_{index}")
        self._checks = left.checks + right.checks
        self._checks += ErrorCheck.of(left.source, key, "ON", node.left_key)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out, self._node.schema, Changes.UPSERT, ordered=False, checks=self._checks
        )

    def run(self, epoch: Epoch) -> None:
        """Joins the epoch's changes, run by run."""
        columns = [f"{identifier(c.name)} {physical_type(c.type)}" for c in self._node.schema]
        columns += ['"$rowtime" BIGINT', '"$partition" INTEGER', '"$offset" BIGINT']
        columns += ['"$seq" BIGINT', '"$headers" STRUCT("key" VARCHAR, "value" BLOB)[]']
        columns.append('"$tombstone" BOOLEAN')
        epoch.duck.execute(f"CREATE OR REPLACE TEMP TABLE {self._out} ({', '.join(columns)})")
        for is_left, first, last in self._runs(epoch):
            rows = self._left if is_left else self._right
            epoch.duck.execute(
                f"CREATE OR REPLACE TEMP TABLE {self._run} AS SELECT * FROM {rows.source} "
                f'WHERE "$seq" BETWEEN {first} AND {last}'
            )
            if is_left:
                self._left_changes(epoch)
                self._left_state.store(epoch, self._run)
            else:
                self._right_changes(epoch)
                self._right_state.store(epoch, self._run)
        keys = ", ".join(self._left_state.keys)
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS SELECT * REPLACE "
            f'(row_number() OVER (ORDER BY "$seq", {keys}) AS "$seq") FROM {self._out}'
        )

    def _runs(self, epoch: Epoch) -> list[tuple[bool, int, int]]:
        """Side, first and last `$seq` of each maximal run of changes of one side."""
        found = epoch.duck.rows(
            "SELECT is_left, min(seq), max(seq) FROM (SELECT is_left, seq, "
            "row_number() OVER (ORDER BY seq) - row_number() OVER (PARTITION BY is_left "
            "ORDER BY seq) AS island FROM ("
            f'SELECT TRUE AS is_left, "$seq" AS seq FROM {self._left.source} UNION ALL '
            f'SELECT FALSE, "$seq" FROM {self._right.source})) '
            "GROUP BY is_left, island ORDER BY 2"
        )
        return [(bool(side), int(str(first)), int(str(last))) for side, first, last in found]

    def _left_changes(self, epoch: Epoch) -> None:
        """Each left change looks its partner up, and takes back what the old row gave."""
        state = self._left_state
        keys = ", ".join(state.keys)
        listed = ", ".join(state.columns)
        seeds = (
            f'SELECT {listed}, FALSE AS "$tombstone", CAST(-1 AS BIGINT) AS "$seq" '
            f"FROM {state.near(epoch, self._run)} SEMI JOIN {self._run} USING ({keys})"
        )
        changes = (
            f'SELECT {listed}, "$tombstone", "$seq", "$partition", "$offset", "$headers" '
            f"FROM {self._run}"
        )
        keyed = (
            f'SELECT *, CASE WHEN NOT "$tombstone" THEN {self._foreign} END AS "$fk" '
            f"FROM ({seeds} UNION ALL BY NAME {changes})"
        )
        paired = (
            'SELECT *, lag("$fk") OVER w AS "$old_fk", '
            'coalesce(lag(NOT "$tombstone") OVER w, FALSE) AS "$was_here" '
            f'FROM ({keyed}) WINDOW w AS (PARTITION BY {keys} ORDER BY "$seq")'
        )
        if self._node.kind == "LEFT":
            looked_up, gone = 'l."$fk"', 'l."$tombstone"'
            told = 'NOT l."$tombstone" OR l."$was_here"'
        else:
            # Who takes a row back looks its old partner up, for the time.
            looked_up = 'coalesce(l."$fk", l."$old_fk")'
            gone = '(l."$fk" IS NULL OR r."$rowtime" IS NULL)'
            moved = 'l."$fk" IS DISTINCT FROM l."$old_fk"'
            told = f'NOT {gone} OR (l."$was_here" AND {moved})'
        self._insert(
            epoch,
            f"({paired}) AS l LEFT JOIN {epoch.table(self._right_state.name)} AS r "
            f"ON {looked_up} = r.{self._right_state.keys[0]}",
            gone=gone,
            time='greatest(l."$rowtime", r."$rowtime")',
            change="l",
            where=f'l."$seq" >= 0 AND ({told})',
        )

    def _right_changes(self, epoch: Epoch) -> None:
        """Each right change is told to every left row that names it."""
        keyed = f'SELECT *, {self._foreign} AS "$fk" FROM {epoch.table(self._left_state.name)}'
        outer = self._node.kind == "LEFT"
        self._insert(
            epoch,
            f'({keyed}) AS l JOIN {self._run} AS r ON l."$fk" = r.{self._right_state.keys[0]}',
            gone="FALSE" if outer else 'r."$tombstone"',
            time='r."$rowtime"',
            change="r",
            where="TRUE",
        )

    def _insert(
        self, epoch: Epoch, joined: str, *, gone: str, time: str, change: str, where: str
    ) -> None:
        """Adds joined rows; `change` is the side whose change they are an answer to."""
        left = {column.name for column in self._left.schema}
        columns = []
        for column in self._node.schema:
            name = identifier(column.name)
            sql = f"l.{name}" if column.name in left else f"r.{name}"
            if change == "r" and column.name not in left:
                sql = f'CASE WHEN NOT r."$tombstone" THEN {sql} END'
            columns.append(f"{sql} AS {name}")
        engine = [
            f'{time} AS "$rowtime"',
            f'{change}."$partition" AS "$partition"',
            f'{change}."$offset" AS "$offset"',
            f'{change}."$seq" AS "$seq"',
            f'{change}."$headers" AS "$headers"',
            f'{gone} AS "$tombstone"',
        ]
        epoch.duck.execute(
            f"INSERT INTO {self._out} BY NAME SELECT {', '.join([*columns, *engine])} "
            f"FROM {joined} WHERE {where}"
        )
