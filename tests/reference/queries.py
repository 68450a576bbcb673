"""Queries that both sides can run: as a statement, and as a chain of plain Python steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.reference.aggregates import Call
from tests.reference.grouping import Grouping, Over
from tests.reference.rows import Columns, Expr, Predicate, Row, Value
from tests.reference.streams import StreamStreamJoin, StreamTableJoin, Within
from tests.reference.tables import ForeignKeyJoin, Table, TableTableJoin, filtered

TABLES = ("T", "U")
"""Which sources are tables; the others are streams."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A join clause.

    Attributes:
        kind: INNER, LEFT, RIGHT or FULL.
        on: Left and right expression.
        within: Of stream-stream joins.
    """

    kind: str
    source: str
    on: tuple[Expr, Expr]
    within: Within | None = None

    def sql(self) -> str:
        """The clause."""
        within = f" {self.within.sql()}" if self.within is not None else ""
        kind = "FULL OUTER" if self.kind == "FULL" else self.kind
        return f"{kind} JOIN {self.source}{within} ON {self.on[0].sql()} = {self.on[1].sql()}"


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT over the sources S, R (streams), T, U (tables), each with key K.

    Attributes:
        items: Selected expressions beside the key, or none under GROUP BY.
        key: The key's expressions, as they are selected.
        partition_by: The new key of a stream.
        explode: An array column whose items are selected.
        having: Over the first aggregate, named `A0`.
    """

    source: str
    joins: tuple[Joined, ...] = ()
    where: Predicate | None = None
    key: tuple[Expr, ...] = ()
    items: tuple[Expr, ...] = ()
    partition_by: Expr | None = None
    explode: str | None = None
    calls: tuple[Call, ...] = ()
    over: Over | None = None
    having: Predicate | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """What is read."""
        return (self.source, *(join.source for join in self.joins))

    @property
    def reads_table(self) -> bool:
        """Whether what is joined and grouped is a table."""
        return self.source in TABLES

    @property
    def is_table(self) -> bool:
        """Whether the result is a table."""
        return self.reads_table or bool(self.calls)

    @property
    def is_final(self) -> bool:
        """EMIT FINAL."""
        return self.over is not None and self.over.final

    @property
    def is_rekeyed(self) -> bool:
        """Whether rows of one key can come from several partitions, before a grouping."""
        return any(
            side.column != f"{source}.K"
            for join in self.joins
            for side, source in zip(join.on, (self.source, join.source), strict=True)
        )

    @property
    def row_key(self) -> Expr:
        """The key that rows have before they are grouped."""
        if not self.joins:
            return Expr(f"{self.source}.K")
        join = self.joins[0]
        return {"RIGHT": join.on[1], "FULL": Expr("ROWKEY")}.get(join.kind, join.on[0])

    def statement(self, name: str) -> str:
        """The CREATE … AS SELECT."""
        kind = "TABLE" if self.is_table else "STREAM"
        selected = [expression.sql() for expression in self.key]
        selected += [f"{item.sql()} AS C{i}" for i, item in enumerate(self.items)]
        if self.explode is not None:
            selected.append(f"EXPLODE({self.explode}) AS X")
        selected += [f"{call.sql()} AS A{i}" for i, call in enumerate(self.calls)]
        clauses = [f"CREATE {kind} {name} AS SELECT {', '.join(selected)} FROM {self.source}"]
        clauses += [join.sql() for join in self.joins]
        if self.over is not None:
            clauses.append(self.over.sql())
        if self.where is not None:
            clauses.append(f"WHERE {self.where.sql()}")
        if self.partition_by is not None:
            clauses.append(f"PARTITION BY {self.partition_by.sql()}")
        if self.calls:
            clauses.append(f"GROUP BY {', '.join(expression.sql() for expression in self.key)}")
        if self.having is not None:
            call = self.calls[0].sql()
            clauses.append(f"HAVING {self.having.sql().replace('A0', call, 1)}")
        clauses.append("EMIT FINAL;" if self.is_final else "EMIT CHANGES;")
        return " ".join(clauses)


@dataclass(slots=True)
class Evaluator:
    """Runs a query record by record."""

    query: Query
    _tables: dict[str, Table] = field(default_factory=dict)
    _joins: list[Callable[[int, Row], list[Row]]] = field(default_factory=list)
    _windowed: StreamStreamJoin | None = None
    _grouping: Grouping | None = None

    def __post_init__(self) -> None:
        """Makes the steps."""
        query = self.query
        self._tables = {name: Table() for name in query.sources if name in TABLES}
        self._joins = [self._join(join) for join in query.joins]
        if query.calls:
            rekeyed = query.is_rekeyed or query.key != (query.row_key,)
            self._grouping = Grouping(
                query.key, query.calls, query.over, query.reads_table, rekeyed
            )

    def take(self, source: str, row: Row) -> list[Row]:
        """The result's changes of one record."""
        if source in TABLES:
            if row.key == (None,):
                return []
            row = self._tables[source].put(row)
        rows = [row]
        names = self.query.sources
        start = names.index(source)
        for index, join in enumerate(self._joins):
            if index + 1 < start:
                continue
            side = 1 if index + 1 == start else 0
            rows = [found for row in rows for found in join(side, row)]
        return [found for row in rows for found in self._finish(row)]

    @property
    def late(self) -> int:
        """Rows that were too late for a window, counted by window."""
        return self._grouping.late if self._grouping is not None else 0

    def at_last(self) -> list[Row]:
        """What the end of the input has brought out beside the changes that were told."""
        rows: list[Row] = []
        if self._windowed is not None:
            rows = [row for due in self._windowed.due_at_last() for row in self._finish(due)]
        if self._grouping is not None and self.query.is_final:
            rows += [row for row in self._grouping.final_rows() if self._has(row.columns)]
        return rows

    def _join(self, join: Joined) -> Callable[[int, Row], list[Row]]:
        if not self.query.reads_table and join.source in TABLES:
            return StreamTableJoin(join.kind, join.on[0]).take
        if not self.query.reads_table:
            assert join.within is not None
            self._windowed = StreamStreamJoin(
                join.kind, join.within, join.on, self.query.is_rekeyed
            )
            return self._windowed.take
        if join.on[0].column.endswith(".K") or join.on[0].column == "ROWKEY":
            return TableTableJoin(join.kind).take
        return ForeignKeyJoin(join.kind, join.on[0]).take

    def _finish(self, row: Row) -> list[Row]:
        query = self.query
        if query.where is not None:
            if query.reads_table:
                rows = filtered(row, query.where.holds)
            else:
                holds = row.columns is not None and query.where.holds(row.columns)
                rows = [row] if holds else []
        else:
            rows = [row]
        if self._grouping is not None:
            rows = [change for row in rows for change in self._grouping.take(row)]
            if query.is_final:
                return []
            if query.having is not None:
                rows = [change for row in rows for change in filtered(row, query.having.holds)]
            return rows
        return [found for row in rows for found in self._project(row)]

    def _has(self, columns: Columns | None) -> bool:
        having = self.query.having
        return having is None or (columns is not None and having.holds(columns))

    def _project(self, row: Row) -> list[Row]:
        query, columns = self.query, row.columns
        key = row.key
        if query.partition_by is not None:
            key = (query.partition_by.of(columns if columns is not None else {}),)
        if columns is None:
            values: list[Columns | None] = [None] if query.explode is None else []
        else:
            items: dict[str, Value] = {f"C{i}": e.of(columns) for i, e in enumerate(query.items)}
            values = [items]
            if query.explode is not None:
                array = columns.get(query.explode)
                assert array is None or isinstance(array, list)
                values = [{**items, "X": item} for item in array or []]
        return [Row(key, value, row.time_ms, row.partition) for value in values]


def evaluate(query: Query, records: Sequence[tuple[str, Row]]) -> list[list[Row]]:
    """The changes of each record, and in one more list what the end has brought out."""
    evaluator = Evaluator(query)
    told = [evaluator.take(source, row) for source, row in records]
    return [*told, evaluator.at_last()]
