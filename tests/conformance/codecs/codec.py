"""What a codec is: how a case's JSON becomes a record's bytes, and bytes something to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import SchemaBinding
from tests.conformance.cases import Json
from tests.conformance.compare import Comparable


class CodecError(Exception):
    """A case's JSON does not fit its format, or bytes are not what the format says."""


@dataclass(frozen=True, slots=True)
class Side:
    """The key or the value of a topic's records.

    Attributes:
        columns: Its columns, in order.
        wrapped: Whether a single column stands inside an object.
        properties: Further format properties, by name without KEY_ or VALUE_.
        binding: Where the schemas are, for formats with a registry.
    """

    topic: str
    is_key: bool
    columns: tuple[Column, ...]
    wrapped: bool
    properties: Mapping[str, str] = field(default_factory=dict)
    binding: SchemaBinding | None = None


class Codec(Protocol):
    """One format."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        """The bytes that a case's JSON stands for.

        Raises:
            CodecError: The JSON does not fit.
        """
        ...

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        """What is compared with a case's JSON.

        Raises:
            CodecError: The bytes are not in this format.
        """
        ...
