"""Rows of Avro records and back: fastavro's plain values ↔ values by SQL type.

Columns find the writer's fields by name, exact or upper-cased; what the writer lacks is NULL, what
SQL lacks is ignored. Types widen as ksqlDB widens them, and any scalar is read as STRING.
Source: parity/semantics.md, section 9.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

import fastavro

from merganser.engine.duck import physical_name
from merganser.engine.formats.avro_guard import is_risky, walk
from merganser.engine.formats.avro_schema import (
    AvroSchema,
    Node,
    branch_name,
    branches,
    decimal_of,
    entry_of,
    fields_of,
    kind_of,
    logical_of,
    part_of,
)
from merganser.engine.formats.exact import (
    TEMPORAL,
    Value,
    mismatch,
)
from merganser.engine.formats.java_values import decimal_bytes, scalar_string
from merganser.engine.formats.schema_format import (
    HEADER_BYTES,
    LazyWriterSchema,
    SchemaCache,
    header,
    row_type,
)
from merganser.engine.java_numbers import fit_decimal
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaBinding, SchemaKind
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import DecodeError, EncodeError

Read = Callable[[object], Value]
"""From fastavro's value, never None, to a value of the SQL type."""

Write = Callable[[Value], object]
"""From a value, maybe None, to what fastavro writes."""

_MALFORMED = (
    EOFError, IndexError, KeyError, OverflowError, TypeError, ValueError, MemoryError,
)  # fmt: skip
_INT_LIMIT = 2**31  # An Avro int has more bits only in bytes that no writer makes.
_TAKEN = {
    Kind.BOOLEAN: {"boolean"},
    Kind.INTEGER: {"int"},
    Kind.BIGINT: {"int", "long"},
    Kind.DOUBLE: {"float", "double"},
    Kind.STRING: {"boolean", "int", "long", "float", "double", "string", "enum"},
    Kind.BYTES: {"bytes", "fixed"},
    Kind.TIME: {"int"},
    Kind.DATE: {"int"},
    Kind.TIMESTAMP: {"long"},
}


class AvroRowReader:
    """Reads payloads, each by the schema that it names."""

    def __init__(self, columns: Sequence[Column], binding: SchemaBinding, *, wrapped: bool) -> None:
        self._columns = columns
        self._wrapped = wrapped
        self._schemas = SchemaCache(binding, SchemaKind.AVRO, self._prepare)

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order.

        Raises:
            DecodeError: The payload does not decode.
        """
        schema, convert, risky = self._schemas.of(payload)
        if risky:
            walk(schema, payload, HEADER_BYTES)
        stream = io.BytesIO(memoryview(payload)[HEADER_BYTES:])
        try:
            raw = fastavro.schemaless_reader(stream, cast("dict[str, object]", schema.bare), None)
        except _MALFORMED:
            raise DecodeError("the payload does not follow its Avro schema") from None
        return convert(raw)

    def _prepare(
        self, registered: RegisteredSchema
    ) -> tuple[AvroSchema, Callable[[object], Sequence[Value]], bool]:
        schema = AvroSchema.of(registered)
        risky = is_risky(schema, schema.root)
        if not self._wrapped:
            only = nullable(reader(schema, schema.root, self._columns[0].type))
            return schema, lambda raw: [only(raw)], risky
        struct = reader(schema, schema.root, row_type(self._columns))
        names = [physical_name(column.name) for column in self._columns]

        def convert(raw: object) -> Sequence[Value]:
            if raw is None:
                raise DecodeError("found null, expected a record")
            row = cast("dict[str, Value]", struct(raw))
            return [row[name] for name in names]

        return schema, convert, risky


def nullable(read: Read) -> Read:
    """The reading of a value that may be None."""
    return lambda raw: None if raw is None else read(raw)


def reader(schema: AvroSchema, node: Node, sql_type: SqlType) -> Read:
    """How values of a schema's node become values of a type.

    Raises:
        DecodeError: They cannot.
    """
    found = schema.resolve(node)
    kind = kind_of(found)
    if isinstance(found, list):
        left = branches(found)
        if len(left) == 1:
            return reader(schema, left[0], sql_type)
        return _union_reader(schema, left, sql_type)
    match sql_type:
        case ScalarType(scalar) if kind in _TAKEN.get(scalar, ()):
            return _scalar_reader(scalar)
        case DecimalType() if kind in ("bytes", "fixed") and logical_of(found) == "decimal":
            return _decimal_reader(decimal_of(found).scale, sql_type)
        case ArrayType(element) if kind == "array":
            items = nullable(reader(schema, part_of(found, "items"), element))
            return lambda raw: [items(item) for item in cast("list[object]", raw)]
        case MapType(_, element) if kind == "map":
            values = nullable(reader(schema, part_of(found, "values"), element))
            return lambda raw: [
                (key, values(item)) for key, item in cast("dict[str, object]", raw).items()
            ]
        case MapType(key_type, element) if kind == "array":
            entry = entry_of(schema, found)
            if entry is not None:
                return _entries_reader(
                    nullable(reader(schema, entry[0], key_type)),
                    nullable(reader(schema, entry[1], element)),
                )
        case StructType() if kind == "record":
            return _record_reader(schema, found, sql_type)
        case _:
            pass
    raise mismatch(f"Avro {kind}", sql_type)


def _scalar_reader(kind: Kind) -> Read:
    if kind is Kind.STRING:
        return scalar_string
    convert = TEMPORAL.get(kind)
    if convert is not None:
        return lambda raw: convert(cast("int", raw))
    if kind is Kind.DOUBLE:
        return lambda raw: float(cast("float", raw))
    if kind is Kind.INTEGER:
        return _integer
    return lambda raw: cast("Value", raw)


def _integer(raw: object) -> Value:
    number = cast("int", raw)
    if not -_INT_LIMIT <= number < _INT_LIMIT:
        raise DecodeError("the number does not fit INTEGER")
    return number


def _decimal_reader(scale: int, wanted: DecimalType) -> Read:
    def read(raw: object) -> Value:
        unscaled = int.from_bytes(cast("bytes", raw), "big", signed=True)
        digits = tuple(int(digit) for digit in str(abs(unscaled)))
        fitted = fit_decimal(Decimal((int(unscaled < 0), digits, -scale)), wanted)
        if fitted is None:
            raise DecodeError(f"the number does not fit {wanted.sql()} without rounding")
        return fitted

    return read


def _entries_reader(key: Read, value: Read) -> Read:
    def read(raw: object) -> Value:
        entries: dict[str, Value] = {}
        for entry in cast("list[dict[str, object]]", raw):
            name = key(entry["key"])
            if name is None:
                raise DecodeError("a MAP has an entry without key")
            entries[cast("str", name)] = value(entry["value"])
        return list(entries.items())

    return read


def _record_reader(schema: AvroSchema, record: Node, struct: StructType) -> Read:
    exact = {name: (name, node) for name, node, _ in fields_of(record)}
    upper = {name.upper(): found for name, found in exact.items()}
    plan: list[tuple[str, str | None, Read]] = []
    for item in struct.fields:
        found = exact.get(item.name) or upper.get(item.name)
        physical = physical_name(item.name)
        if found is None:
            plan.append((physical, None, lambda _raw: None))
        else:
            plan.append((physical, found[0], nullable(reader(schema, found[1], item.type))))

    def read(raw: object) -> Value:
        row = cast("dict[str, object]", raw)
        return {
            physical: read_field(row[name]) if name is not None else None
            for physical, name, read_field in plan
        }

    return read


def _union_reader(schema: AvroSchema, left: Sequence[Node], sql_type: SqlType) -> Read:
    """A wider union: a STRUCT with one field per branch, of which one is not NULL."""
    if not isinstance(sql_type, StructType):
        raise mismatch("an Avro union", sql_type)
    choices: list[tuple[set[type], str, Read]] = []
    for node in left:
        found = schema.resolve(node)
        name = branch_name(found)
        item = sql_type.field(name) or sql_type.field(name.upper())
        if item is not None:
            choices.append(
                (_PYTHON[kind_of(found)], physical_name(item.name), reader(schema, node, item.type))
            )
    names = [physical_name(item.name) for item in sql_type.fields]

    def read(raw: object) -> Value:
        row: dict[str, Value] = dict.fromkeys(names)
        for types, name, read_branch in choices:
            if type(raw) in types:
                row[name] = read_branch(raw)
                break
        return row

    return read


_PYTHON: dict[str, set[type]] = {
    "boolean": {bool}, "int": {int}, "long": {int}, "float": {float}, "double": {float},
    "string": {str}, "enum": {str}, "bytes": {bytes}, "fixed": {bytes}, "array": {list},
    "map": {dict}, "record": {dict},
}  # fmt: skip


# ------------------------------------------------------------------ writing


class AvroRowWriter:
    """Writes rows by a schema of the registry."""

    def __init__(
        self, columns: Sequence[Column], schema: LazyWriterSchema, *, wrapped: bool
    ) -> None:
        self._columns = columns
        self._schema = schema
        self._wrapped = wrapped
        self._prepared: tuple[bytes, AvroSchema, Write] | None = None
        self._names = [physical_name(column.name) for column in columns]

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of a row.

        Raises:
            EncodeError: The schema does not take it.
        """
        start, schema, convert = self._prepared or self._prepare()
        value: Value = dict(zip(self._names, row, strict=True)) if self._wrapped else row[0]
        stream = io.BytesIO()
        stream.write(start)
        try:
            fastavro.schemaless_writer(
                stream, cast("dict[str, object]", schema.bare), convert(value)
            )
        except _MALFORMED:
            raise EncodeError("the Avro schema does not take the row") from None
        return stream.getvalue()

    def _prepare(self) -> tuple[bytes, AvroSchema, Write]:
        registered = self._schema.get()
        schema = AvroSchema.of(registered)
        wanted = row_type(self._columns) if self._wrapped else self._columns[0].type
        convert = writer(schema, schema.root, wanted)
        self._prepared = header(registered.schema_id), schema, convert
        return self._prepared


def writer(schema: AvroSchema, node: Node, sql_type: SqlType) -> Write:
    """How values of a type become values of a schema's node.

    Raises:
        EncodeError: They cannot.
    """
    found = schema.resolve(node)
    if isinstance(found, list):
        return _union_writer(schema, found, sql_type)
    write = _present_writer(schema, found, sql_type)

    def required(value: Value) -> object:
        if value is None:
            raise EncodeError(f"the Avro schema does not take NULL as {kind_of(found)}")
        return write(value)

    return required


def _union_writer(schema: AvroSchema, union: list[Node], sql_type: SqlType) -> Write:
    left = branches(union)
    if len(left) == 1 or not isinstance(sql_type, StructType):
        write = writer(schema, left[0], sql_type)
        return write if "null" not in union else lambda v: None if v is None else write(v)
    choices = []
    for node in left:
        name = branch_name(schema.resolve(node))
        item = sql_type.field(name) or sql_type.field(name.upper())
        if item is not None:
            choices.append((physical_name(item.name), writer(schema, node, item.type)))

    def write_branch(value: Value) -> object:
        row = cast("dict[str, Value]", value or {})
        for name, write_choice in choices:
            if row.get(name) is not None:
                return write_choice(row[name])
        return None

    return write_branch


def _present_writer(schema: AvroSchema, found: Node, sql_type: SqlType) -> Write:
    kind = kind_of(found)
    match sql_type:
        case ScalarType(Kind.TIME | Kind.TIMESTAMP):
            return lambda value: cast("int", value) // 1000
        case ScalarType():
            return lambda value: value
        case DecimalType():
            scale = decimal_of(found).scale if isinstance(found, dict) else sql_type.scale
            return lambda value: decimal_bytes(Decimal(cast("Decimal", value)), scale)
        case ArrayType(element) if kind == "array":
            items = writer(schema, part_of(found, "items"), element)
            return lambda value: [items(item) for item in cast("list[Value]", value)]
        case MapType(_, element) if kind == "map":
            values = writer(schema, part_of(found, "values"), element)
            return lambda value: {
                key: values(item) for key, item in cast("list[tuple[str, Value]]", value)
            }
        case MapType(_, element) if kind == "array" and (entry := entry_of(schema, found)):
            values = writer(schema, entry[1], element)
            return lambda value: [
                {"key": key, "value": values(item)}
                for key, item in cast("list[tuple[str, Value]]", value)
            ]
        case StructType() if kind == "record":
            return _record_writer(schema, found, sql_type)
        case _:
            raise EncodeError(f"cannot write {sql_type.sql()} as Avro {kind}")


def _record_writer(schema: AvroSchema, record: Node, struct: StructType) -> Write:
    by_upper = {item.name.upper(): item for item in struct.fields}
    plan = []
    for name, node, has_default in fields_of(record):
        item = struct.field(name) or by_upper.get(name.upper())
        if item is not None:
            plan.append((name, physical_name(item.name), writer(schema, node, item.type)))
        elif not has_default:
            raise EncodeError(f"no column for field {name} of the Avro schema, and no default")

    def write(value: Value) -> object:
        row = cast("dict[str, Value]", value)
        return {name: write_field(row[physical]) for name, physical, write_field in plan}

    return write
