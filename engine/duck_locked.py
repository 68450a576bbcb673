"""DuckDB for SQL that is not ours: instances that reach nothing but the rows given to them.

What keeps a statement in is DuckDB's configuration, not a reading of its text: no files, no
network, no extensions, no look at Python's variables, a bound on memory without spilling to disk,
and all of it locked, so that no statement can change it. An instance shares nothing with the
engine's: the state of queries is not there, only Arrow tables that were registered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from merganser.errors import RequestError, SqlSyntaxError, TypeMismatchError, UserError

BATCH_ROWS = 65_536
LOCKED: Mapping[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "temp_directory": "",
    "preserve_insertion_order": "true",
    "threads": 1,
}
"""The configuration; `lock_configuration` follows once the time zone is set."""

Parameters = Sequence[object] | Mapping[str, object]


class LockedDuck:
    """An instance for one statement at a time. Making one takes tens of milliseconds."""

    def __init__(self, memory_max_bytes: int) -> None:
        self.memory_max_bytes = memory_max_bytes
        config = {**LOCKED, "memory_limit": f"{memory_max_bytes}B"}
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET TimeZone='UTC'")
        self._connection.execute("SET lock_configuration=true")
        self._names: list[str] = []

    def register(self, name: str, table: pa.Table) -> None:
        """Makes rows readable under a name until `clear`."""
        self._connection.register(name, table)
        self._names.append(name)

    def clear(self) -> None:
        """Forgets all rows."""
        for name in self._names:
            self._connection.unregister(name)
        self._names.clear()

    def close(self) -> None:
        """Ends the instance."""
        self._connection.close()

    def select(
        self, sql: str, parameters: Parameters | None, *, rows_max: int, time_max_ms: int
    ) -> pa.Table:
        """The rows of one SELECT.

        Raises:
            SqlSyntaxError: It is another statement, or several.
            RequestError: It takes more rows, memory or time than it may.
            UserError: It is wrong, or one of its rows is.
        """
        with _user_errors():
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise SqlSyntaxError("a pull query is one SELECT")
        out_of_time = threading.Event()

        def interrupt() -> None:
            out_of_time.set()
            self._connection.interrupt()

        timer = threading.Timer(time_max_ms / 1000, interrupt)
        timer.daemon = True
        timer.start()
        try:
            with _user_errors():
                return self._rows(sql, parameters, rows_max)
        except UserError as error:
            if out_of_time.is_set():
                raise RequestError(f"the query takes longer than {time_max_ms} ms") from error
            raise
        finally:
            timer.cancel()

    def _rows(self, sql: str, parameters: Parameters | None, rows_max: int) -> pa.Table:
        # DuckDB refuses parameters that a statement does not have, be there none of them.
        relation = self._connection.sql(sql, params=parameters or None)
        assert relation is not None, "a SELECT without a result"
        reader = relation.to_arrow_reader(BATCH_ROWS)
        try:
            return self._bounded(reader, rows_max)
        finally:
            reader.close()  # Until then the connection takes no other statement.

    def _bounded(self, reader: pa.RecordBatchReader, rows_max: int) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        row_count = byte_count = 0
        for batch in reader:
            row_count += batch.num_rows
            byte_count += batch.nbytes
            if row_count > rows_max:
                raise RequestError(
                    f"the query gives more than {rows_max} rows",
                    hint="Add a LIMIT, or raise merganser.pull.sql.max.rows.",
                )
            if byte_count > self.memory_max_bytes:
                raise too_much_memory(self.memory_max_bytes)
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)


def too_much_memory(memory_max_bytes: int) -> RequestError:
    """What is said of a query that needs more memory than it may have."""
    return RequestError(
        f"the query needs more than {memory_max_bytes} bytes of memory",
        hint="Read fewer columns or tables, or raise merganser.pull.sql.max.memory.bytes.",
    )


@contextmanager
def _user_errors() -> Iterator[None]:
    """Gives what DuckDB says of a statement as the error of who wrote it."""
    try:
        yield
    except duckdb.ParserException as error:
        raise SqlSyntaxError(_said(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise RequestError(
            "the query needs more memory than it may have",
            hint="Raise merganser.pull.sql.max.memory.bytes.",
        ) from error
    except (duckdb.ConversionException, duckdb.InvalidTypeException) as error:
        raise TypeMismatchError(_said(error)) from error
    except duckdb.Error as error:
        raise UserError(_said(error)) from error


def _said(error: Exception) -> str:
    """The first paragraph: what follows shows the statement, which the user has."""
    text = str(error).split("\n\n")[0].strip().rstrip(".")
    return text.replace("\n", " ")
