"""What a format is: how keys and values are written as bytes, over whole batches.

A format gives a `Decoder` for a source's key or value columns and an `Encoder` for a sink's. Both
work on relations in DuckDB, so that a format which DuckDB can express (JSON, DELIMITED, KAFKA)
becomes part of the fused statement, while one that needs Arrow or Python adds a column to the
batch first. Add a format: one module here that calls `FORMATS.add`.

Source: parity/semantics.md, formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from merganser.engine.duck import Duck
from merganser.engine.formats.batch import Batch
from merganser.engine.registry import Registry
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import SchemaBinding


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How one key or value is written, beyond its format.

    Attributes:
        wrapped: Whether a single column stands inside an object. Resolved: never the default.
        delimiter: DELIMITED's separator as the statement has it: one letter, TAB or SPACE.
        properties: Other WITH properties of the format, by name without KEY_ or VALUE_.
        binding: Where its schemas are, for formats with a schema registry.
    """

    wrapped: bool
    delimiter: str = ","
    properties: Mapping[str, str] = field(default_factory=dict)
    binding: SchemaBinding | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded payload, as SQL over the batch.

    Attributes:
        columns: Column name → SQL expression of the column's physical type. A NULL payload gives
            NULL everywhere. On failed rows the values mean nothing.
        failed: SQL predicate (never NULL) that is true for rows which do not decode; None if
            no row of this batch can fail or failed.
        null: SQL predicate (never NULL): the payload stands for a null record (NULL bytes, or what
            the format reads as null at the top level).
    """

    columns: Mapping[str, str]
    failed: str | None
    null: str


class Decoder(Protocol):
    """Decodes the key or the value of batches."""

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """How to read the BLOB `payload`, an SQL expression; may add columns to the batch."""
        ...

    def reason(self, payload: bytes) -> str:
        """Why a payload does not decode, for the processing log."""
        ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded payload, as SQL over `source` (same rows and order as the relation given)."""

    source: str
    payload: str


class Encoder(Protocol):
    """Encodes the key or the value of batches."""

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """The BLOB of each row of `source`, from SQL expressions of the columns by name.

        Rows that stand for a null record are not told from others: the caller replaces their
        payload by NULL.
        """
        ...


class Format(Protocol):
    """One way of writing keys and values."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> bool:
        """May be a key's format."""
        ...

    @property
    def value(self) -> bool:
        """May be a value's format."""
        ...

    @property
    def several_keys(self) -> bool:
        """May hold more than one key column."""
        ...

    @property
    def wraps(self) -> bool:
        """A single column may be wrapped in an object."""
        ...

    @property
    def unwraps(self) -> bool:
        """A single column may stand bare."""
        ...

    @property
    def wraps_by_default(self) -> bool:
        """What holds for a single value column if nothing is said (keys: bare if possible)."""
        ...

    @property
    def infers(self) -> bool:
        """Columns may come from a registry."""
        ...

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Raises UserError if the columns cannot be written."""
        ...

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> Decoder: ...

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> Encoder: ...


FORMATS: Registry[Format] = Registry(
    "format", "merganser.engine.formats", optional=("fastavro", "google", "msgpack")
)
FORMAT_EXTRAS = {
    "AVRO": "avro",
    "MSGPACK": "msgpack",
    "PROTOBUF": "protobuf",
    "PROTOBUF_NOSR": "protobuf",
}
"""What to install for a format whose library is optional."""
