"""Random rows, schemas and payloads of Avro and Protobuf, from a seed; and payloads gone wrong."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from decimal import Decimal

import fastavro
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from merganser.engine.duck import physical_name
from merganser.engine.formats.proto_schema import is_repeated, message_class
from merganser.engine.schema import Column
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)

SCALARS: Sequence[SqlType] = (
    BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, TIME, DATE, TIMESTAMP,
    DecimalType(9, 2), DecimalType(38, 10),
)  # fmt: skip
TEXTS = ("", "a", "ünï", "x" * 200, "😀", "0")


class Maker:
    """Makes random things, the same ones for a seed.

    Args:
        seed: Which ones.
        in_protobuf: Whether they are for Protobuf, which has no NULL, array or map right inside an
            array or map.
    """

    def __init__(self, seed: int, *, in_protobuf: bool = False) -> None:
        self._in_protobuf = in_protobuf
        self.random = random.Random(seed)  # noqa: S311 - test data

    def sql_type(self, depth: int = 2) -> SqlType:
        """A type."""
        if depth == 0 or self.random.random() < 0.6:
            return self.random.choice(SCALARS)
        match self.random.randrange(3):
            case 0:
                return ArrayType(self._inner(depth))
            case 1:
                return MapType(STRING, self._inner(depth))
            case _:
                count = self.random.randrange(1, 4)
                return StructType(
                    tuple(StructField(f"F{n}", self.sql_type(depth - 1)) for n in range(count))
                )

    def _inner(self, depth: int) -> SqlType:
        found = self.sql_type(depth - 1)
        if self._in_protobuf and isinstance(found, ArrayType | MapType):
            return StructType((StructField("A", found),))
        return found

    def columns(self) -> list[Column]:
        """One to six columns."""
        count = self.random.randrange(1, 7)
        return [Column(f"C{n}", self.sql_type()) for n in range(count)]

    def value(self, sql_type: SqlType, *, inside: bool = False) -> object:
        """A value, now and then None."""
        if not (inside and self._in_protobuf) and self.random.random() < 0.15:
            return None
        match sql_type:
            case ArrayType(element):
                return [
                    self.value(element, inside=True)
                    for _ in range(self.random.choice((0, 1, 2, 5)))
                ]
            case MapType(_, element):
                keys = self.random.sample(TEXTS, self.random.choice((0, 1, 3)))
                return [(key, self.value(element, inside=True)) for key in keys]
            case StructType(fields):
                return {physical_name(f.name): self.value(f.type) for f in fields}
            case DecimalType(precision, scale):
                digits = self.random.randrange(10 ** self.random.randrange(1, precision + 1))
                return Decimal(self.random.choice((1, -1)) * digits).scaleb(-scale)
            case _:
                return self._scalar(sql_type)

    def _scalar(self, sql_type: SqlType) -> object:
        pick = self.random.choice
        if sql_type == BOOLEAN:
            return pick((True, False))
        if sql_type == INTEGER:
            return pick((0, 1, -1, 63, 64, 300, 2**31 - 1, -(2**31)))
        if sql_type == BIGINT:
            return pick((0, -1, 2**14, 1_700_000_000_000, 2**62, 2**63 - 1, -(2**63)))
        if sql_type == DOUBLE:
            return pick((0.0, -0.0, 1.5, -1e300, 5e-324, float("inf")))
        if sql_type == STRING:
            return pick(TEXTS)
        if sql_type == BYTES:
            return pick((b"", b"\xff\x00", b"abc" * 50))
        if sql_type == TIME:
            return pick((0, 1_000, 86_399_999_000))
        if sql_type == DATE:
            return pick((0, -1, 18_321))
        return pick((0, -1_000, 1_582_934_399_999_000))

    def avro(self, schema: str, count: int) -> list[bytes]:
        """Records of a schema, without header."""
        parsed = fastavro.parse_schema(json.loads(schema))
        found = []
        for _ in range(count):
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, parsed, self._datum(json.loads(schema)))
            found.append(stream.getvalue())
        return found

    def _datum(self, node: object) -> object:
        if isinstance(node, list):
            return self._datum(self.random.choice(node))
        if isinstance(node, str):
            return self._primitive(node)
        assert isinstance(node, dict)
        count = self.random.choice((0, 1, 2, 4))
        match node["type"]:
            case "record":
                return {field["name"]: self._datum(field["type"]) for field in node["fields"]}
            case "array":
                return [self._datum(node["items"]) for _ in range(count)]
            case "map":
                keys = self.random.sample(TEXTS, count)
                return {key: self._datum(node["values"]) for key in keys}
            case "enum":
                return self.random.choice(node["symbols"])
            case "fixed":
                return self.random.randbytes(node["size"])
            case other:
                return self._primitive(other) if isinstance(other, str) else self._datum(other)

    def _primitive(self, name: str) -> object:
        types = {
            "int": INTEGER, "long": BIGINT, "string": STRING, "bytes": BYTES, "double": DOUBLE,
            "boolean": BOOLEAN,
        }  # fmt: skip
        if name == "null":
            return None
        return 1.5 if name == "float" else self._scalar(types[name])

    def message(self, descriptor: Descriptor) -> bytes:
        """A message with some of its fields set."""
        message = message_class(descriptor)()
        self._fill(message, descriptor, 3)
        return message.SerializeToString(deterministic=True)

    def _fill(self, message: object, descriptor: Descriptor, depth: int) -> None:
        for field in descriptor.fields:
            if self.random.random() < 0.3 or (field.message_type is not None and depth == 0):
                continue
            inner = field.message_type
            held = getattr(message, field.name)
            count = self.random.choice((0, 1, 2, 5))
            if inner is not None and inner.GetOptions().map_entry:
                for key in self.random.sample(TEXTS, count):
                    if inner.fields_by_name["value"].message_type is not None:
                        self._fill(held[key], inner.fields_by_name["value"].message_type, depth - 1)
                    else:
                        held[key] = self._field(inner.fields_by_name["value"])
            elif is_repeated(field):
                for _ in range(count):
                    if inner is not None:
                        self._fill(held.add(), inner, depth - 1)
                    else:
                        held.append(self._field(field))
            elif inner is not None:
                held.SetInParent()
                self._fill(held, inner, depth - 1)
            else:
                setattr(message, field.name, self._field(field))

    def _field(self, field: FieldDescriptor) -> object:
        if field.enum_type is not None:
            return self.random.choice([value.number for value in field.enum_type.values])
        if field.type == FieldDescriptor.TYPE_STRING:
            return self._scalar(STRING)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self._scalar(BYTES)
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_BOOL:
                return self._scalar(BOOLEAN)
            case FieldDescriptor.CPPTYPE_FLOAT:
                return 1.5
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return self._scalar(DOUBLE)
            case FieldDescriptor.CPPTYPE_INT32:
                return self._scalar(INTEGER)
            case FieldDescriptor.CPPTYPE_INT64:
                return self._scalar(BIGINT)
            case _:
                return self.random.choice((0, 1, 2**31, 2**32 - 1))

    def mutated(self, payload: bytes) -> bytes:
        """The payload after an accident: cut, grown, a byte changed, removed or put in."""
        found = bytearray(payload)
        for _ in range(self.random.randrange(1, 3)):
            at = self.random.randrange(len(found) + 1)
            odd = self.random.choice((0, 1, 2, 0x7F, 0x80, 0xFF, self.random.randrange(256)))
            match self.random.randrange(5):
                case 0:
                    del found[at:]
                case 1:
                    found += bytes([odd])
                case 2 if at < len(found):
                    found[at] = odd
                case 3 if at < len(found):
                    del found[at]
                case _:
                    found[at:at] = bytes([odd])
        return bytes(found)
