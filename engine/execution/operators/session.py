"""GROUP BY over session windows.

Batch: stream rows → the new row of each session, and a tombstone for each session that it replaces.
State: one row per key and session: first and last event time, the calls' states. A session goes
    when its retention is over by the least stream time of all partitions.
Time: a row first moves its partition's stream time; it is late if the session that it would belong
    to ended more than gap + grace before that time.
Source: parity/semantics.md, section 4, session merge.

Rows and known sessions of a key are put on one line by start; a new session begins where the gap to
everything before is larger than allowed. That gives the same sessions whatever the order, so an
epoch is one pass. Only where order shows (late rows, aggregates that keep an order) the epoch is
taken in rounds of one row a key.
"""

from __future__ import annotations

from merganser.engine.duck import identifier
from merganser.engine.execution.operators.aggregate import AggregateOperator
from merganser.engine.execution.operators.stream_time import (
    advance,
    bounds_by_partition,
    none_late,
    stream_time_sql,
)
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch
from merganser.engine.plan.nodes import AggregateNode

_ENGINE = ('"$rowtime"', '"$seq"', '"$partition"')


class SessionOperator(AggregateOperator):
    """Keeps the sessions of each key and merges those that a row brings together."""

    def __init__(self, node: AggregateNode, rows: Rows, index: int) -> None:
        super().__init__(node, rows, index, retract=False)
        assert node.over is not None
        self._gap_ms = node.over.size_ms
        self._grace_ms = node.over.grace_ms
        self._retention_ms = node.over.retention_ms
        self._group = [identifier(name) for name, _ in node.group]
        self._keys = [*self._group, '"$window_start"', '"$window_end"']
        self._fresh = identifier(f"$fresh_{index}")
        self._line = identifier(f"$line_{index}")
        self._changes = identifier(f"$session_changes_{index}")

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out, self._node.schema, Changes.UPSERT, True, ordered=False, checks=self._checks
        )

    def run(self, epoch: Epoch) -> None:
        """Folds the epoch's rows into the sessions."""
        self._watch_calls(epoch)
        by_key = ", ".join(self._group)
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._fresh} AS SELECT * REPLACE "
            f'(CAST({self._arrived(epoch)} + "$seq" AS BIGINT) AS "$seq"), '
            f'{stream_time_sql(epoch, self._operator)} AS "$stream_time", '
            f'row_number() OVER (PARTITION BY {by_key} ORDER BY "$seq") AS "$round" '
            f"FROM {self._rows.source}"
        )
        self._count_arrivals(epoch)
        bounds = bounds_by_partition(epoch, self._fresh)
        in_rounds = not none_late(epoch, self._operator, bounds, self._gap_ms + self._grace_ms)
        advance(epoch, self._operator, bounds)
        table = epoch.table(self._operator)
        self._start_changes(epoch, table)
        if in_rounds or self._order_shows:
            ((rounds,),) = epoch.duck.rows(f'SELECT coalesce(max("$round"), 0) FROM {self._fresh}')
            for number in range(1, int(str(rounds)) + 1):
                self._fold_rows(epoch, table, number, f'WHERE "$round" = {number}')
        else:
            self._fold_rows(epoch, table, 1, "")
        if self._node.final:
            self._emit_closed(epoch, table)
        else:
            self._emit(epoch)
        self._expire(epoch, table)

    def _arrived(self, epoch: Epoch) -> int:
        """From where `$seq` counts: over all epochs, since sessions bring old rows together."""
        return epoch.times.setdefault(f"{self._operator}#arrived", {}).get(0, 0)

    def _count_arrivals(self, epoch: Epoch) -> None:
        ((last,),) = epoch.duck.rows(f'SELECT max("$seq") FROM {self._fresh}')
        if last is not None:
            epoch.times[f"{self._operator}#arrived"][0] = int(str(last)) + 1

    @property
    def _order_shows(self) -> bool:
        """Whether an aggregate tells the order of its rows."""
        return any("$seq" in call.accumulator.partial for call in self._calls)

    def _window_end(self) -> str:
        return '"$window_end"'

    def _start_changes(self, epoch: Epoch, table: str) -> None:
        columns = ", ".join(self._state_columns)
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._changes} AS "
            f'SELECT {columns}, FALSE AS "$gone", CAST(0 AS BIGINT) AS "$step" '
            f"FROM {table} LIMIT 0"
        )

    @property
    def _state_columns(self) -> list[str]:
        return [*self._keys, *(call.state for call in self._calls), *_ENGINE]

    def _fold_rows(self, epoch: Epoch, table: str, step: int, where: str) -> None:
        """Merges rows and the sessions of their keys; late rows are dropped first."""
        duck = epoch.duck
        group = ", ".join(self._group)
        rows = f"(SELECT * FROM {self._fresh} {where})"
        same_key = " AND ".join(f"s.{name} = f.{name}" for name in self._group)
        # A session whose retention is over is not there any more, even if it could be merged.
        wanted = self._index.wanted(duck, rows) if epoch.is_small else ""
        near = (
            f"(SELECT s.* FROM {table} AS s SEMI JOIN {rows} AS f ON {same_key}{wanted} AND "
            f's."$window_end" >= f."$stream_time" - {self._retention_ms})'
        )
        line = (
            f'SELECT {group}, "$window_start" AS "$start", "$window_end" AS "$end", '
            f'CAST(NULL AS BIGINT) AS "$row" FROM {near} UNION ALL '
            f'SELECT {group}, "$rowtime", "$rowtime", "$seq" FROM {rows}'
        )
        # A session starts where nothing before it on the line reaches within the gap.
        reach = (
            f'max("$end") OVER (PARTITION BY {group} ORDER BY "$start", "$end" '
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
        island = (
            f'sum(CASE WHEN "$start" > "$reach" + {self._gap_ms} OR "$reach" IS NULL '
            f'THEN 1 ELSE 0 END) OVER (PARTITION BY {group} ORDER BY "$start", "$end" '
            "ROWS UNBOUNDED PRECEDING)"
        )
        duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._line} AS SELECT *, "
            f'min("$start") OVER i AS "$window_start", max("$end") OVER i AS "$window_end" '
            f'FROM (SELECT *, {island} AS "$island" FROM '
            f'(SELECT *, {reach} AS "$reach" FROM ({line}))) '
            f'WINDOW i AS (PARTITION BY {group}, "$island")'
        )
        late = f'l."$window_end" < f."$stream_time" - {self._grace_ms + self._gap_ms}'
        same = " AND ".join(f"l.{name} = f.{name}" for name in self._group)
        placed = (
            f'(SELECT f.*, l."$window_start", l."$window_end", {late} AS "$is_late" '
            f'FROM {rows} AS f JOIN {self._line} AS l ON l."$row" = f."$seq" AND {same})'
        )
        ((dropped,),) = duck.rows(f'SELECT count(*) FILTER (WHERE "$is_late") FROM {placed}')
        epoch.late += int(str(dropped))
        self._aggregate(epoch, placed, 'WHERE NOT "$is_late"', self._part)
        self._replace_sessions(epoch, table, step)

    def _replace_sessions(self, epoch: Epoch, table: str, step: int) -> None:
        """Old sessions inside a new one are merged into it, in order of time, and removed."""
        duck = epoch.duck
        inside = " AND ".join(
            [f"s.{name} = p.{name}" for name in self._group]
            + ['s."$window_start" >= p."$window_start"', 's."$window_end" <= p."$window_end"']
        )
        wanted = self._index.wanted(duck, self._part) if epoch.is_small else ""
        merged = identifier(f"$merged_{self._operator}")
        names = ", ".join(f"s.{name}" for name in self._state_columns)
        duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {merged} AS SELECT {names}, "
            'p."$window_start" AS "$new_start", p."$window_end" AS "$new_end", '
            'p."$seq" AS "$new_seq" '
            f"FROM {table} AS s JOIN {self._part} AS p ON {inside}{wanted}"
        )
        lists = ", ".join(
            f'list({call.state} ORDER BY "$window_start") AS {call.state}' for call in self._calls
        )
        by = ", ".join(self._group)
        olds = (
            f'(SELECT {by}, "$new_start" AS "$window_start", "$new_end" AS "$window_end", '
            f'{lists}, max("$rowtime") AS "$rowtime" FROM {merged} '
            f'GROUP BY {by}, "$new_start", "$new_end")'
        )
        olds_merged = [
            f"list_reduce(o.{call.state}, lambda a, b: {call.combine('a', 'b')})"
            for call in self._calls
        ]
        folded = [
            f'CASE WHEN o."$rowtime" IS NULL THEN p.{call.state} '
            f"ELSE {call.merge(merged_old, f'p.{call.state}')} END AS {call.state}"
            for call, merged_old in zip(self._calls, olds_merged, strict=True)
        ]
        on = " AND ".join(f"o.{name} = p.{name}" for name in self._keys)
        news = (
            f"SELECT {', '.join(f'p.{name}' for name in self._keys)}, {', '.join(folded)}, "
            'greatest(o."$rowtime", p."$rowtime") AS "$rowtime", p."$seq", p."$partition" '
            f"FROM {self._part} AS p LEFT JOIN {olds} AS o ON {on}"
        )
        columns = ", ".join(self._state_columns)
        # A session of one instant that gets another row of that instant is not replaced.
        moved = (
            'WHERE NOT ("$window_start" = "$new_start" AND "$window_end" = "$new_end" '
            'AND "$new_start" = "$new_end")'
        )
        duck.execute(
            f"INSERT INTO {self._changes} SELECT {columns}, TRUE, {step} "
            f'FROM (SELECT * REPLACE ("$new_seq" AS "$seq", "$window_end" AS "$rowtime") '
            f"FROM {merged} {moved})"
        )
        duck.execute(f"INSERT INTO {self._changes} SELECT {columns}, FALSE, {step} FROM ({news})")
        match = " AND ".join(f"s.{name} = m.{name}" for name in self._keys)
        duck.execute(
            f"DELETE FROM {table} AS s USING {merged} AS m WHERE {match}{wanted}; "
            f"INSERT INTO {table} BY NAME SELECT {columns} FROM {self._changes} "
            f'WHERE NOT "$gone" AND "$step" = {step}'
        )

    def _emit(self, epoch: Epoch) -> None:
        """The changes of the epoch: a tombstone of each replaced session before the new row."""
        output = ", ".join(self._output(lambda call: call.state))
        last = ", ".join(self._keys)
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS "
            'SELECT * EXCLUDE ("$gone") REPLACE ("$gone" AS "$tombstone", row_number() OVER '
            '(ORDER BY "$seq", "$gone" DESC, "$window_start") AS "$seq") '
            f'FROM (SELECT {output}, "$gone" FROM '
            f'(SELECT *, NULL AS "$headers" FROM {self._changes} '
            f'QUALIFY row_number() OVER (PARTITION BY {last}, "$gone" ORDER BY "$step" DESC) = 1))'
        )
