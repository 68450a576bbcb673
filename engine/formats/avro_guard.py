"""A look at Avro records before fastavro reads them, for schemas with which bytes can hurt.

fastavro reads a type inside itself by C recursion, which a record of some kilobytes can drive
beyond the stack, and as many items as a list claims to have, which is endless if items take no
bytes. Records of such schemas are walked here first. Others are not: their depth is their schema's,
and their size bounds their items.
"""

from __future__ import annotations

from merganser.engine.formats.avro_schema import (
    AvroSchema,
    Node,
    fields_of,
    kind_of,
    part_of,
    takes_bytes,
)
from merganser.errors import DecodeError

DEPTH_MAX = 200
_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def is_risky(schema: AvroSchema, node: Node, inside: frozenset[str] = frozenset()) -> bool:
    """Whether a type is inside itself, or items of a list may take no bytes."""
    found = schema.resolve(node)
    if isinstance(found, list):
        return any(is_risky(schema, branch, inside) for branch in found)
    match kind_of(found):
        case "record":
            name = str(part_of(found, "name"))
            within = inside | {name}
            return name in inside or any(
                is_risky(schema, inner, within) for _, inner, _ in fields_of(found)
            )
        case "array":
            items = part_of(found, "items")
            return not takes_bytes(schema, items) or is_risky(schema, items, inside)
        case "map":
            return is_risky(schema, part_of(found, "values"), inside)
        case _:
            return False


def walk(schema: AvroSchema, payload: bytes, at: int) -> None:
    """Passes over a record.

    Raises:
        DecodeError: It ends early, is too deep, or has more items than bytes.
    """
    _Walk(schema, payload, at).value(schema.root, 0)


class _Walk:
    def __init__(self, schema: AvroSchema, payload: bytes, at: int) -> None:
        self._schema = schema
        self._payload = payload
        self._at = at

    def value(self, node: Node, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise DecodeError(f"the Avro record is more than {DEPTH_MAX} types deep")
        found = self._schema.resolve(node)
        if isinstance(found, list):
            index = self._long()
            if not 0 <= index < len(found):
                raise DecodeError("an Avro union has no such branch")
            self.value(found[index], depth + 1)
            return
        kind = kind_of(found)
        match kind:
            case "record":
                for _, inner, _ in fields_of(found):
                    self.value(inner, depth + 1)
            case "array":
                self._items(part_of(found, "items"), depth, keys=False)
            case "map":
                self._items(part_of(found, "values"), depth, keys=True)
            case "int" | "long" | "enum":
                self._long()
            case "string" | "bytes":
                self._skip(self._long())
            case "fixed":
                self._skip(int(str(part_of(found, "size"))))
            case _:
                self._skip(_SIZES[kind])

    def _items(self, node: Node, depth: int, *, keys: bool) -> None:
        while (count := self._long()) != 0:
            if count < 0:
                count = -count
                self._long()
            if count > len(self._payload):
                raise DecodeError("an Avro list claims more items than the record has bytes")
            for _ in range(count):
                if keys:
                    self._skip(self._long())
                self.value(node, depth + 1)

    def _skip(self, size: int) -> None:
        if not 0 <= size <= len(self._payload) - self._at:
            raise DecodeError("the Avro record ends early")
        self._at += size

    def _long(self) -> int:
        number, shift = 0, 0
        while self._at < len(self._payload):
            byte = self._payload[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise DecodeError("the Avro record ends early")
