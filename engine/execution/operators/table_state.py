"""Keeping a table's rows: from upserts to retracting changes, and for pull queries.

Batch: upserting rows → retracting rows: the old row with `$sign` −1 and the new one with +1.
State: one row per key of the table. A row goes with its tombstone.
Time: nothing moves; versions follow the order of arrival.
Source: parity/semantics.md, sections 2 and 12, item 4.
"""

from __future__ import annotations

from merganser.engine.duck import Duck, identifier, physical_type
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch, Materialization, StatefulStep
from merganser.engine.schema import Schema
from merganser.engine.state.key_index import KeyIndex


class TableState:
    """The latest row of each key in a state table of the query."""

    def __init__(self, name: str, schema: Schema, *, windowed: bool) -> None:
        self.name = name
        self.schema = schema
        self.windowed = windowed
        self.keys = [identifier(column.name) for column in schema.key]
        if windowed:
            self.keys += ['"$window_start"', '"$window_end"']
        self._index = KeyIndex(
            name, [(identifier(column.name), physical_type(column.type)) for column in schema.key]
        )

    @property
    def columns(self) -> list[str]:
        """All columns of the state table."""
        named = [identifier(column.name) for column in self.schema]
        window = ['"$window_start"', '"$window_end"'] if self.windowed else []
        return [*named, *window, '"$rowtime"']

    @property
    def materialization(self) -> Materialization:
        """The rows, for pull queries."""
        return Materialization(
            f"SELECT {', '.join(self.columns)} FROM {{state}}.main.{identifier(self.name)}",
            self.schema,
            self.windowed,
        )

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates the state table; the one of a replaced query gets the columns it lacks."""
        columns = [f"{identifier(c.name)} {physical_type(c.type)}" for c in self.schema]
        if self.windowed:
            columns += ['"$window_start" BIGINT', '"$window_end" BIGINT']
        columns.append('"$rowtime" BIGINT')
        duck.execute(
            f"CREATE TABLE IF NOT EXISTS {identifier(state)}.main.{identifier(self.name)} "
            f"({', '.join(columns)})"
        )
        for column in columns:
            duck.execute(
                f"ALTER TABLE {identifier(state)}.main.{identifier(self.name)} "
                f"ADD COLUMN IF NOT EXISTS {column}"
            )
        self._index.prepare(duck, state)

    def maintain(self, duck: Duck, state: str) -> None:
        """Gives a state that has grown its index."""
        self._index.maintain(duck, state)

    def near(self, epoch: Epoch, keys: str) -> str:
        """What stands behind FROM for the rows that `keys` asks for, and maybe others."""
        wanted = self._index.wanted(epoch.duck, keys) if epoch.is_small else ""
        table = epoch.table(self.name)
        return f"(SELECT * FROM {table} AS s WHERE TRUE{wanted})" if wanted else table

    def matches(self, left: str, right: str) -> str:
        """The join condition on the key."""
        return " AND ".join(f"{left}.{key} IS NOT DISTINCT FROM {right}.{key}" for key in self.keys)

    def store(self, epoch: Epoch, source: str) -> None:
        """Applies upserts: the last change of each key wins. `source` stands behind FROM."""
        table = epoch.table(self.name)
        keys = ", ".join(self.keys)
        latest = (
            f"(SELECT * FROM {source} QUALIFY row_number() OVER "
            f'(PARTITION BY {keys} ORDER BY "$seq" DESC) = 1)'
        )
        columns = self.columns
        if epoch.is_small:
            self._store_few(epoch, latest)
            return
        updates = [f"{name} = c.{name}" for name in columns if name not in self.keys]
        epoch.duck.execute(
            f"MERGE INTO {table} AS s USING {latest} AS c ON {self.matches('s', 'c')} "
            'WHEN MATCHED AND c."$tombstone" THEN DELETE '
            f"WHEN MATCHED THEN UPDATE SET {', '.join(updates)} "
            'WHEN NOT MATCHED AND NOT c."$tombstone" THEN '
            f"INSERT ({', '.join(columns)}) VALUES ({', '.join(f'c.{n}' for n in columns)})"
        )

    def _store_few(self, epoch: Epoch, latest: str) -> None:
        """The same in statements that DuckDB need not plan each time, as it would a MERGE."""
        name = f"$changes_{self.name}"
        epoch.keep(name, f"SELECT * FROM {latest}")
        changes, table = identifier(name), epoch.table(self.name)
        if wanted := self._index.wanted(epoch.duck, changes):
            self._store_by_index(epoch, changes, wanted)
            return
        epoch.duck.execute(
            f"DELETE FROM {table} AS s USING {changes} AS c WHERE {self.matches('s', 'c')}"
        )
        columns = ", ".join(self.columns)
        epoch.duck.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {changes} "
            'WHERE NOT "$tombstone"'
        )

    def _store_by_index(self, epoch: Epoch, changes: str, wanted: str) -> None:
        """The same in place: rows of an indexed table that go and come again leave holes."""
        table, found = epoch.table(self.name), f"{self.matches('s', 'c')}{wanted}"
        updates = ", ".join(f"{name} = c.{name}" for name in self.columns if name not in self.keys)
        columns = ", ".join(self.columns)
        epoch.duck.execute(
            f"UPDATE {table} AS s SET {updates} FROM {changes} AS c "
            f'WHERE {found} AND NOT c."$tombstone"'
        )
        epoch.duck.execute(
            f'DELETE FROM {table} AS s USING {changes} AS c WHERE {found} AND c."$tombstone"'
        )
        epoch.duck.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {changes} AS c "
            f'ANTI JOIN {table} AS s ON {found} WHERE NOT "$tombstone"'
        )


class RetractOperator(StatefulStep):
    """Turns a table's upserts into retracting changes by remembering the rows."""

    def __init__(self, rows: Rows, index: int) -> None:
        assert rows.changes is Changes.UPSERT
        self._rows = rows
        self._state = TableState(f"table_{index}", rows.schema, windowed=rows.windowed)
        self._states = (self._state,)
        self._out = identifier(f"$retract_{index}")

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out,
            self._rows.schema,
            Changes.RETRACT,
            self._rows.windowed,
            ordered=False,
            checks=self._rows.checks,
        )

    @property
    def materialization(self) -> Materialization:
        """The rows of the table."""
        return self._state.materialization

    def run(self, epoch: Epoch) -> None:
        """Pairs each change with the row before it, in the state or in the epoch."""
        state = self._state
        keys = ", ".join(state.keys)
        values = [identifier(c.name) for c in state.schema if identifier(c.name) not in state.keys]
        before = ", ".join(f"lag({v}) OVER w AS {_old(v)}" for v in [*values, '"$rowtime"'])
        seeded = (
            f'(SELECT {", ".join(state.columns)}, FALSE AS "$tombstone", -1 AS "$seq", '
            f'NULL AS "$partition", NULL AS "$offset", NULL AS "$headers" '
            f"FROM {state.near(epoch, self._rows.source)} SEMI JOIN {self._rows.source} "
            f"USING ({keys}) "
            f'UNION ALL BY NAME SELECT {", ".join(state.columns)}, "$tombstone", "$seq", '
            f'"$partition", "$offset", "$headers" FROM {self._rows.source})'
        )
        paired = (
            f'(SELECT *, {before}, lag("$tombstone") OVER w AS "$was_tombstone", '
            f'lag("$seq") OVER w AS "$was" FROM {seeded} '
            f'WINDOW w AS (PARTITION BY {keys} ORDER BY "$seq"))'
        )
        engine = ['"$rowtime"', '"$partition"', '"$offset"', '"$headers"', '"$tombstone"']
        window = ['"$window_start"', '"$window_end"'] if state.windowed else []
        key_list = [identifier(c.name) for c in state.schema.key]
        old = [*key_list, *(f"{_old(v)} AS {v}" for v in values), *engine, *window]
        new = [*key_list, *values, *engine, *window]
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS "
            f"SELECT {', '.join(old).replace(QUOTED_TOMBSTONE, FALSE_TOMBSTONE)}, "
            f'"$seq" * 2 AS "$seq", -1 AS "$sign" FROM {paired} '
            'WHERE "$seq" >= 0 AND "$was" IS NOT NULL AND NOT "$was_tombstone" '
            f'UNION ALL SELECT {", ".join(new)}, "$seq" * 2 + 1 AS "$seq", 1 AS "$sign" '
            f'FROM {paired} WHERE "$seq" >= 0 AND NOT "$tombstone"'
        )
        state.store(epoch, self._rows.source)


QUOTED_TOMBSTONE = '"$tombstone"'
FALSE_TOMBSTONE = 'FALSE AS "$tombstone"'


class UpsertOperator:
    """Turns retracting changes back into upserts: new rows, or a tombstone where there is none.

    An old row whose key gets no new row in the same change is a deletion. With `coalesce` only the
    last change of each key in an epoch is given, else each one.
    """

    def __init__(self, rows: Rows, index: int, *, coalesce: bool) -> None:
        assert rows.changes is Changes.RETRACT
        self._rows = rows
        self._coalesce = coalesce
        self._out = identifier(f"$upsert_{index}")

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out,
            self._rows.schema,
            Changes.UPSERT,
            self._rows.windowed,
            ordered=False,
            checks=self._rows.checks,
        )

    def prepare(self, duck: Duck, state: str) -> None:
        """Nothing to keep."""

    def run(self, epoch: Epoch) -> None:
        """Nets the changes of each key: the last one of the epoch, or of each update, counts."""
        keys = [identifier(column.name) for column in self._rows.schema.key]
        if self._rows.windowed:
            keys += ['"$window_start"', '"$window_end"']
        columns = [identifier(column.name) for column in self._rows.schema]
        if not self._coalesce:
            keys.append('"$seq" // 2')
        engine = ['"$rowtime"', '"$partition"', '"$offset"', '"$seq"', '"$headers"']
        if self._rows.windowed:
            engine += ['"$window_start"', '"$window_end"']
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS "
            f'SELECT {", ".join([*columns, *engine])}, "$sign" < 0 AS "$tombstone" '
            f"FROM {self._rows.source} QUALIFY row_number() OVER "
            f'(PARTITION BY {", ".join(keys)} ORDER BY "$seq" DESC) = 1'
        )


class StoreOperator(StatefulStep):
    """Keeps a sink table's rows so that pull queries can read them."""

    def __init__(self, rows: Rows, index: int) -> None:
        self._rows = rows
        # Named without its place in the topology, which shifts when a query is replaced.
        self._state = TableState("sink", rows.schema, windowed=rows.windowed)
        self._states = (self._state,)

    @property
    def materialization(self) -> Materialization:
        """The rows of the table."""
        return self._state.materialization

    def run(self, epoch: Epoch) -> None:
        """Applies the epoch's changes."""
        self._state.store(epoch, self._rows.source)


def _old(quoted: str) -> str:
    return '"$old_' + quoted[1:]
