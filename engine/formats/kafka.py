"""KAFKA: one column as Kafka's own serializers write it.

INTEGER 4 and BIGINT 8 bytes, big-endian; DOUBLE 8 bytes, IEEE 754, big-endian; STRING as UTF-8;
BYTES as they are. A NULL is a null record, and no coercion takes place.
Source: parity/semantics.md, section 9 (KAFKA).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merganser.engine.duck import Duck
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.exact import utf8
from merganser.engine.formats.format import FORMATS, Decoded, Encoded, FormatOptions
from merganser.engine.schema import Column
from merganser.engine.types import Kind, ScalarType
from merganser.errors import DecodeError, InternalError, KeyRuleError, TypeMismatchError

_SIZES_BYTES = {Kind.INTEGER: 4, Kind.BIGINT: 8, Kind.DOUBLE: 8}
_KINDS = (*_SIZES_BYTES, Kind.STRING, Kind.BYTES)


def _kind(column: Column) -> Kind | None:
    match column.type:
        case ScalarType(kind) if kind in _KINDS:
            return kind
        case _:
            return None


class KafkaFormat:
    """One column in Kafka's own binary form."""

    name = "KAFKA"
    key = True
    value = True
    several_keys = False
    wraps = False
    unwraps = True
    wraps_by_default = False
    infers = False

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses more than one column, and types that Kafka has no serializer for."""
        del options
        if len(columns) > 1:
            part = "key" if is_key else "value"
            message = f"the KAFKA format takes one {part} column, found {len(columns)}"
            raise KeyRuleError(message) if is_key else TypeMismatchError(message)
        for column in columns:
            if _kind(column) is None:
                raise TypeMismatchError(
                    f"the KAFKA format does not support type {column.type.sql()}",
                    detail=f"Column `{column.name}` has it.",
                    hint=f"The format takes {', '.join(kind.value for kind in _KINDS)}.",
                )

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> KafkaDecoder:
        del options, is_key
        return KafkaDecoder(columns)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> KafkaEncoder:
        del options, is_key
        return KafkaEncoder(columns)


class KafkaDecoder:
    """Reads the column in SQL alone, as part of the statement around it."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """Any length but the type's fails, as do bytes that are not UTF-8 for STRING."""
        del batch
        null = f"{payload} IS NULL"
        if not self._columns:
            return Decoded({}, failed=None, null=null)
        column = self._columns[0]
        match _kind(column):
            case Kind.STRING:
                value = f"TRY(decode({payload}))"
                failed = f"({value} IS NULL AND {payload} IS NOT NULL)"
            case Kind.BYTES:
                return Decoded({column.name: payload}, failed=None, null=null)
            case Kind.INTEGER | Kind.BIGINT | Kind.DOUBLE as kind:
                fits = f"octet_length({payload}) = {_SIZES_BYTES[kind]}"
                bits = f"TRY_CAST({payload} AS BIT)"
                value = f"CASE WHEN {fits} THEN TRY_CAST({bits} AS {kind.value}) END"
                failed = f"coalesce(NOT {fits}, FALSE)"
            case _:
                raise InternalError(f"the KAFKA format was given {column.type.sql()}")
        return Decoded({column.name: value}, failed, null)

    def reason(self, payload: bytes) -> str:
        """The length that was found, or where the bytes stop being UTF-8."""
        if not self._columns:
            return "the record has no columns"
        kind = _kind(self._columns[0])
        if (size := _SIZES_BYTES.get(kind) if kind else None) is not None:
            assert kind is not None
            return f"{kind.value} takes {size} bytes, found {len(payload)}"
        try:
            utf8(payload)
        except DecodeError as error:
            return error.message
        return "the payload decodes"


class KafkaEncoder:
    """Writes the column in SQL alone."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """NULL gives NULL."""
        del duck
        if not self._columns:
            return Encoded(source, "NULL::BLOB")
        column = self._columns[0]
        value = columns[column.name]
        match _kind(column):
            case Kind.STRING:
                return Encoded(source, f"encode({value})")
            case Kind.BYTES:
                return Encoded(source, value)
            case Kind.INTEGER | Kind.BIGINT | Kind.DOUBLE as kind:
                typed = f"CAST({value} AS {kind.value})"
                return Encoded(source, f"CAST(CAST({typed} AS BIT) AS BLOB)")
            case _:
                raise InternalError(f"the KAFKA format was given {column.type.sql()}")


FORMATS.add("KAFKA", KafkaFormat())
