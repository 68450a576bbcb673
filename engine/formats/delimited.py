"""DELIMITED: one line of text, its fields parted by a delimiter and quoted where needed.

Source: parity/semantics.md, section 9 (DELIMITED) and section 12, item 14; commons-csv 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merganser.engine.duck import Duck, literal
from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.delimited_exact import DelimitedRowReader
from merganser.engine.formats.delimited_fast import DelimitedFastPath
from merganser.engine.formats.format import FORMATS, Encoded, FormatOptions
from merganser.engine.formats.text_sql import scalar_text
from merganser.engine.schema import Column
from merganser.engine.types import ArrayType, MapType, StructType
from merganser.errors import PropertyError, TypeMismatchError

_NAMED_DELIMITERS = {"SPACE": " ", "TAB": "\t"}


def delimiter_letter(delimiter: str) -> str:
    """The separating letter of a DELIMITER property as written.

    Raises:
        PropertyError: It is neither one letter nor the name of one; blanks have to be named.
    """
    if (named := _NAMED_DELIMITERS.get(delimiter.upper())) is not None:
        return named
    if len(delimiter) != 1 or delimiter.isspace() or delimiter == '"':
        raise PropertyError(
            f"delimiter '{delimiter}' is not supported",
            hint="Use one character that is neither blank nor a quote, or TAB or SPACE.",
        )
    return delimiter


class DelimitedFormat:
    """Delimited text."""

    name = "DELIMITED"
    key = True
    value = True
    several_keys = True
    wraps = False
    unwraps = True
    wraps_by_default = False
    infers = False

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses nested types and delimiters that are not one letter."""
        del is_key
        delimiter_letter(options.delimiter)
        for column in columns:
            match column.type:
                case ArrayType() | MapType() | StructType():
                    raise TypeMismatchError(
                        f"the DELIMITED format does not support type {column.type.sql()}",
                        detail=f"Column `{column.name}` has it.",
                    )
                case _:
                    pass

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchDecoder:
        del is_key
        letter = delimiter_letter(options.delimiter)
        fast = DelimitedFastPath(columns, letter) if columns else None
        return BatchDecoder(columns, DelimitedRowReader(columns, letter), fast)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> DelimitedEncoder:
        del is_key
        return DelimitedEncoder(columns, delimiter_letter(options.delimiter))


class DelimitedEncoder:
    """Writes delimited text; `delimiter` is the separating letter itself."""

    def __init__(self, columns: Sequence[Column], delimiter: str) -> None:
        self._columns = columns
        self._delimiter = delimiter

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """The fields in order, without a line end."""
        del duck
        pieces: list[str] = []
        for index, column in enumerate(self._columns):
            text = scalar_text(column.type, columns[column.name])
            if index:
                pieces.append(literal(self._delimiter))
            pieces.append(self._field(text, is_first=index == 0))
        return Encoded(source, f"encode(concat({', '.join(pieces)}))" if pieces else "NULL::BLOB")

    def _field(self, text: str, *, is_first: bool) -> str:
        """A field's text, quoted where commons-csv quotes; NULL (an empty field) for NULL.

        The first field of a line is quoted unless it starts with an ASCII letter or digit.
        """
        delimiter = f"\\x{{{ord(self._delimiter):X}}}"
        pattern = rf'^[\x00-#]|[\x00-\x20]$|[\r\n"{delimiter}]'
        if is_first:
            pattern += "|^[^0-9A-Za-z]|^$"
        doubled = f"""replace({text}, '"', '""')"""
        return (
            f"CASE WHEN regexp_matches({text}, {literal(pattern)}) "
            f"""THEN '"' || {doubled} || '"' ELSE {text} END"""
        )


FORMATS.add("DELIMITED", DelimitedFormat())
