"""Reading a source: records to rows.

Batch: RECORD_SCHEMA and `seq` → the source's columns (renamed in joins) and engine columns.
State: none.
Time: event time is the record's timestamp or the TIMESTAMP column; negative ones are skipped.
Source: parity/semantics.md, sections 2, 3 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from merganser.engine.catalog import KeyWindow, Source
from merganser.engine.duck import Duck, identifier, literal
from merganser.engine.execution.bad_records import Half, tell, tell_untimed, without_giants
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Epoch
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import FORMATS, Decoded, Decoder
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.nodes import SourceNode
from merganser.engine.plan.scope import SourceScope
from merganser.engine.plan.with_clause import format_options
from merganser.engine.schema import Column, Schema
from merganser.engine.types import BIGINT, TIMESTAMP

_WINDOW_BYTES = {"SESSION": 16, "TUMBLING": 8, "HOPPING": 8}


@dataclass(frozen=True, slots=True)
class _Parts:
    """The decoded halves of the records, and which records are good, as SQL; empty for all."""

    key: Decoded
    value: Decoded
    good: str


class SourceOperator:
    """Decodes a topic's records; bad ones are reported and left out.

    The rows are handed on as a view over records in Arrow: a temporary table's would take memory
    until the state commits, some epochs later.
    """

    def __init__(self, node: SourceNode, index: int) -> None:
        self._node = node
        self._source = node.source
        self._name = f"$source_{index}"
        self._rows = f"$rows_{index}"
        self._input = f"$input_{index}"
        source = self._source
        self._key_decoder = self._decoder(source, is_key=True)
        self._value_decoder = self._decoder(source, is_key=False)
        self._event_time = _event_time(source)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            identifier(self._name),
            self._node.schema,
            Changes.UPSERT if self._source.is_table else Changes.STREAM,
            windowed=self._source.window is not None,
        )

    def prepare(self, duck: Duck, state: str) -> None:
        """Nothing to keep."""

    def run(self, epoch: Epoch) -> None:
        """Decodes the epoch's records of the topic."""
        records = epoch.inputs.get(self._source.topic)
        if records is None:
            records = _EMPTY
        records = without_giants(epoch, self._source.topic, records)
        duck = epoch.duck
        batch = Batch(duck, self._input, records)
        parts = self._decode(batch)
        good = f"WHERE {parts.good}" if parts.good else ""
        query = f"SELECT {', '.join(self._select(parts))} FROM {batch.source} {good}"
        if self._event_time is None:
            duck.view(self._name, query)
            bad_count = self._bad_count(batch, parts)
        else:
            # To read a column's text as time costs more than to keep the rows.
            rows = duck.arrow(query)
            duck.register(self._rows, rows)
            duck.view(self._name, f"SELECT * FROM {identifier(self._rows)}")
            bad_count = batch.row_count - rows.num_rows
        if bad_count:
            self._report(epoch, batch, parts)

    def _bad_count(self, batch: Batch, parts: _Parts) -> int:
        """How many records are left out."""
        if not parts.good:
            return 0
        query = f"SELECT count(*) FROM {batch.source} WHERE NOT ({parts.good})"
        return int(str(batch.duck.rows(query)[0][0]))

    def _decoder(self, source: Source, *, is_key: bool) -> Decoder:
        spec = source.key_format if is_key else source.value_format
        columns = source.schema.key if is_key else source.schema.value
        return FORMATS[spec.name].decoder(columns, format_options(spec), is_key=is_key)

    def _decode(self, batch: Batch) -> _Parts:
        window = self._source.window
        key_payload = '"key"' if window is None else f"({_key_bytes(window)})"
        key = self._key_decoder.decode(batch, key_payload)
        value = self._value_decoder.decode(batch, '"value"')
        good = [f"NOT ({part.failed})" for part in (key, value) if part.failed is not None]
        if self._source.is_table:
            good.append(f"NOT ({key.null})")
        if self._event_time is not None or _is_before_1970(batch):
            good.append(self._time_sql(key, value) + " >= 0")
        return _Parts(key, value, " AND ".join(good))

    def _time_sql(self, key: Decoded, value: Decoded) -> str:
        if self._event_time is None:
            return '"timestamp"'
        expression, column = self._event_time
        physical = {**value.columns, **key.columns}[column]
        # A record without value keeps its own timestamp: there is no column to take it from.
        inner = expression.replace("{column}", physical)
        if column in key.columns:
            return f"coalesce({inner}, -1)"
        return f'CASE WHEN {value.null} THEN "timestamp" ELSE coalesce({inner}, -1) END'

    def _select(self, parts: _Parts) -> list[str]:
        inner_to_sql = {**parts.value.columns, **parts.key.columns}
        for column in self._source.schema.headers:
            inner_to_sql[column.name] = _header_sql(column)
        time = self._time_sql(parts.key, parts.value)
        inner_to_sql["ROWTIME"] = time
        inner_to_sql["ROWPARTITION"] = '"partition"'
        inner_to_sql["ROWOFFSET"] = '"offset"'
        window = self._source.window
        if window is not None:
            inner_to_sql["WINDOWSTART"], inner_to_sql["WINDOWEND"] = _window_bounds(window)
        columns = [
            f"{inner_to_sql[inner]} AS {identifier(outer)}" for outer, inner in self._node.columns
        ]
        engine = [
            (time, "$rowtime"),
            ('"partition"', "$partition"),
            ('"offset"', "$offset"),
            (f'"{_SEQ}"', "$seq"),
            ('"headers"', "$headers"),
            (parts.value.null, "$tombstone"),
        ]
        if window is not None:
            start, end = _window_bounds(window)
            engine += [(start, "$window_start"), (end, "$window_end")]
        return columns + [f"{sql} AS {identifier(name)}" for sql, name in engine]

    def _report(self, epoch: Epoch, batch: Batch, parts: _Parts) -> None:
        """Counts and explains the records that were left out."""
        topic = self._source.topic
        halves = (
            Half("key", parts.key, self._key_decoder),
            Half("value", parts.value, self._value_decoder),
        )
        tell(epoch, topic, batch, halves)
        good = [f"NOT ({p.failed})" for p in (parts.key, parts.value) if p.failed is not None]
        time = self._time_sql(parts.key, parts.value)
        untimed = epoch.duck.arrow(
            f"SELECT * FROM {batch.source} WHERE {' AND '.join([*good, f'NOT ({time} >= 0)'])}"
        )
        tell_untimed(epoch, topic, untimed, strict=self._node.strict_time)


_SEQ = "seq"
_EMPTY = pa.schema(
    [
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("timestamp", pa.int64()),
        pa.field(
            "headers",
            pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])),
        ),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("seq", pa.int64()),
    ]
).empty_table()


def _is_before_1970(batch: Batch) -> bool:
    """Whether a record has a negative timestamp, which old producers wrote for none at all."""
    first_ms = pc.min(batch.records.column("timestamp")).as_py()
    return first_ms is not None and first_ms < 0


def _event_time(source: Source) -> tuple[str, str] | None:
    """SQL for the event time over `{column}`, and the column's name; None: the record's stamp."""
    if source.timestamp is None:
        return None
    column = source.schema.find(source.timestamp.name)
    assert column is not None
    return event_time_sql(column, source.timestamp.pattern), column.name


def event_time_sql(column: Column, pattern: str | None) -> str:
    """SQL that turns a TIMESTAMP column's value, `{column}`, into ms; NULL if it is no time."""
    if column.type == BIGINT:
        return "{column}"
    if column.type == TIMESTAMP:
        return "epoch_ms({column})"
    marker = Column("COLUMN", column.type)
    scope = SourceScope([_marker_node(marker)])
    node = exp.Anonymous(
        this="PARSE_TIMESTAMP",
        expressions=[
            exp.Column(this=exp.Identifier(this="COLUMN", quoted=True)),
            exp.Literal.string(pattern or ""),
        ],
    )
    compiled = compile_expression(bind_expression(node, scope))
    return f"epoch_ms({compiled.sql})".replace(identifier("COLUMN"), "{column}")


def _marker_node(column: Column) -> SourceNode:
    from merganser.engine.catalog import FormatSpec  # noqa: PLC0415 — only for this marker.

    spec = FormatSpec("NONE", wrapped=False)
    schema = Schema((column,))
    source = Source("MARKER", False, schema, "", spec, spec, 1)
    return SourceNode(source, "MARKER", ((column.name, column.name),), schema)


def _header_sql(column: Column) -> str:
    """A HEADERS column as list of structs, a HEADER('k') column as the last value of that name."""
    if column.header is None:
        key, value = identifier("KEY"), identifier("VALUE")
        return (
            'list_transform(coalesce("headers", []), '
            f'lambda h: struct_pack({key} := h."key", {value} := h."value"))'
        )
    wanted = literal(column.header)
    return f'list_filter("headers", lambda h: h."key" = {wanted})[-1]."value"'


def _key_bytes(window: KeyWindow) -> str:
    """The key's payload without the window behind it."""
    suffix = _WINDOW_BYTES[window.kind]
    return f'CASE WHEN octet_length("key") >= {suffix} THEN "key"[:-{suffix + 1}] END'


def _window_bounds(window: KeyWindow) -> tuple[str, str]:
    """SQL for the window's start and end, in ms, from the key's last bytes."""
    last = _big_endian('"key"[-8:]')
    if window.kind == "SESSION":
        return last, _big_endian('"key"[-16:-9]')
    return last, f"({last} + {window.size_ms})"


def _big_endian(blob: str) -> str:
    return f"CAST(('0x' || hex({blob})) AS BIGINT)"
