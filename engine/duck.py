"""The one door to DuckDB: connections, names, literals and types as DuckDB writes them.

Physical names: DuckDB folds the letter case of names and ksqlDB does not, so a name that holds
lower-case letters gets a suffix that tells which (`foo` → `foo$7`). Names that the engine adds to
rows start with `$` (`$rowtime`, `$seq`, …), which no such suffix can make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

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
    Kind.NULL: "INTEGER",
}


class Duck:
    """A DuckDB connection for one thread.

    Raises:
        CorruptFileError: A database file is damaged; retryable, as it can be made again.
        StateFileError: The disk or a database file is at fault.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.execute("SET TimeZone='UTC'")
        # The first moves what expressions share out of their TRY, and then one row fails the
        # statement. The second makes a join of a long IN list, and rows lose their order.
        self.execute("SET disabled_optimizers='common_subexpressions,in_clause'")

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

    def cursor(self) -> Duck:
        """Another connection to the same instance, for another thread."""
        return Duck(self._connection.cursor())

    def execute(self, sql: str, parameters: Sequence[object] | None = None) -> None:
        """Runs statements to their end and drops their result."""
        self._run(sql, parameters).complete()

    def rows(
        self, sql: str, parameters: Sequence[object] | None = None
    ) -> list[tuple[object, ...]]:
        """The rows of a query as Python values."""
        found: list[tuple[object, ...]] = self._run(sql, parameters).fetchall()
        return found

    def arrow(self, sql: str, parameters: Sequence[object] | None = None) -> pa.Table:
        """The rows of a query as an Arrow table."""
        # Not through `execute`: its Arrow output copies the rows once more and warns about it.
        with _disk_errors():
            relation = self._connection.sql(sql, params=parameters)
            assert relation is not None, "a statement without a result"
            return relation.to_arrow_table()

    def register(self, name: str, table: pa.Table) -> None:
        """Makes an Arrow table readable under a name, without a copy."""
        self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Takes a registered name away."""
        self._connection.unregister(name)

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
        self._connection.create_function(
            name, function, list(parameters), returns, type=ARROW, null_handling=SPECIAL
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
        with _disk_errors():
            return self._connection.execute(sql, parameters)


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


DuckError = duckdb.Error
"""What DuckDB raises for a statement that it cannot run (a row's error included)."""


def identifier(name: str) -> str:
    """A SQL name as a quoted DuckDB identifier, one to one even where only letter case differs."""
    if name.startswith("$"):
        return '"' + name + '"'
    mask = 0
    for index, letter in enumerate(name):
        if letter.islower():
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


def decimal_text(sql: str, kind: DecimalType) -> str:
    """A DECIMAL in plain notation. DuckDB leaves out the 0 before the point of DECIMAL(n, n)."""
    if kind.scale < kind.precision or kind.precision > DECIMAL_PRECISION_MAX:
        return f"CAST({sql} AS VARCHAR)"
    if kind.precision < DECIMAL_PRECISION_MAX:
        return f"CAST(CAST({sql} AS DECIMAL({kind.precision + 1}, {kind.scale})) AS VARCHAR)"
    return f"regexp_replace(CAST({sql} AS VARCHAR), '^(-?)[.]', '\\10.')"
