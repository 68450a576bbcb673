"""NONE: the format of keys that are not there. What a topic's keys hold is ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merganser.engine.duck import Duck
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import FORMATS, Decoded, Encoded, FormatOptions
from merganser.engine.schema import Column
from merganser.errors import KeyRuleError, UnsupportedError


class NoneFormat:
    """The format of a key without columns."""

    name = "NONE"
    key = True
    value = False
    several_keys = False
    wraps = False
    unwraps = False
    wraps_by_default = False
    infers = False

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses any column, and values at all."""
        del options
        if not is_key:
            raise UnsupportedError("the NONE format can only be a key's")
        if columns:
            raise KeyRuleError("the NONE format takes no key columns")

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> NoneDecoder:
        del columns, options, is_key
        return NoneDecoder()

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> NoneEncoder:
        del columns, options, is_key
        return NoneEncoder()


class NoneDecoder:
    """Reads nothing."""

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """No columns; every record's key is null."""
        del batch, payload
        return Decoded({}, failed=None, null="TRUE")

    def reason(self, payload: bytes) -> str:
        """Nothing fails."""
        del payload
        return "the NONE format reads nothing"


class NoneEncoder:
    """Writes nothing."""

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """A null key."""
        del duck, columns
        return Encoded(source, "NULL::BLOB")


FORMATS.add("NONE", NoneFormat())
