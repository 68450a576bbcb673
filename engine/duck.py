"""The one door to DuckDB: connections, names, literals and types as DuckDB writes them.

Physical names: DuckDB folds the letter case of names and ksqlDB does not, so a name that holds
lower-case letters gets a suffix that tells which (`foo` → `foo$7`). Names that the engine adds to
rows start with `$` (`$rowtime`, `$seq`, …), which no such suffix can make.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import DuckDBPyType

from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import CorruptFileError, InternalError, StateFileError

DECIMAL_PRECISION_MAX = 38  # DuckDB's; ksqlDB has no bound.

_SCALARS = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.STRING: "VARCHAR",
    Kind.BYTES: "BLOB",
    Kind.TIME: "TIME",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.JSON: "VARCHAR",
    Kind.NULL: "INTEGER",
}

_ARROW = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.STRING: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.TIME: pa.time64("us"),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.JSON: pa.string(),
}


STATEMENTS_MAX = 256  # Remembered by a connection.
PLAN_USES = 3  # A statement that comes so often is planned once for all.
REPLAN_USES = 1_000
FEW_ROWS, FEWEST_ROWS = 4_096, 256


class _Inbox:
    """A table that DuckDB reads by a name, and that can be another one at each reading."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_schema__(self) -> object:
        return self.table.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


@dataclass(slots=True)
class _Statement:
    """A statement that was run.

    Attributes:
        is_plannable: Whether it can be prepared, and its plan stays good.
        plan: Its name as a prepared statement.
        row_count: What it gave the last time.
        shape: The types that it gives, as DuckDB's and as Arrow's.
    """

    is_plannable: bool
    use_count: int = 0
    plan: str | None = None
    row_count: int = 0
    shape: tuple[Sequence[object], pa.Schema] | None = None


class Duck:
    """A DuckDB connection for one thread.

    Raises:
        CorruptFileError: A database file is damaged; retryable, as it can be made again.
        StateFileError: The disk or a database file is at fault.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._inboxes: dict[str, _Inbox] = {}
        self._views: dict[str, str] = {}
        self._statements: dict[str, _Statement] = {}
        self._plan_count = 0
        self.execute("SET TimeZone='UTC'")
        # The first moves what expressions share out of their TRY, and then one row fails the
        # statement. The second makes a join of a long IN list, and rows lose their order. The third
        # has a join filter the state's scan, which then is not done by index any more.
        self.execute(
            "SET disabled_optimizers='common_subexpressions,in_clause,join_filter_pushdown'"
        )

    @classmethod
    def memory(cls, *, threads: int | None = None) -> Duck:
        """A new instance without a file. Extensions are never loaded from outside."""
        config: dict[str, str | int | float | bool | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        }
        if threads is not None:
            config["threads"] = threads
        return cls(duckdb.connect(":memory:", config=config))

    def limit_memory(self, max_bytes: int, spill_dir: Path | None) -> None:
        """Bounds what the instance holds in memory; what is more goes to a folder, if there is one.

        Raises:
            StateFileError: So little is not enough for what is there.
        """
        self.execute(f"SET memory_limit='{max_bytes}B'")
        if spill_dir is not None:
            self.execute(f"SET temp_directory={literal(str(spill_dir))}")

    def cursor(self) -> Duck:
        """Another connection to the same instance, for another thread."""
        return Duck(self._connection.cursor())

    def result_types(self, sql: str) -> list[DuckDBPyType]:
        """The types of a query's columns, without its rows."""
        with _disk_errors():
            relation = self._connection.sql(sql)
        assert relation is not None, "a statement without a result"
        return list(relation.types)

    def execute(self, sql: str, parameters: Sequence[object] | None = None) -> None:
        """Runs statements to their end and drops their result."""
        self._run(sql, parameters).complete()
        if sql.startswith("ROLLBACK"):
            self._views.clear()  # Those of the transaction are gone.
            self._forget_plans()

    def rows(
        self, sql: str, parameters: Sequence[object] | None = None
    ) -> list[tuple[object, ...]]:
        """The rows of a query as Python values."""
        found: list[tuple[object, ...]] = self._run(sql, parameters).fetchall()
        return found

    def arrow(self, sql: str, parameters: Sequence[object] | None = None) -> pa.Table:
        """The rows of a query as an Arrow table."""
        statement = self._note(sql)
        # A plan's rows are copied once more: that is for few rows only.
        few = parameters is None and statement.row_count <= FEW_ROWS
        plan = self._plan(sql, statement) if few else None
        if plan is not None and statement.row_count <= FEWEST_ROWS and sql.startswith("SELECT"):
            fetched = self._few(plan, statement)
            if fetched is not None:
                return fetched
        # Not through `execute`: its Arrow output copies the rows once more and warns about it.
        with _disk_errors():
            relation = self._connection.sql(plan or sql, params=parameters)
            assert relation is not None, "a statement without a result"
            found: pa.Table = relation.to_arrow_table()
        if plan is None:
            statement.shape = (relation.types, found.schema)
        statement.row_count = found.num_rows
        return found

    def reader(self, sql: str, batch_rows: int) -> pa.RecordBatchReader:
        """The rows of a query as Arrow batches, computed as they are read."""
        with _disk_errors():
            relation = self._connection.sql(sql)
            assert relation is not None, "a statement without a result"
            return relation.to_arrow_reader(batch_rows)

    def _few(self, plan: str, statement: _Statement) -> pa.Table | None:
        """A few rows by way of Python, which takes a third of the time; None if that may err."""
        if statement.shape is None or not all(map(_is_simple, statement.shape[1].types)):
            return None
        types, schema = statement.shape
        with _disk_errors():
            result = self._connection.execute(plan)
            described = [column[1] for column in result.description or ()]
            rows = result.fetchall()
        if types != described:  # What it reads has changed its types since.
            statement.shape = None
            return None
        statement.row_count = len(rows)
        columns = zip(*rows, strict=True) if rows else [[]] * len(types)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)

    def register(self, name: str, table: pa.Table) -> None:
        """Makes an Arrow table readable under a name, without a copy.

        Of a few rows a name keeps its place in the catalog, so that what was planned with it stays
        planned. Of many, DuckDB is told how many.
        """
        table = _whole(table)
        inbox = self._inboxes.pop(name, None)
        if table.num_rows > FEW_ROWS:
            self._replace(name, table)
            return
        if inbox is not None and inbox.table.schema.equals(table.schema):
            inbox.table = table
        else:
            inbox = _Inbox(table)
            self._replace(name, inbox)
        self._inboxes[name] = inbox

    def _replace(self, name: str, relation: pa.Table | _Inbox) -> None:
        self._forget_plans()
        self._connection.register(name, relation)

    def unregister(self, name: str) -> None:
        """Lets go of the rows of a registered name."""
        inbox = self._inboxes.get(name)
        if inbox is None:
            self._connection.unregister(name)
        else:
            inbox.table = inbox.table.slice(0, 0)

    def view(self, name: str, query: str) -> None:
        """Makes a query readable under a name; nothing is done if it is there already."""
        if self._views.get(name) != query:
            self._forget_plans()
            self.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {query}")
            self._views[name] = query

    def create_function(
        self,
        name: str,
        function: Callable[..., pa.Array],
        parameters: Sequence[str],
        returns: str,
    ) -> None:
        """Makes a Python function over Arrow arrays callable in SQL, from every connection.

        It is called with whole batches, NULLs included, gives an array of the same length, and must
        depend on nothing but its arguments. It belongs to the instance, so once is enough.
        """
        call = _counted(function, len(parameters))
        _CALLED.append(call)
        self._connection.create_function(
            name, call, list(parameters), returns, type=ARROW, null_handling=SPECIAL
        )

    def has_function(self, name: str) -> bool:
        """Whether the instance has a function of that name."""
        found = self.rows(
            "SELECT 1 FROM duckdb_functions() WHERE function_name = ? LIMIT 1", [name]
        )
        return bool(found)

    def attach(self, alias: str, path: Path | None) -> None:
        """Attaches a database file (None: in memory) under an alias.

        Raises:
            CorruptFileError: It is no database, or a damaged one.
            StateFileError: It cannot be opened.
        """
        place = str(path) if path is not None else ":memory:"
        self.execute(f"ATTACH {literal(place)} AS {identifier(alias)}")

    def detach(self, alias: str) -> None:
        """Detaches a database."""
        self.execute(f"DETACH {identifier(alias)}")

    def interrupt(self) -> None:
        """Ends the statement that another thread is running on this connection."""
        self._connection.interrupt()

    def close(self) -> None:
        """Closes this connection."""
        self._connection.close()

    def _run(self, sql: str, parameters: Sequence[object] | None) -> duckdb.DuckDBPyConnection:
        plan = self._plan(sql, self._note(sql)) if parameters is None else None
        with _disk_errors():
            return self._connection.execute(plan or sql, parameters)

    def _note(self, sql: str) -> _Statement:
        """What is known of a statement; the one that was used longest ago makes room for it."""
        known = self._statements.pop(sql, None)
        self._statements[sql] = statement = known or _Statement(_is_plannable(sql))
        if len(self._statements) > STATEMENTS_MAX:
            oldest = self._statements.pop(next(iter(self._statements)))
            self._forget_plan(oldest)
        return statement

    def _plan(self, sql: str, statement: _Statement) -> str | None:
        """What runs the plan of a statement that comes again and again; None for others.

        Planning takes longer than running where an epoch has a few records. A plan is made anew now
        and then, as tables grow.
        """
        statement.use_count += 1
        if statement.plan is not None and statement.use_count < REPLAN_USES:
            return f"EXECUTE {statement.plan}"
        if statement.use_count < PLAN_USES or not statement.is_plannable:
            return None
        self._forget_plan(statement)
        self._plan_count += 1
        plan = f"plan_{self._plan_count}"
        try:
            with _disk_errors():
                self._connection.execute(f"PREPARE {plan} AS {sql}").complete()
        except (duckdb.ParserException, duckdb.BinderException):
            statement.is_plannable = False
            return None
        statement.plan, statement.use_count = plan, PLAN_USES
        return f"EXECUTE {plan}"

    def _forget_plans(self) -> None:
        """Plans go on reading what had a name when they were made; DuckDB only watches tables."""
        for statement in self._statements.values():
            self._forget_plan(statement)

    def _forget_plan(self, statement: _Statement) -> None:
        if statement.plan is not None:
            with _disk_errors():
                self._connection.execute(f"DEALLOCATE {statement.plan}").complete()
            statement.plan = None
        statement.use_count = 0


def _counted(function: Callable[..., pa.Array], count: int) -> Callable[..., pa.Array]:
    """The same with a signature of as many parameters, which is where DuckDB looks."""

    def call(*columns: pa.ChunkedArray) -> pa.Array:
        return function(*columns)

    kind = inspect.Parameter.POSITIONAL_ONLY
    parameters = [inspect.Parameter(f"p{index}", kind) for index in range(count)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # on purpose.
    return call


_CALLED: list[Callable[..., pa.Array]] = []
"""All Python functions: DuckDB holds one by its bare address, so none may ever go."""


def _is_simple(kind: pa.DataType) -> bool:
    """Whether Python values of an Arrow type make the same column again, whatever they are."""
    if pa.types.is_list(kind):
        return _is_simple(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_simple(field.type) for field in kind)
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_null(kind)
    )


def _whole(table: pa.Table) -> pa.Table:
    """The table in one piece if a STRUCT holds a STRUCT: DuckDB does not read slices of those."""
    deep = [index for index, field in enumerate(table.schema) if _is_deep(field.type)]
    if not deep:
        return table
    whole = table.combine_chunks()
    every = pa.array(np.arange(table.num_rows))
    for index in deep:  # Combining leaves a single piece as it is, be it a slice.
        whole = whole.set_column(index, table.schema.field(index), table.column(index).take(every))
    return whole.combine_chunks()


def _is_deep(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and any(pa.types.is_struct(field.type) for field in kind)


def _is_plannable(sql: str) -> bool:
    """Whether a plan stays good: DuckDB puts the values of variables into it."""
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE")  # DuckDB refuses to prepare a MERGE.
    return sql.startswith(verbs) and ";" not in sql and "getvariable" not in sql


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Gives what DuckDB says of the disk or a file as a StateFileError."""
    try:
        yield
    except (duckdb.IOException, duckdb.FatalException, duckdb.SerializationException) as error:
        text = str(error)
        if isinstance(error, duckdb.SerializationException) or any(m in text for m in _CORRUPT):
            raise CorruptFileError(text, retryable=True) from error
        raise StateFileError(text, retryable=_LOCKED in text) from error
    except duckdb.OutOfMemoryException as error:
        text = "the memory that the queries may take is not enough"
        hint = "Raise merganser.memory.max.bytes."
        raise StateFileError(text, detail=str(error), hint=hint, retryable=False) from error
    except duckdb.TransactionException as error:
        if _UNWRITTEN in str(error):  # A full disk, told of at COMMIT.
            raise StateFileError(str(error), retryable=False) from error
        raise
    except duckdb.Error as error:
        # A block's wrong checksum comes as an error of no class of its own.
        if type(error) is duckdb.Error and _CORRUPT[0] in str(error):
            raise CorruptFileError(str(error), retryable=True) from error
        raise


_CORRUPT = (
    "Corrupt database file",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "database file with version number",
)
_LOCKED = "Could not set lock on file"  # Its owner may be about to end.
_UNWRITTEN = "Could not write file"


duckdb_version: Final = duckdb.__version__

DuckError = duckdb.Error
"""What DuckDB raises for a statement that it cannot run (a row's error included)."""

VALUE_ERRORS = (duckdb.ConversionException, duckdb.OutOfRangeException)
"""What DuckDB raises for a value that its type does not hold."""


def identifier(name: str) -> str:
    """A SQL name as a quoted DuckDB identifier, one to one even where only letter case differs."""
    mask = 0
    for index, letter in enumerate(name):
        if letter.islower() and name[0] != "$":  # The engine's own names have no other spelling.
            mask |= 1 << index
    physical = f"{name}${mask:x}" if mask else name
    return '"' + physical.replace('"', '""') + '"'


def physical_name(name: str) -> str:
    """The unquoted physical name, as it comes back in Arrow schemas."""
    return identifier(name)[1:-1].replace('""', '"')


def literal(value: object) -> str:
    """A Python value as a DuckDB literal.

    Raises:
        InternalError: The value has no literal form.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | Decimal():
            return str(value)
        case float():
            return f"CAST('{value!r}' AS DOUBLE)"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case bytes():
            return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
        case _:
            raise InternalError(f"no DuckDB literal for {type(value).__name__}")


def physical_type(sql_type: SqlType) -> str:
    """The DuckDB type that holds a SQL type's values.

    A DECIMAL of more digits than DuckDB's 38 is held as text in plain notation.
    """
    match sql_type:
        case ScalarType(kind):
            return _SCALARS[kind]
        case DecimalType(precision, scale):
            if precision > DECIMAL_PRECISION_MAX:
                return "VARCHAR"
            return f"DECIMAL({precision}, {scale})"
        case ArrayType(element):
            return f"{physical_type(element)}[]"
        case MapType(key, value):
            return f"MAP({physical_type(key)}, {physical_type(value)})"
        case StructType(fields):
            inner = ", ".join(f"{identifier(f.name)} {physical_type(f.type)}" for f in fields)
            return f"STRUCT({inner})"
        case _:
            raise InternalError(f"no physical type for {sql_type.sql()}")


def arrow_type(sql_type: SqlType) -> pa.DataType:
    """The Arrow type of the same values; times are in microseconds."""
    match sql_type:
        case ScalarType(kind) if kind in _ARROW:
            return _ARROW[kind]
        case DecimalType(precision, scale):
            if precision > DECIMAL_PRECISION_MAX:
                return pa.string()
            return pa.decimal128(precision, scale)
        case ArrayType(element):
            return pa.list_(arrow_type(element))
        case MapType(key, value):
            return pa.map_(arrow_type(key), arrow_type(value))
        case StructType(fields):
            return pa.struct([(physical_name(f.name), arrow_type(f.type)) for f in fields])
        case _:
            raise InternalError(f"no Arrow type for {sql_type.sql()}")


def decimal_text(sql: str, kind: DecimalType) -> str:
    """A DECIMAL in plain notation. DuckDB leaves out the 0 before the point of DECIMAL(n, n)."""
    if kind.scale < kind.precision or kind.precision > DECIMAL_PRECISION_MAX:
        return f"CAST({sql} AS VARCHAR)"
    if kind.precision < DECIMAL_PRECISION_MAX:
        return f"CAST(CAST({sql} AS DECIMAL({kind.precision + 1}, {kind.scale})) AS VARCHAR)"
    return f"regexp_replace(CAST({sql} AS VARCHAR), '^(-?)[.]', '\\10.')"
