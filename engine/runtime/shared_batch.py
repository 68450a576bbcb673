"""Computes for all subscribers of a stream what each asks of one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from merganser.engine.duck import Duck, arrow_type, identifier
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.runtime.shared_plan import Condition, SharedPlan, Template

Ints = npt.NDArray[np.int64]

_PLACES = ('"$seq"', '"$partition"', '"$offset"')


class SharedStatements:
    """The statements for a set of subscribers.

    Attributes:
        columns: SQL of a column → its place in what `items` gives.
        items: Gives all columns of all rows, in order.
        conditions: Condition → its number.
        templates: Template → the statement that gives (number of the condition, `$seq` of a row)
            for all its conditions, and their parameters.
    """

    def __init__(self, plans: Sequence[SharedPlan], source: str) -> None:
        self.columns: dict[str, int] = {sql: index for index, sql in enumerate(_PLACES)}
        self.conditions: dict[Condition, int] = {}
        for plan in plans:
            for sql in plan.items:
                self.columns.setdefault(sql, len(self.columns))
            if plan.condition is not None:
                self.conditions.setdefault(plan.condition, len(self.conditions))
        selected = ", ".join(f"{sql} AS c{index}" for sql, index in self.columns.items())
        live = f'FROM {source} WHERE NOT "$tombstone"'
        self.items = f'SELECT {selected} {live} ORDER BY "$seq"'
        self.templates: dict[Template, tuple[str, str, pa.Table]] = {}
        for index, template in enumerate({known.template for known in self.conditions}):
            name = f"$parameters_{index}"
            sql = (
                f'SELECT "$id" AS id, "$seq" AS seq FROM {source}, {identifier(name)} '
                f'WHERE NOT "$tombstone" AND ({template.sql})'
            )
            self.templates[template] = (name, sql, self._parameters(template))

    def _parameters(self, template: Template) -> pa.Table:
        mine = {c: number for c, number in self.conditions.items() if c.template == template}
        columns = {"$id": pa.array(list(mine.values()), pa.int64())}
        for index, kind in enumerate(template.types):
            values = [condition.values[index] for condition in mine]
            columns[f"$p{index}"] = pa.array(values, arrow_type(kind))
        return pa.table(columns)


class SharedBatch:
    """One batch: its rows and, by condition, which of them pass."""

    def __init__(self, statements: SharedStatements, duck: Duck) -> None:
        self._statements = statements
        self._found = duck.arrow(statements.items)
        self._passing = self._passing_rows(duck)
        self._done: dict[tuple[Condition | None, tuple[str, ...], tuple[str, ...]], pa.Table] = {}

    def _passing_rows(self, duck: Duck) -> dict[int, Ints]:
        """Number of a condition → indices of the rows that pass it, in order."""
        if not self._found.num_rows:
            return {}
        seqs = _ints(self._found, 0)
        passing: dict[int, Ints] = {}
        for name, sql, parameters in self._statements.templates.values():
            duck.register(name, parameters)
            pairs = duck.arrow(sql)
            if not pairs.num_rows:
                continue
            ids, at = _ints(pairs, 0), np.searchsorted(seqs, _ints(pairs, 1))
            order = np.lexsort((at, ids))
            ids, at = ids[order], at[order]
            numbers, begins = np.unique(ids, return_index=True)
            parts = np.split(at, begins[1:])
            passing.update(zip(numbers.tolist(), parts, strict=True))
        return passing

    def rows(
        self, plan: SharedPlan, starts: Mapping[TopicPartition, int] | None
    ) -> pa.Table | None:
        """What a subscriber gets of the batch, which may begin within it; None for nothing."""
        taken: Ints | None = None
        if plan.condition is not None:
            taken = self._passing.get(self._statements.conditions[plan.condition])
            if taken is None:
                return None
        if starts is not None:
            behind = self._behind(starts)
            taken = behind if taken is None else np.intersect1d(taken, behind)
            return self._table(plan, taken)
        known = (plan.condition, plan.items, plan.names)
        if known not in self._done:
            self._done[known] = self._table(plan, taken)
        return self._done[known]

    def _table(self, plan: SharedPlan, taken: Ints | None) -> pa.Table:
        columns = [self._found.column(self._statements.columns[sql]) for sql in plan.items]
        table = pa.Table.from_arrays(columns, names=list(plan.names))
        return table if taken is None else table.take(pa.array(taken))

    def _behind(self, starts: Mapping[TopicPartition, int]) -> Ints:
        partitions, offsets = _ints(self._found, 1), _ints(self._found, 2)
        keep = np.ones(len(offsets), dtype=bool)
        for place, start in starts.items():
            keep &= (partitions != place.partition) | (offsets >= start)
        return np.flatnonzero(keep).astype(np.int64)


def _ints(table: pa.Table, index: int) -> Ints:
    found: Ints = table.column(index).to_numpy().astype(np.int64)
    return found
