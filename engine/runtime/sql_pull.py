"""Runs pull queries in DuckDB's SQL.

1. Take part in what may run at once. 2. Copy the columns that the query reads out of the tables'
committed states, in one transaction that begins in all of them before it reads the first: one
moment for all tables. 3. Run the query over the copies, in an instance that knows nothing else
(`engine/duck_locked.py`).

So a table of a million rows costs its copy (some 10 ms a column and million), which is what a query
that reads all of it costs anyhow; look-ups by key are for ksqlDB's form, which finds them by index.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from merganser.engine.answer import QueryResult
from merganser.engine.duck import Duck, identifier, physical_name
from merganser.engine.duck_locked import BATCH_ROWS, LockedDuck, Parameters, too_much_memory
from merganser.engine.execution.topology import Materialization
from merganser.engine.plan.sql_pull import SqlPull, TableUse
from merganser.engine.properties import PROPERTIES
from merganser.engine.runtime.pull import PullRows
from merganser.engine.runtime.sql_rows import language_rows
from merganser.engine.types import ArrayType, SqlType, StructType
from merganser.errors import TooManyRequestsError

ROWS_MAX = "merganser.pull.sql.max.rows"
MEMORY_MAX = "merganser.pull.sql.max.memory.bytes"
TIME_MAX = "merganser.pull.sql.max.time.ms"
AT_ONCE_MAX = "merganser.pull.sql.max.concurrent"


def server_limit(name: str, properties: Mapping[str, object]) -> int:
    """A limit of the server's own: as it is set, or its default."""
    return max(int(str(properties.get(name, PROPERTIES[name].default))), 1)


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What one query may use."""

    rows_max: int
    memory_max_bytes: int
    time_max_ms: int

    @classmethod
    def of(cls, defaults: Mapping[str, object], overrides: Mapping[str, object]) -> SqlLimits:
        """The server's limits, or lower ones that the request asks for."""

        def limit(name: str) -> int:
            most = server_limit(name, defaults)
            return max(min(most, int(str(overrides.get(name, most)))), 1)

        return cls(limit(ROWS_MAX), limit(MEMORY_MAX), limit(TIME_MAX))


@dataclass
class LockedPool:
    """Locked instances, kept for the next query: making one takes longer than most queries."""

    _idle: list[LockedDuck] = field(default_factory=list)
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, memory_max_bytes: int, most: int) -> LockedDuck:
        """An instance for one query.

        Raises:
            TooManyRequestsError: As many run as may.
        """
        with self._lock:
            if self._running >= most:
                raise TooManyRequestsError(
                    f"{most} pull queries in SQL run already",
                    hint=f"Ask again later, or raise {AT_ONCE_MAX}.",
                )
            self._running += 1
            for duck in self._idle:
                if duck.memory_max_bytes == memory_max_bytes:
                    self._idle.remove(duck)
                    return duck
        try:
            return LockedDuck(memory_max_bytes)
        except BaseException:
            with self._lock:
                self._running -= 1
            raise

    def give_back(self, duck: LockedDuck, most: int) -> None:
        """Takes an instance back."""
        duck.clear()
        with self._lock:
            self._running -= 1
            self._idle.append(duck)
            superfluous = self._idle[:-most]
            del self._idle[:-most]
        for each in superfluous:
            each.close()

    def close(self) -> None:
        """Ends all that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for duck in idle:
            duck.close()


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the rows of a table are: its materialization, and the alias of its state."""

    use: TableUse
    materialization: Materialization
    alias: str


def run_sql_pull(
    pulled: SqlPull,
    stored: Sequence[Stored],
    parameters: Parameters | None,
    *,
    locked: LockedDuck,
    duck: Duck,
    limits: SqlLimits,
    query_id: str,
) -> QueryResult:
    """Runs a planned query.

    Raises:
        UserError: It is wrong, or takes more than it may.
    """
    for name, rows in _snapshot(stored, duck, limits.memory_max_bytes).items():
        locked.register(name, rows)
    found = locked.select(
        pulled.text, parameters, rows_max=limits.rows_max, time_max_ms=limits.time_max_ms
    )
    table, columns = language_rows(found)
    return QueryResult(query_id, "pull", columns, PullRows(table))


def _snapshot(stored: Sequence[Stored], duck: Duck, memory_max_bytes: int) -> dict[str, pa.Table]:
    cursor = duck.cursor()
    left = memory_max_bytes
    found: dict[str, pa.Table] = {}
    try:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        for alias in dict.fromkeys(each.alias for each in stored):
            # A database's moment is that of the first look at it.
            cursor.rows(f'SELECT count(*) FROM {identifier(alias)}.main."$meta"')
        for each in stored:
            batches: list[pa.RecordBatch] = []
            reader = cursor.reader(_copy_sql(each), BATCH_ROWS)
            try:
                for batch in reader:
                    left -= batch.nbytes
                    if left < 0:
                        raise too_much_memory(memory_max_bytes)
                    batches.append(batch)
            finally:
                reader.close()
            found[each.use.source.name] = pa.Table.from_batches(batches, schema=reader.schema)
        cursor.execute("COMMIT")
    finally:
        cursor.close()
    return found


def _copy_sql(stored: Stored) -> str:
    """Reads the columns that a query may read, by their own names."""
    use = stored.use
    columns: list[str] = []
    taken: set[str] = set()

    def add(sql: str, name: str) -> None:
        # DuckDB takes names that differ in letter case for one: the second keeps its inner name.
        shown = physical_name(name) if name.upper() in taken else name
        taken.add(name.upper())
        columns.append(f"{sql} AS {_quoted(shown)}")

    for column in stored.materialization.schema:
        if use.reads(column.name):
            add(_with_names(identifier(column.name), column.type), column.name)
    if stored.materialization.windowed:
        for name in ("WINDOWSTART", "WINDOWEND"):
            if use.reads(name):
                add(f'"${name[:6].lower()}_{name[6:].lower()}"', name)
    if use.with_rowtime:
        add('"$rowtime"', "ROWTIME")
    if not columns:  # `count(*)` alone.
        columns = ["TRUE AS " + _quoted(use.source.schema.columns[0].name)]
    rows = stored.materialization.sql.format(state=identifier(stored.alias))
    return f"SELECT {', '.join(columns)} FROM ({rows})"


def _with_names(sql: str, sql_type: SqlType, depth: int = 0) -> str:
    """A value whose structs have fields by their own names, at any depth of structs and arrays."""
    match sql_type:
        case StructType(fields) if _has_other_names(sql_type):
            members = ", ".join(
                f"{_quoted(f.name)} := "
                + _with_names(
                    f"struct_extract({sql}, '{_text(physical_name(f.name))}')", f.type, depth
                )
                for f in fields
            )
            return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({members}) END"
        case ArrayType(element) if _has_other_names(element):
            inner = _with_names(f"e{depth}", element, depth + 1)
            return f"list_transform({sql}, lambda e{depth}: {inner})"
        case _:
            return sql


def _has_other_names(sql_type: SqlType) -> bool:
    match sql_type:
        case StructType(fields):
            return any(physical_name(f.name) != f.name or _has_other_names(f.type) for f in fields)
        case ArrayType(element):
            return _has_other_names(element)
        case _:
            return False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return name.replace("'", "''")
