"""Writing a sink: rows to records.

Batch: rows → `key`, `value`, `timestamp`, `headers`, in the order of `$seq` (then window start).
    They mostly come in that order: looking is a hundredth of what sorting costs.
State: none.
Time: the record's timestamp is the row's event time, or the sink's TIMESTAMP column.
Source: parity/semantics.md, sections 3, 4 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.catalog import Source
from merganser.engine.duck import identifier
from merganser.engine.execution.operators.source import event_time_sql
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch
from merganser.engine.formats.format import FORMATS, Encoder
from merganser.engine.plan.with_clause import format_options


class SinkOperator:
    """Encodes rows as the records that the task publishes."""

    def __init__(self, sink: Source, rows: Rows, *, passes_keys: bool) -> None:
        assert rows.changes is not Changes.RETRACT
        self._passes_keys = passes_keys
        self._sink = sink
        self._rows = rows
        self._key_encoder = self._encoder(is_key=True)
        self._value_encoder = self._encoder(is_key=False)

    def fetch(self, epoch: Epoch) -> pa.Table:
        """The epoch's rows, encoded."""
        sink, rows = self._sink, self._rows
        keys = {c.name: identifier(c.name) for c in sink.schema.key}
        values = {c.name: identifier(c.name) for c in sink.schema.value}
        key = self._key_encoder.encode(epoch.duck, rows.source, keys)
        value = self._value_encoder.encode(epoch.duck, key.source, values)
        key_sql = self._key_sql(key.payload, keys)
        if self._tells_no_key_from_nulls:
            _note_keyless(epoch)
        null = '"$tombstone"'
        if len(values) == 1 and not sink.value_format.wrapped:
            null += f" OR {next(iter(values.values()))} IS NULL"
        where = ""
        time = '"$rowtime"'
        if sink.timestamp is not None:
            column = sink.schema.find(sink.timestamp.name)
            assert column is not None
            time = event_time_sql(column, sink.timestamp.pattern).replace(
                "{column}", identifier(column.name)
            )
            time = f'CASE WHEN "$tombstone" THEN "$rowtime" ELSE {time} END'
            where = f" WHERE {time} >= 0"
        order: list[str] = []
        if not rows.ordered:
            order = ["$seq", "$window_start"] if rows.windowed else ["$seq"]
        records = epoch.duck.arrow(
            f'SELECT {key_sql} AS "key", '
            f'CASE WHEN NOT ({null}) THEN {value.payload} END AS "value", '
            f'{time} AS "timestamp", "$headers" AS "headers"'
            f"{''.join(f', {identifier(name)}' for name in order)} FROM {value.source}{where}"
        )
        return in_order(records, order).drop_columns(order)

    @property
    def _tells_no_key_from_nulls(self) -> bool:
        return self._passes_keys and bool(self._sink.schema.key) and not self._has_bare_key

    @property
    def _has_bare_key(self) -> bool:
        """Whether the key is one column's value and nothing around it."""
        return len(self._sink.schema.key) == 1 and not self._sink.key_format.wrapped

    def _encoder(self, *, is_key: bool) -> Encoder:
        spec = self._sink.key_format if is_key else self._sink.value_format
        schema = self._sink.schema
        columns = schema.key if is_key else schema.value
        return FORMATS[spec.name].encoder(columns, format_options(spec), is_key=is_key)

    def _key_sql(self, payload: str, keys: Mapping[str, str]) -> str:
        if not keys:
            return "CAST(NULL AS BLOB)"
        sql = payload
        if self._has_bare_key:
            # As delimited text a NULL that was computed is an empty field like any other.
            if self._passes_keys or self._sink.key_format.name != "DELIMITED":
                (column,) = keys.values()
                sql = f"CASE WHEN {column} IS NOT NULL THEN {payload} END"
        elif self._passes_keys:
            # A record without key stays one without; a key of NULLs is one.
            given = " OR ".join(f"{column} IS NOT NULL" for column in keys.values())
            keyless = f'SELECT "partition", "offset" FROM {identifier(_KEYLESS)}'
            sql = (
                f'CASE WHEN {given} OR ("$partition", "$offset") NOT IN ({keyless}) '
                f"THEN {payload} END"
            )
        window = self._sink.window
        if window is None:
            return sql
        start = "unhex(printf('%016x', \"$window_start\"))"
        if window.kind != "SESSION":
            return f"({sql} || {start})"
        return f"({sql} || unhex(printf('%016x', \"$window_end\")) || {start})"


def _note_keyless(epoch: Epoch) -> None:
    """Makes readable which of the epoch's records have no key."""
    found = [
        records.filter(pc.is_null(records.column("key"))).select(["partition", "offset"])
        for records in epoch.inputs.values()
    ]
    epoch.duck.register(_KEYLESS, pa.concat_tables(found) if found else _NO_PLACES)


_KEYLESS = "$keyless"
_NO_PLACES = pa.table({"partition": pa.array([], pa.int32()), "offset": pa.array([], pa.int64())})


def in_order(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rows by one or two columns of numbers, NULLs last; equal ones stay as they are."""
    if not columns or table.num_rows < 2:
        return table
    keys = [_numbers(table.column(name)) for name in columns]
    first, second = keys[0], keys[-1]
    ahead, behind = first[:-1], first[1:]
    if bool(np.all((ahead < behind) | ((ahead == behind) & (second[:-1] <= second[1:])))):
        return table
    return table.take(pa.array(np.lexsort(keys[::-1])))


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    filled = column.fill_null(np.iinfo(np.int64).max) if column.null_count else column
    return np.asarray(filled.to_numpy(), dtype=np.int64)
