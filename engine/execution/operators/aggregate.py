"""GROUP BY, un-windowed and over tumbling and hopping windows.

Batch: any rows → key columns, aggregates, engine columns. The key becomes (key, window). One row
    per (key, window) and epoch, ordered by the `$seq` of its last change, then window start.
State: one row per (key, window) that is retained: the calls' states, the largest event time.
    A window goes when its retention is over by the least stream time of all partitions.
Time: a row first moves its partition's stream time, then is judged by it; a late row is dropped
    from the windows that are closed for it and counted.
Source: parity/semantics.md, sections 4 and 5; the states are those of `Accumulator`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from merganser.engine.duck import Duck, identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.stream_time import (
    advance,
    bounds_by_partition,
    closed_sql,
    none_late,
    stream_time_sql,
    watermark,
)
from merganser.engine.execution.rows import Changes, ErrorCheck, Rows
from merganser.engine.execution.topology import Epoch, Materialization, RecordFailure
from merganser.engine.expression import ColumnRef
from merganser.engine.functions.function import AGGREGATES, Accumulator
from merganser.engine.plan.nodes import AggregateNode, Window
from merganser.engine.plan.partitions import moves_keys
from merganser.engine.state.key_index import KeyIndex


@dataclass(frozen=True, slots=True)
class _Call:
    """One aggregate call: state column, accumulator, compiled arguments, as SQL."""

    state: str
    accumulator: Accumulator
    arguments: tuple[str, ...]
    text: str
    where: str | None = None

    @property
    def partial(self) -> str:
        return self.accumulator.partial.format(*self.arguments)

    @property
    def undo_partial(self) -> str:
        template = self.accumulator.undo_partial or self.accumulator.partial
        return template.format(*self.arguments)

    def merge(self, old: str, new: str) -> str:
        return self.accumulator.merge.format(old=old, new=new)

    def undo(self, old: str, new: str) -> str:
        assert self.accumulator.undo is not None
        return self.accumulator.undo.format(old=old, new=new)

    def exchange(self, old: str, gone: str, new: str) -> str | None:
        """The state after an update, where the order of taking away and adding shows."""
        template = self.accumulator.exchange
        if template is None:
            return None
        empty = self.accumulator.empty
        sides = {"old": old, "gone": gone, "new": new}
        return template.format(
            **{name: f"coalesce({side}.{self.state}, {empty})" for name, side in sides.items()}
        )

    def combine(self, old: str, new: str) -> str:
        """As `merge`, for states whose rows came in any order."""
        template = self.accumulator.combine or self.accumulator.merge
        return template.format(old=old, new=new)

    def final(self, state: str) -> str:
        return self.accumulator.final.format(state=state)


class AggregateOperator:
    """Keeps one accumulator per (key, window); gives the new row of each that an epoch changed.

    With `retract` it also gives the row that was there before, for HAVING and joins.
    """

    def __init__(self, node: AggregateNode, rows: Rows, index: int, *, retract: bool) -> None:
        self._node = node
        self._retract = retract and not node.final
        self._operator = f"aggregate_{index}"
        self._rows, self._checks = self._keyed(node, rows)
        self._keys = [identifier(name) for name, _ in node.group]
        if node.over is not None:
            self._keys += ['"$window_start"']
        elif rows.windowed:
            self._keys += ['"$window_start"', '"$window_end"']
        self._calls = self._bind(node)
        self._part = identifier(f"$part_{index}")
        self._name = f"$aggregate_{index}"
        self._out = identifier(self._name)
        self._changed = f"$changed_{index}"
        self._few = f"$few_{index}"
        self._late = identifier(f"$late_{index}")
        types = {c.name: physical_type(c.type) for c in node.schema.key}
        self._index = KeyIndex(self._operator, [(identifier(n), types[n]) for n, _ in node.group])

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        windowed = self._node.over is not None or '"$window_start"' in self._keys
        changes = Changes.RETRACT if self._retract else Changes.UPSERT
        return Rows(
            self._out, self._node.schema, changes, windowed, ordered=False, checks=self._checks
        )

    @property
    def holds_result(self) -> bool:
        """Whether the state is, row by row, what the operator has given."""
        return not self._node.final

    @property
    def materialization(self) -> Materialization:
        """The state, read as rows of the node's schema."""
        finals = [
            f"{call.final(call.state)} AS {identifier(name)}"
            for call, (name, _) in zip(self._calls, self._node.calls, strict=True)
        ]
        keys = [identifier(name) for name, _ in self._node.group]
        extra = ['"$rowtime"']
        if '"$window_start"' in self._keys:
            extra += ['"$window_start"', f'{self._window_end()} AS "$window_end"']
        table = f"{{state}}.main.{identifier(self._operator)}"
        return Materialization(
            f"SELECT {', '.join([*keys, *finals, *extra])} FROM {table}",
            self._node.schema,
            '"$window_start"' in self._keys,
        )

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates the state table."""
        types = {c.name: physical_type(c.type) for c in self._node.schema.key}
        columns = [f"{identifier(name)} {types[name]}" for name, _ in self._node.group]
        columns += [f"{name} BIGINT" for name in self._keys if name.startswith('"$window')]
        columns += [f"{call.state} {call.accumulator.state}" for call in self._calls]
        columns += ['"$rowtime" BIGINT', '"$seq" BIGINT', '"$partition" INTEGER']
        duck.execute(
            f"CREATE TABLE IF NOT EXISTS {identifier(state)}.main.{identifier(self._operator)} "
            f"({', '.join(columns)})"
        )
        self._index.prepare(duck, state)

    def maintain(self, duck: Duck, state: str) -> None:
        """Gives a state that has grown its index."""
        self._index.maintain(duck, state)

    def run(self, epoch: Epoch) -> None:
        """Folds the epoch's rows into the state."""
        self._watch_calls(epoch)
        source = self._windowed_rows(epoch)
        table = epoch.table(self._operator)
        retracting = self._rows.changes is Changes.RETRACT
        if self._retract or retracting:
            self._aggregate(epoch, source, 'WHERE "$sign" > 0' if retracting else "", self._part)
            if retracting:
                self._aggregate(epoch, source, 'WHERE "$sign" < 0', self._undo_part, undoing=True)
            self._fold_with_old_rows(epoch, table, retracting=retracting)
        else:
            self._fold(epoch, table, source)
        if self._node.final:
            self._emit_closed(epoch, table)
        self._expire(epoch, table)

    def _watch_calls(self, epoch: Epoch) -> None:
        """Has the failures of calls that keep them told when the result is there."""
        if any(call.accumulator.failures is not None for call in self._calls):
            self._take_failures()
            epoch.later.append(lambda ended: ended.fail(self._take_failures()))

    def _take_failures(self) -> list[RecordFailure]:
        return [
            RecordFailure(
                "processing",
                f"cannot evaluate {call.text}",
                partition=failure.partition,
                offset=failure.offset,
                step="AGGREGATE",
                cause=tuple(failure.reason.split("\n")),
            )
            for call in self._calls
            if call.accumulator.failures is not None
            for failure in call.accumulator.failures()
        ]

    @property
    def _undo_part(self) -> str:
        return identifier(f"$undo_{self._operator}")

    def _keyed(self, node: AggregateNode, rows: Rows) -> tuple[Rows, tuple[ErrorCheck, ...]]:
        """The input with group columns beside it, and without rows that have no group."""
        checks: list[ErrorCheck] = []
        columns = [identifier(column.name) for column in rows.schema]
        live = []
        for name, expression in node.group:
            compiled = compile_expression(expression)
            live.append(f"{identifier(name)} IS NOT NULL")
            if expression != ColumnRef(name, expression.result_type):
                columns.append(f"{compiled.sql} AS {identifier(name)}")
            checks += ErrorCheck.of(rows.source, compiled, "GROUP BY", expression)
        for _, call in node.calls:
            for argument in call.children:
                compiled = compile_expression(argument)
                checks += ErrorCheck.of(rows.source, compiled, "AGGREGATE", argument)
        keyed = rows.select(columns).filter(" AND ".join(['NOT "$tombstone"', *live]))
        return keyed, (*rows.checks, *checks)

    def _bind(self, node: AggregateNode) -> list[_Call]:
        calls = []
        for index, (_, call) in enumerate(node.calls):
            accumulator = AGGREGATES[call.name].accumulator(call.arguments, dict(node.limits))
            arguments = tuple(compile_expression(argument).sql for argument in call.arguments)
            where = compile_expression(call.where).sql if call.where is not None else None
            state = identifier(f"$state_{index}")
            calls.append(_Call(state, accumulator, arguments, str(call), where))
        return calls

    def _windowed_rows(self, epoch: Epoch) -> str:
        """The rows, once per window that they fall into and that is not closed for them."""
        over = self._node.over
        if over is None:
            return self._rows.source
        bounds = bounds_by_partition(epoch, self._rows.source)
        assigned = _assign(over, self._rows.source)
        closed_after = over.size_ms + over.grace_ms
        # The first window of a row ends at most `advance` after it, so rows this near are safe.
        safe = none_late(epoch, self._operator, bounds, over.grace_ms)
        if not safe:
            timed = (
                f'(SELECT *, {stream_time_sql(epoch, self._operator)} AS "$stream_time" '
                f"FROM {self._rows.source})"
            )
            assigned = _assign(over, timed)
            late = f'"$window_start" + {closed_after} <= "$stream_time"'
            epoch.duck.execute(
                f"CREATE OR REPLACE TEMP TABLE {self._late} AS "
                f'SELECT *, {late} AS "$is_late" FROM {assigned}'
            )
            ((dropped,),) = epoch.duck.rows(
                f'SELECT count(*) FILTER (WHERE "$is_late") FROM {self._late}'
            )
            assert isinstance(dropped, int)
            epoch.late += dropped
            assigned = f'(SELECT * FROM {self._late} WHERE NOT "$is_late")'
        advance(epoch, self._operator, bounds)
        return assigned

    def _aggregate(
        self, epoch: Epoch, source: str, where: str, target: str, *, undoing: bool = False
    ) -> None:
        partials = self._partials(epoch, source, where, undoing=undoing)
        epoch.duck.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS {partials}")

    def _partials(self, epoch: Epoch, source: str, where: str, *, undoing: bool = False) -> str:
        """A SELECT of one row per group: what its rows of this epoch add, or take away."""
        conditions = list(dict.fromkeys(call.where for call in self._calls if call.where))
        if conditions:
            return self._filtered_partials(epoch, source, where, conditions, undoing=undoing)
        return self._partials_of(self._calls, epoch, source, where, undoing=undoing)

    def _filtered_partials(
        self, epoch: Epoch, source: str, where: str, conditions: list[str], *, undoing: bool
    ) -> str:
        """The same where calls take only some of the rows: those of each condition for themselves.

        A group of which they take none has the state of no rows.
        """
        keys = ", ".join(self._keys)
        plain = [call for call in self._calls if call.where is None]
        joined = self._partials_of(plain, epoch, source, where, undoing=undoing)
        query = f"({joined}) AS f"
        states = {call.state: f"f.{call.state}" for call in plain}
        for index, condition in enumerate(conditions):
            mine = [call for call in self._calls if call.where == condition]
            partials = ", ".join(
                f"{call.undo_partial if undoing else call.partial} AS {call.state}" for call in mine
            )
            taken = f"{where or 'WHERE TRUE'} AND ({condition})"
            query += (
                f' LEFT JOIN (SELECT {keys}, {partials}, TRUE AS "$some" FROM {source} {taken} '
                f"GROUP BY {keys}) AS f{index} ON {self._matches('f', f'f{index}')}"
            )
            states |= {
                call.state: f'CASE WHEN f{index}."$some" THEN f{index}.{call.state} '
                f"ELSE {call.accumulator.empty} END"
                for call in mine
            }
        columns = [f"f.{key}" for key in self._keys]
        columns += [f"{states[call.state]} AS {call.state}" for call in self._calls]
        columns += [f'f."{name}"' for name in ("$rowtime", "$seq", "$partition", "$headers")]
        return f"SELECT {', '.join(columns)} FROM {query}"

    def _partials_of(
        self, calls: list[_Call], epoch: Epoch, source: str, where: str, *, undoing: bool
    ) -> str:
        keys = ", ".join(self._keys)
        partials = [
            f"{call.undo_partial if undoing else call.partial} AS {call.state}" for call in calls
        ]
        engine = [
            'max("$rowtime") AS "$rowtime"',
            'max("$seq") AS "$seq"',
            'max("$partition") AS "$partition"',
        ]
        if epoch.has_headers:
            # The output carries the headers of the record that changed it last.
            engine.append('arg_max("$headers", "$seq") AS "$headers"')
        else:
            engine.append('NULL AS "$headers"')
        return (
            f"SELECT {', '.join([keys, *partials, *engine])} FROM {source} {where} GROUP BY {keys}"
        )

    def _matches(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self._keys)

    def _fold(self, epoch: Epoch, table: str, source: str) -> None:
        """Adds the parts to the state in one pass and keeps what came out."""
        states = {
            call.state: call.merge(f"s.{call.state}", f"p.{call.state}") for call in self._calls
        }
        states['"$rowtime"'] = 'greatest(s."$rowtime", p."$rowtime")'
        states |= {name: f"p.{name}" for name in ('"$seq"', '"$partition"')}
        # Not inside the MERGE: that takes three times as long, its sizes being unknown to DuckDB.
        if epoch.is_small:
            # A new table would have all statements planned again.
            part = identifier(self._few)
            epoch.keep(self._few, self._partials(epoch, source, ""))
            self._fold_few(epoch, table, part, states)
        else:
            part = self._part
            self._aggregate(epoch, source, "", part)
            self._fold_many(epoch, table, part, states)
        if self._node.final:
            return
        rows = identifier(self._changed)
        if epoch.has_headers:
            headers = f'SELECT {", ".join(self._keys)}, "$headers" FROM {part}'
            rows = f"{rows} JOIN ({headers}) USING ({', '.join(self._keys)})"
        else:
            rows = f'(SELECT *, NULL AS "$headers" FROM {rows})'
        output = ", ".join(self._output(lambda call: call.state))
        epoch.duck.view(self._name, f"SELECT {output} FROM {rows}")

    def _fold_many(self, epoch: Epoch, table: str, part: str, states: dict[str, str]) -> None:
        """Brings the state up to date and registers what changed."""
        names = [*self._keys, *states]
        updates = ", ".join(f"{name} = {new}" for name, new in states.items())
        changed = epoch.duck.arrow(
            f"MERGE INTO {table} AS s USING {part} AS p ON {self._matches('s', 'p')} "
            f"WHEN MATCHED THEN UPDATE SET {updates} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
            f"VALUES ({', '.join(f'p.{name}' for name in names)}) "
            f"RETURNING {', '.join(names)}"
        )
        epoch.duck.register(self._changed, changed)

    def _fold_few(self, epoch: Epoch, table: str, part: str, states: dict[str, str]) -> None:
        """The same in statements that DuckDB need not plan each time, as it would a MERGE."""
        news = [
            f'CASE WHEN s."$seq" IS NULL THEN p.{name} ELSE {new} END AS {name}'
            for name, new in states.items()
        ]
        keys = [f"p.{key}" for key in self._keys]
        wanted = self._index.wanted(epoch.duck, part)
        changed = epoch.duck.arrow(
            f'SELECT {", ".join([*keys, *news])}, s."$seq" IS NULL AS "$is_new" '
            f"FROM {part} AS p LEFT JOIN {table} AS s ON {self._matches('s', 'p')}{wanted}"
        )
        epoch.duck.register(self._changed, changed)
        changes = identifier(self._changed)
        new_count = pc.sum(changed.column("$is_new")).as_py() or 0
        if new_count < changed.num_rows:
            updates = ", ".join(f"{name} = c.{name}" for name in states)
            epoch.duck.execute(
                f"UPDATE {table} AS s SET {updates} FROM {changes} AS c "
                f"WHERE {self._matches('s', 'c')}{wanted}"
            )
        if new_count:
            names = ", ".join([*self._keys, *states])
            epoch.duck.execute(
                f'INSERT INTO {table} ({names}) SELECT {names} FROM {changes} WHERE "$is_new"'
            )

    def _fold_with_old_rows(self, epoch: Epoch, table: str, *, retracting: bool) -> None:
        """Adds and takes away, and keeps both the old and the new rows."""
        delta = identifier(f"$delta_{self._operator}")
        undo = self._undo_part if retracting else None
        keys = ", ".join(self._keys)
        groups = f"SELECT {keys} FROM {self._part}"
        if undo:
            groups += f" UNION SELECT {keys} FROM {undo}"
        news = []
        for call in self._calls:
            added = (
                f'CASE WHEN p."$seq" IS NULL THEN s.{call.state} '
                f'WHEN s."$seq" IS NULL THEN p.{call.state} '
                f"ELSE {call.merge(f's.{call.state}', f'p.{call.state}')} END"
            )
            if undo:
                added = f"coalesce({added}, {call.accumulator.empty})"
                added = (
                    f'CASE WHEN u."$seq" IS NULL THEN {added} '
                    f"ELSE {call.exchange('s', 'u', 'p') or call.undo(added, f'u.{call.state}')} "
                    "END"
                )
            news.append(f"{added} AS {call.state}, s.{call.state} AS {_old(call.state)}")
        undone = ', u."$rowtime"' if undo else ""
        undone_seq = ', u."$seq"' if undo else ""
        wanted = self._index.wanted(epoch.duck, f"({groups})") if epoch.is_small else ""
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {delta} AS SELECT "
            + ", ".join([*(f"g.{key}" for key in self._keys), *news])
            + f', greatest(s."$rowtime", p."$rowtime"{undone}) AS "$rowtime"'
            + ', s."$rowtime" AS "$old_rowtime"'
            + f', greatest(p."$seq"{undone_seq}) AS "$seq"'
            + ', coalesce(p."$partition", s."$partition") AS "$partition"'
            + ', p."$headers" AS "$headers"'
            + f" FROM ({groups}) AS g LEFT JOIN {self._part} AS p ON {self._matches('g', 'p')}"
            + (f" LEFT JOIN {undo} AS u ON {self._matches('g', 'u')}" if undo else "")
            + f" LEFT JOIN {table} AS s ON {self._matches('g', 's')}{wanted}"
        )
        names = [*self._keys, *(call.state for call in self._calls)]
        names += ['"$rowtime"', '"$seq"', '"$partition"']
        updates = [f"{name} = d.{name}" for name in names if name not in self._keys]
        epoch.duck.execute(
            f"MERGE INTO {table} AS s USING {delta} AS d ON {self._matches('s', 'd')}{wanted} "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(updates)} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
            f"VALUES ({', '.join(f'd.{name}' for name in names)})"
        )
        self._emit_both(epoch, delta)

    def _emit_both(self, epoch: Epoch, delta: str) -> None:
        new = ", ".join(self._output(lambda call: call.state))
        if not self._retract:
            epoch.duck.execute(
                f"CREATE OR REPLACE TEMP TABLE {self._out} AS SELECT {new} FROM {delta}"
            )
            return
        old = ", ".join(self._output(lambda call: _old(call.state)))
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS "
            f'SELECT * REPLACE ("$seq" * 2 AS "$seq"), -1 AS "$sign" FROM '
            f'(SELECT {old} FROM {delta} WHERE "$old_rowtime" IS NOT NULL) '
            f'UNION ALL SELECT * REPLACE ("$seq" * 2 + 1 AS "$seq"), 1 AS "$sign" FROM '
            f"(SELECT {new} FROM {delta})"
        )

    def _output(self, state: object) -> list[str]:
        assert callable(state)
        keys = [identifier(name) for name, _ in self._node.group]
        finals = [
            f"{call.final(state(call))} AS {identifier(name)}"
            for call, (name, _) in zip(self._calls, self._node.calls, strict=True)
        ]
        engine = [
            '"$rowtime"',
            '"$partition"',
            'CAST(NULL AS BIGINT) AS "$offset"',
            '"$seq"',
            '"$headers"',
            'FALSE AS "$tombstone"',
        ]
        if '"$window_start"' in self._keys:
            engine += ['"$window_start"', f'{self._window_end()} AS "$window_end"']
        return [*keys, *finals, *engine]

    def _window_end(self) -> str:
        over = self._node.over
        return f'"$window_start" + {over.size_ms}' if over is not None else '"$window_end"'

    def _emit_closed(self, epoch: Epoch, table: str) -> None:
        """EMIT FINAL: the rows of the windows that this epoch has closed, each once.

        While rows keep their key a window closes by the stream time of its own partition; re-keyed
        rows come from all partitions, and the least stream time counts.
        """
        over = self._node.over
        assert over is not None
        until = over.grace_ms + (over.size_ms + 1 if over.kind == "SESSION" else 0)
        ends = f"({self._window_end()} + {until})"
        closed = closed_sql(epoch, self._operator, ends, by_partition=not moves_keys(self._node))
        if over.loses_expired and over.kind != "SESSION":
            newest = f'(SELECT max("$window_start") FROM {table})'
            closed += f' AND "$window_start" >= {newest} - {over.retention_ms}'
        windows = ['"$window_start"']
        if over.kind == "SESSION":
            windows.insert(0, self._window_end())
        order = ", ".join([*windows, *(identifier(name) for name, _ in self._node.group)])
        output = ", ".join(self._output(lambda call: call.state))
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS SELECT * REPLACE "
            f'(row_number() OVER (ORDER BY {order}) AS "$seq") '
            f'FROM (SELECT {output} FROM (SELECT *, NULL AS "$headers" FROM {table}) '
            f"WHERE {closed})"
        )

    def _expire(self, epoch: Epoch, table: str) -> None:
        """Removes windows whose retention is over, in steps coarse enough to be cheap."""
        over = self._node.over
        if over is None:
            return
        step = max(over.retention_ms // 10, 60_000)
        horizon = (watermark(epoch, self._operator) - over.retention_ms) // step * step
        # Kept with the stream times: a replay has to remove the same rows in the same epochs.
        expired = epoch.times.setdefault(f"{self._operator}#expired", {})
        if horizon <= expired.get(0, 0):
            return
        expired[0] = horizon
        last = '"$window_end"' if '"$window_end"' in self._keys else '"$window_start"'
        epoch.duck.execute(f"DELETE FROM {table} WHERE {last} < {horizon}")


def _assign(over: Window, source: str) -> str:
    """Rows with the start of their window, once per window."""
    if over.kind == "TUMBLING":
        start = f'"$rowtime" - "$rowtime" % {over.size_ms}'
        return f'(SELECT *, {start} AS "$window_start" FROM {source})'
    last = f'"$rowtime" - "$rowtime" % {over.advance_ms}'
    # The lowest start is the first multiple of `advance` above t − size, and not below 0.
    first = (
        f'greatest(("$rowtime" - {over.size_ms} + {over.advance_ms}) // {over.advance_ms} '
        f"* {over.advance_ms}, 0)"
    )
    return (
        f"(SELECT *, unnest(range({first}, {last} + 1, {over.advance_ms})) "
        f'AS "$window_start" FROM {source})'
    )


def _old(state: str) -> str:
    return identifier("$old_" + state.strip('"').removeprefix("$"))
