"""The first rows of each key in an order: QUALIFY ROW_NUMBER() OVER (… ORDER BY …) <= n.

Batch: stream rows → upserts by key (and place, if there may be several), those that changed.
State: at most n rows per key, with their order and place. It grows with the number of keys.
Time: nothing moves. Rows that are equal in the order go by arrival: the later one first if the
    first key of the order is descending, so that `ORDER BY ROWTIME DESC` gives the last one.
"""

from __future__ import annotations

from merganser.engine.duck import identifier, physical_type
from merganser.engine.execution.operators.keyed import (
    LIVE,
    KeyedTable,
    computed,
    numbered,
    same_key,
)
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch, StatefulStep
from merganser.engine.plan.nodes import TopNode

_ENGINE = ('"$rowtime"', '"$partition"', '"$offset"')


class TopOperator(StatefulStep):
    """Ranks what is kept of a key together with its new rows, and keeps the first ones."""

    def __init__(self, node: TopNode, rows: Rows, index: int) -> None:
        assert rows.changes is Changes.STREAM
        self._node = node
        self._rows = rows
        self._operator = f"top_{index}"
        self._fresh = f"$top_fresh_{index}"
        self._ranked = f"$top_ranked_{index}"
        self._out = f"$top_out_{index}"
        self._count = len(node.partition)
        self._keys, checks = computed(rows, [key for _, key in node.partition], "p", "OVER")
        self._order, more = computed(rows, [each.key for each in node.order], "o", "OVER")
        self._checks = rows.checks + checks + more
        self._columns = [identifier(column.name) for column in rows.schema]
        order = [f'"$o{index}" {physical_type(each.type)}' for index, each in enumerate(node.order)]
        mine = [f"{identifier(c.name)} {physical_type(c.type)}" for c in rows.schema]
        engine = ['"$rowtime" BIGINT', '"$partition" INTEGER', '"$offset" BIGINT']
        engine += ['"$arrival" BIGINT', '"$place" BIGINT']
        keys = [key for _, key in node.partition]
        self._state = KeyedTable(self._operator, keys, [*order, *mine, *engine])
        self._states = (self._state,)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            identifier(self._out),
            self._node.schema,
            Changes.UPSERT,
            ordered=False,
            checks=self._checks,
        )

    @property
    def _kept(self) -> list[str]:
        """The columns of a kept row but its place."""
        return [
            *numbered("p", self._count),
            *numbered("o", len(self._node.order)),
            *self._columns,
            *_ENGINE,
            '"$arrival"',
        ]

    def run(self, epoch: Epoch) -> None:
        """Ranks the epoch's rows; rows whose place has another row than before are told."""
        table = epoch.table(self._operator)
        arrived = epoch.times.setdefault(self._operator, {}).get(0, 0)
        first = ", ".join([*self._keys, *self._order, *self._columns, *_ENGINE])
        epoch.keep(
            self._fresh,
            f'SELECT {first}, {arrived} + row_number() OVER (ORDER BY "$seq") AS "$arrival", '
            f'"$seq", "$headers" FROM {self._rows.source} WHERE {LIVE}',
        )
        fresh, ranked = identifier(self._fresh), identifier(self._ranked)
        epoch.times[self._operator][0] = arrived + _row_count(epoch, fresh)
        wanted = self._state.wanted(epoch, fresh)
        known = self._state.near(epoch, wanted)
        epoch.keep(self._ranked, self._ranking(known, fresh))
        same = same_key(self._count, "r", "s")
        epoch.keep(
            self._out,
            f"SELECT {', '.join(self._output())} FROM {ranked} AS r LEFT JOIN {known} AS s "
            f'ON {same} AND r."$place" = s."$place" '
            'WHERE s."$place" IS NULL OR s."$arrival" <> r."$arrival"',
        )
        epoch.duck.execute(f"DELETE FROM {table} AS s USING {ranked} AS r WHERE {same}{wanted}")
        kept = ", ".join([*self._kept, '"$place"'])
        epoch.duck.execute(f"INSERT INTO {table} ({kept}) SELECT {kept} FROM {ranked}")

    def _ranking(self, known: str, fresh: str) -> str:
        """The first rows of each key that has new ones, out of those and of what was kept."""
        order = [
            f'"$o{index}" {"DESC" if each.descending else "ASC"} NULLS LAST'
            for index, each in enumerate(self._node.order)
        ]
        order.append('"$arrival"' + (" DESC" if self._node.order[0].descending else ""))
        keys = ", ".join(numbered("p", self._count))
        kept = ", ".join(self._kept)
        old = (
            f'SELECT {kept}, CAST(NULL AS BIGINT) AS "$seq", NULL AS "$headers" FROM {known} AS s '
            f"SEMI JOIN {fresh} AS f ON {same_key(self._count, 's', 'f')}"
        )
        place = f"row_number() OVER (PARTITION BY {keys} ORDER BY {', '.join(order)})"
        last = f'max("$seq") OVER (PARTITION BY {keys})'
        return (
            f'SELECT *, {place} AS "$place", {last} AS "$last" FROM '
            f'({old} UNION ALL SELECT {kept}, "$seq", "$headers" FROM {fresh}) '
            f'QUALIFY "$place" <= {self._node.limit}'
        )

    def _output(self) -> list[str]:
        """The columns of a changed row. Changes of one key come in the order of their places."""
        keys = {name: f'r."$p{index}"' for index, (name, _) in enumerate(self._node.partition)}
        columns = []
        for column in self._node.schema:
            name = identifier(column.name)
            sql = keys.get(column.name, f"r.{name}")
            if column.name == self._node.number:
                sql = 'r."$place"'
            columns.append(f"{sql} AS {name}")
        by_place = ", ".join(['r."$last"', *numbered("p", self._count, "r."), 'r."$place"'])
        return [
            *columns,
            *(f"r.{name}" for name in _ENGINE),
            f'row_number() OVER (ORDER BY {by_place}) AS "$seq"',
            'r."$headers"',
            'FALSE AS "$tombstone"',
        ]


def _row_count(epoch: Epoch, source: str) -> int:
    ((count,),) = epoch.duck.rows(f"SELECT count(*) FROM {source}")
    assert isinstance(count, int)
    return count
