"""The schema id before a payload, and the registry behind it."""

from __future__ import annotations

import struct

from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaBinding
from tests.conformance.codecs.codec import CodecError, Side

_HEADER = struct.Struct(">bi")


def _binding(side: Side) -> SchemaBinding:
    if side.binding is None:
        raise CodecError(f"the source on {side.topic} has no schemas")
    return side.binding


def latest_schema(side: Side) -> RegisteredSchema:
    """The newest schema of the topic's key or value.

    Raises:
        CodecError: There is none.
    """
    binding = _binding(side)
    found = binding.registry.latest(binding.subject)
    if found is None:
        raise CodecError(f"no schema for {binding.subject}")
    return found


def frame(schema: RegisteredSchema, payload: bytes) -> bytes:
    """The payload behind the schema's id."""
    return _HEADER.pack(0, schema.schema_id) + payload


def unframe(payload: bytes, side: Side) -> tuple[RegisteredSchema, bytes]:
    """The schema of a payload, and what follows its id.

    Raises:
        CodecError: There is no such schema.
    """
    if len(payload) < _HEADER.size:
        raise CodecError(f"no schema id: {payload!r}")
    magic, schema_id = _HEADER.unpack_from(payload)
    found = _binding(side).registry.by_id(schema_id)
    if magic != 0 or found is None:
        raise CodecError(f"no schema with id {schema_id}: {payload[:20]!r}")
    return found, payload[_HEADER.size :]
