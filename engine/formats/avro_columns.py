"""Avro records of a whole batch, field by field of the writer's schema.

Reads what `avro_rows` reads, and is held against it by tests. Wider unions, text of fractions and
changes of a decimal's scale are left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from merganser.engine.duck import arrow_type
from merganser.engine.formats import column_values as values
from merganser.engine.formats.avro_schema import (
    AvroSchema,
    Node,
    branches,
    decimal_of,
    entry_of,
    fields_of,
    kind_of,
    logical_of,
    part_of,
    takes_bytes,
)
from merganser.engine.formats.column_values import OddSchemaError
from merganser.engine.formats.columnar import ReadColumns
from merganser.engine.formats.cursors import Cursors, Longs, Mask, blobs
from merganser.engine.formats.schema_format import (
    HEADER_BYTES,
    SchemaCache,
    row_type,
    schema_id_of,
)
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaBinding, SchemaKind
from merganser.engine.types import (
    STRING,
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)

Read = Callable[[Cursors, Mask], pa.Array]
"""Reads a value of every row that has it."""

Skip = Callable[[Cursors, Mask], None]

ITEMS_MAX = 1024  # Each item of a row costs a round over all rows; longer lists are read exactly.
_BINARY = {"string", "bytes"}


class AvroFrames:
    """Which schema payloads have, and how theirs are read."""

    start = b"\0"

    def __init__(self, columns: Sequence[Column], binding: SchemaBinding, *, wrapped: bool) -> None:
        self._columns = columns
        self._wrapped = wrapped
        self._schemas = SchemaCache(binding, SchemaKind.AVRO, self._prepare)

    def prefix_bytes(self, payload: bytes) -> int:
        """The header's length."""
        schema_id_of(payload)
        return HEADER_BYTES

    def reader(self, payload: bytes) -> ReadColumns | None:
        """How payloads with this one's schema are read; None: one by one."""
        return self._schemas.of(payload)

    def _prepare(self, registered: RegisteredSchema) -> ReadColumns | None:
        schema = AvroSchema.of(registered)
        try:
            if self._wrapped:
                return record_reader(schema, row_type(self._columns))
            only = reader(schema, schema.root, self._columns[0].type)
        except OddSchemaError:
            return None
        return lambda cursors: [only(cursors, None)]


def record_reader(schema: AvroSchema, struct: StructType) -> ReadColumns:
    """How records of a schema become columns, in the struct's order.

    Raises:
        OddSchemaError: They are read one by one.
    """
    root = schema.resolve(schema.root)
    if kind_of(root) != "record":
        raise OddSchemaError
    read = _fields(schema, root, struct, ())
    return lambda cursors: read(cursors, None)


def reader(schema: AvroSchema, node: Node, sql_type: SqlType, inside: tuple[str, ...] = ()) -> Read:
    """How values of a node become a column.

    Raises:
        OddSchemaError: They are read one by one.
    """
    found = schema.resolve(node)
    if isinstance(found, list):
        return _union_reader(schema, found, sql_type, inside)
    kind = kind_of(found)
    match sql_type:
        case ScalarType(scalar):
            return _scalar_reader(found, scalar)
        case DecimalType() if kind in ("bytes", "fixed") and logical_of(found) == "decimal":
            if decimal_of(found).scale != sql_type.scale or sql_type.precision > 38:
                raise OddSchemaError
            span = _span_reader(found)
            return lambda c, on: values.decimals(c, span(c, on), sql_type, on)
        case ArrayType(element) if kind == "array":
            return _array_reader(schema, found, element, inside)
        case MapType(key, element):
            return _map_reader(schema, found, (key, element), inside)
        case StructType() if kind == "record":
            fields = _fields(schema, found, sql_type, inside)
            kind_found = arrow_type(sql_type)
            return lambda c, on: values.structs(fields(c, on), kind_found, on, len(c))
        case _:
            raise OddSchemaError


def _union_reader(
    schema: AvroSchema, union: list[Node], sql_type: SqlType, inside: tuple[str, ...]
) -> Read:
    left = branches(union)
    if len(left) != 1 or len(union) > 2:
        raise OddSchemaError
    wanted = union.index(left[0])
    read = reader(schema, left[0], sql_type, inside)
    return lambda c, on: read(c, _branch(c, on, wanted, len(union)))


def _branch(cursors: Cursors, on: Mask, wanted: int, count: int) -> Mask:
    """The rows whose union is at a branch."""
    found = cursors.zigzags(on)
    cursors.doubt((found < 0) | (found >= count), on)
    present = found == wanted
    if on is not None:
        present &= on
    return None if present.all() else present


def _scalar_reader(found: Node, scalar: Kind) -> Read:
    kind = kind_of(found)
    convert = values.FROM_LONGS.get(scalar)
    if kind == "string" and scalar is Kind.STRING:
        span = _span_reader(found)
        return lambda c, on: values.strings(c, *span(c, on), on)
    if kind in ("bytes", "fixed") and scalar is Kind.BYTES:
        span = _span_reader(found)
        return lambda c, on: blobs(c.data, *span(c, on), on)
    if kind == "enum" and scalar is Kind.STRING:
        return _enum_reader(found)
    if convert is not None and kind == ("long" if scalar is Kind.TIMESTAMP else "int"):
        return lambda c, on: convert(c, c.zigzags(on), on)
    if kind == "long" and scalar is Kind.BIGINT:
        return lambda c, on: values.bigints(c, c.zigzags(on), on)
    if kind == "double" and scalar is Kind.DOUBLE:
        return lambda c, on: values.numbers(c.fixed(np.float64, on), on)
    if kind == "float" and scalar is Kind.DOUBLE:
        return lambda c, on: values.numbers(c.fixed(np.float32, on).astype(np.float64), on)
    if kind == "boolean" and scalar is Kind.BOOLEAN:
        return _boolean
    if kind in ("int", "long") and scalar is Kind.STRING:
        return lambda c, on: values.numbers(c.zigzags(on), on).cast(pa.string())
    raise OddSchemaError


def _boolean(cursors: Cursors, on: Mask) -> pa.Array:
    found = cursors.bytes(on)
    cursors.doubt(found > 1, on)
    return values.numbers(found == 1, on)


def _enum_reader(found: Node) -> Read:
    symbols = pa.array(part_of(found, "symbols"), pa.string())

    def read(cursors: Cursors, on: Mask) -> pa.Array:
        index = cursors.zigzags(on)
        wrong = (index < 0) | (index >= len(symbols))
        cursors.doubt(wrong, on)
        return symbols.take(values.numbers(np.where(wrong, 0, index), on))

    return read


def _span_reader(found: Node) -> Callable[[Cursors, Mask], tuple[Longs, Longs]]:
    if kind_of(found) in _BINARY:
        return lambda c, on: c.spans(c.zigzags(on), on)
    size = int(str(part_of(found, "size")))
    return lambda c, on: c.spans(np.full(len(c), size, np.int64), on)


def _fields(
    schema: AvroSchema, record: Node, struct: StructType, inside: tuple[str, ...]
) -> Callable[[Cursors, Mask], list[pa.Array]]:
    name = str(part_of(record, "name"))
    if name in inside:
        raise OddSchemaError
    within = (*inside, name)
    nodes = {field: node for field, node, _ in fields_of(record)}
    upper = {field.upper(): field for field in nodes}
    places: dict[str, int] = {}
    for index, item in enumerate(struct.fields):
        field = item.name if item.name in nodes else upper.get(item.name)
        if field in places:
            raise OddSchemaError
        if field is not None:
            places[field] = index
    kinds = [arrow_type(item.type) for item in struct.fields]
    steps: list[tuple[int, Read] | Skip] = [
        (places[field], reader(schema, node, struct.fields[places[field]].type, within))
        if field in places
        else skipper(schema, node, within)
        for field, node in nodes.items()
    ]

    def read(cursors: Cursors, on: Mask) -> list[pa.Array]:
        found: list[pa.Array | None] = [None] * len(kinds)
        for step in steps:
            if isinstance(step, tuple):
                found[step[0]] = step[1](cursors, on)
            else:
                step(cursors, on)
        return [
            pa.nulls(len(cursors), kind) if column is None else column
            for column, kind in zip(found, kinds, strict=True)
        ]

    return read


# ------------------------------------------------------------------ arrays and maps


def _items(
    cursors: Cursors, on: Mask, read: Callable[[Cursors], None]
) -> tuple[npt.NDArray[np.int32], list[Longs]]:
    """Reads one block of items: where each row's begin, and the rows of each round."""
    counts = cursors.zigzags(on)
    wrong = (counts < 0) | (counts > np.minimum(cursors.end - cursors.at, ITEMS_MAX))
    cursors.doubt(wrong, on)
    counts = np.where(wrong, 0, counts)
    if on is not None:
        counts = counts * on
    rows = np.flatnonzero(counts)
    part, left = cursors.some(rows), counts[rows]
    places: list[Longs] = []
    for number in range(int(left.max()) if len(left) else 0):
        going = np.flatnonzero(left > number)
        one = part.some(going)
        read(one)
        part.join(going, one)
        places.append(rows[going])
    part.doubt(part.zigzags() != 0)  # Another block.
    cursors.join(rows, part)
    return values.offsets_of(counts), places


def _array_reader(
    schema: AvroSchema, array: Node, element: SqlType, inside: tuple[str, ...]
) -> Read:
    items = part_of(array, "items")
    _check_size(schema, items)
    read_item, kind = reader(schema, items, element, inside), arrow_type(element)

    def read(cursors: Cursors, on: Mask) -> pa.Array:
        pieces: list[pa.Array] = []
        offsets, places = _items(cursors, on, lambda c: pieces.append(read_item(c, None)))
        return values.lists(offsets, values.gathered(pieces, places, kind), on)

    return read


def _map_reader(
    schema: AvroSchema, found: Node, types: tuple[SqlType, SqlType], inside: tuple[str, ...]
) -> Read:
    if kind_of(found) == "map":
        span = _span_reader("string")
        nodes: tuple[Read, Node] = (
            lambda c, on: values.strings(c, *span(c, on), on),
            part_of(found, "values"),
        )
    elif kind_of(found) == "array" and (entry := entry_of(schema, found)):
        names = [name for name, _, _ in fields_of(schema.resolve(part_of(found, "items")))]
        if names != ["key", "value"] or types[0] != STRING:
            raise OddSchemaError
        nodes = reader(schema, entry[0], types[0], inside), entry[1]
    else:
        raise OddSchemaError
    read_key, read_value = nodes[0], reader(schema, nodes[1], types[1], inside)
    kinds = arrow_type(types[0]), arrow_type(types[1])

    def read(cursors: Cursors, on: Mask) -> pa.Array:
        keys: list[pa.Array] = []
        items: list[pa.Array] = []

        def entry(one: Cursors) -> None:
            keys.append(read_key(one, None))
            items.append(read_value(one, None))

        offsets, places = _items(cursors, on, entry)
        found_keys = values.gathered(keys, places, kinds[0])
        return values.maps(
            cursors, offsets, (found_keys, values.gathered(items, places, kinds[1])), on
        )

    return read


def _check_size(schema: AvroSchema, items: Node) -> None:
    """Refuses items that may take no bytes: nothing would bound their number."""
    if not takes_bytes(schema, items):
        raise OddSchemaError


# ------------------------------------------------------------------ what no column wants


def skipper(schema: AvroSchema, node: Node, inside: tuple[str, ...]) -> Skip:
    """Passes over values of a node.

    Raises:
        OddSchemaError: It is in itself.
    """
    found = schema.resolve(node)
    if isinstance(found, list):
        choices = [skipper(schema, branch, inside) for branch in found]

        def skip_union(cursors: Cursors, on: Mask) -> None:
            index = cursors.zigzags(on)
            cursors.doubt((index < 0) | (index >= len(choices)), on)
            for number, skip in enumerate(choices):
                chosen = (index == number) if on is None else (index == number) & on
                skip(cursors, chosen)

        return skip_union
    match kind_of(found):
        case "null":
            return lambda _cursors, _on: None
        case "boolean":
            return lambda c, on: c.doubt(c.bytes(on) > 1, on)
        case "int" | "long":
            return lambda c, on: _ignore(c.varints(on))
        case "float" | "double" as kind:
            size = 4 if kind == "float" else 8
            return lambda c, on: c.skip(size, on)
        case "record":
            return _record_skipper(schema, found, inside)
        case "array" | "map":
            return _list_skipper(schema, found, inside)
        case "string":
            text = reader(schema, found, STRING)
            return lambda c, on: _ignore(text(c, on))
        case "enum":
            symbol = _enum_reader(found)
            return lambda c, on: _ignore(symbol(c, on))
        case _:
            span = _span_reader(found)
            return lambda c, on: _ignore(span(c, on))


def _ignore(_found: object) -> None:
    """What was read only to be passed over, with its checks."""


def _record_skipper(schema: AvroSchema, record: Node, inside: tuple[str, ...]) -> Skip:
    fields = _fields(schema, record, StructType(()), inside)
    return lambda c, on: _ignore(fields(c, on))


def _list_skipper(schema: AvroSchema, found: Node, inside: tuple[str, ...]) -> Skip:
    is_map = kind_of(found) == "map"
    items = part_of(found, "values" if is_map else "items")
    if not is_map:
        _check_size(schema, items)
    skip_item = skipper(schema, items, inside)
    skip_key = skipper(schema, "string", inside)

    def entry(one: Cursors) -> None:
        if is_map:
            skip_key(one, None)
        skip_item(one, None)

    return lambda c, on: _ignore(_items(c, on, entry))
