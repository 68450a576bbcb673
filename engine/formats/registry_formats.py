"""The formats that need generated or registered schemas, by name only: this build cannot run them.

They stand in the table so that a statement is told that the format is not supported, and so that
the rules about keys and wrapping, which hold before any record is read, are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merganser.engine.formats.format import FORMATS, Decoder, Encoder, FormatOptions
from merganser.engine.schema import Column
from merganser.errors import UnsupportedError


@dataclass(frozen=True, slots=True)
class UnsupportedFormat:
    """A format of the language that this build cannot read or write."""

    name: str
    infers: bool = True
    unwraps: bool = True
    key: bool = True
    value: bool = True
    several_keys: bool = True
    wraps: bool = True
    wraps_by_default: bool = True

    def _error(self) -> UnsupportedError:
        return UnsupportedError(
            f"the {self.name} format is not supported yet",
            hint="Use JSON, DELIMITED or KAFKA.",
        )

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses everything."""
        raise self._error()

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> Decoder:
        raise self._error()

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> Encoder:
        raise self._error()


FORMATS.add("PROTOBUF", UnsupportedFormat("PROTOBUF", unwraps=False))
FORMATS.add("PROTOBUF_NOSR", UnsupportedFormat("PROTOBUF_NOSR", infers=False))
