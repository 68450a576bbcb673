"""JSON_SR: JSON that fits the topic's schema, behind its id."""

from __future__ import annotations

import base64
import math
from decimal import Decimal

from merganser.engine.formats.json_schema import JsonSchema
from merganser.engine.schema import Column
from merganser.engine.types import BYTES
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import Side
from tests.conformance.codecs.framing import frame, latest_schema, unframe
from tests.conformance.codecs.json_text import JsonCodec, json_text
from tests.conformance.codecs.typed import fitted, record_type
from tests.conformance.compare import Comparable, java_special


class JsonSrCodec:
    """Confluent's wire format."""

    def __init__(self) -> None:
        self._json = JsonCodec()

    def encode(self, value: Json, side: Side) -> bytes | None:
        if value is None:
            return None
        schema = latest_schema(side)
        wanted = JsonSchema(schema).type() or record_type(side.columns)
        return frame(schema, json_text(_as_json(fitted(value, wanted))).encode())

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        _, rest = unframe(payload, side)
        value = self._json.decode(rest, side)
        if len(side.columns) == 1 and not side.wrapped:
            return _with_bytes(value, side.columns[0])
        if isinstance(value, dict):
            columns = {column.name: column for column in side.columns}
            return {
                name: _with_bytes(item, columns[name]) if name in columns else item
                for name, item in value.items()
            }
        return value


def _with_bytes(value: Comparable, column: Column) -> Comparable:
    """A BYTES column as bytes, so that empty ones count as null."""
    if column.type == BYTES and isinstance(value, str):
        return base64.b64decode(value)
    return value


def _as_json(value: Comparable) -> Json:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float():
            return Decimal(repr(value)) if math.isfinite(value) else java_special(value)
        case list():
            return [_as_json(item) for item in value]
        case dict():
            return {name: _as_json(item) for name, item in value.items()}
        case _:
            return value
