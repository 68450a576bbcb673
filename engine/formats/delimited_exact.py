"""DELIMITED text read record by record, by the letter of commons-csv 1.4 and ksqlDB's parsers.

Source: parity/semantics.md, section 9 (DELIMITED) and section 12, items 11 and 14; the states of
commons-csv's lexer for `CSVFormat.DEFAULT`: quote `"`, empty lines skipped, blanks kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from merganser.engine.formats.exact import TEMPORAL, Value, base64_bytes, mismatch, utf8
from merganser.engine.java_numbers import (
    INT_BITS,
    LONG_BITS,
    fit_decimal,
    parse_decimal,
    parse_double,
    parse_integer,
)
from merganser.engine.schema import Column
from merganser.engine.types import DecimalType, Kind, ScalarType, SqlType
from merganser.errors import DecodeError, InternalError

Parser = Callable[[str], Value]

_LINE_END = re.compile(r"\r\n|\r|\n")


def first_record(text: str, delimiter: str) -> list[str]:
    """The fields of the first line that is not empty.

    Later lines are read and dropped, yet have to be well-formed, too.

    Raises:
        DecodeError: There is no line, or a quoted field is malformed.
    """
    if '"' in text:
        records = list(_quoted_records(text, delimiter))
    else:
        records = [line.split(delimiter) for line in _LINE_END.split(text) if line][:1]
    if not records:
        raise DecodeError("the text holds no line")
    return records[0]


def _quoted_records(text: str, delimiter: str) -> Iterator[list[str]]:
    """The records of a text in which fields may be quoted."""
    position = 0
    field = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    while position < len(text):
        if (end := _LINE_END.match(text, position)) is not None:
            position = end.end()
            continue
        record: list[str] = []
        while True:
            if text.startswith('"', position):
                value, position = _quoted_field(text, position, delimiter)
            else:
                found = field.match(text, position)
                assert found is not None
                value, position = found[0], found.end()
            record.append(value)
            if not text.startswith(delimiter, position):
                break
            position += 1
        if (end := _LINE_END.match(text, position)) is not None:
            position = end.end()
        yield record


def _quoted_field(text: str, start: int, delimiter: str) -> tuple[str, int]:
    """The content of the quoted field at `start`, and where its delimiter or line end stands."""
    parts: list[str] = []
    position = start + 1
    while True:
        quote = text.find('"', position)
        if quote < 0:
            raise DecodeError("a quoted field has no end")
        parts.append(text[position:quote])
        if not text.startswith('"', quote + 1):
            break
        parts.append('"')
        position = quote + 2
    position = quote + 1
    while position < len(text) and text[position] != delimiter and text[position] not in "\r\n":
        if not _is_java_blank(text[position]):
            raise DecodeError("there is text between a quoted field and the delimiter")
        position += 1
    return "".join(parts), position


def _is_java_blank(letter: str) -> bool:
    """`Character.isWhitespace`: Unicode separators but the no-break ones, and ASCII's controls."""
    return letter.isspace() and letter not in "\x85\xa0\u2007\u202f"


def parser(sql_type: SqlType) -> Parser:
    """How the text of a field that is not empty becomes a value; raises DecodeError."""
    match sql_type:
        case ScalarType(Kind.STRING):
            return lambda text: text
        case ScalarType(Kind.BOOLEAN):
            return lambda text: text.lower() == "true"
        case ScalarType(Kind.BYTES):
            return base64_bytes
        case ScalarType(Kind.INTEGER | Kind.BIGINT | Kind.DOUBLE as kind):
            return _number(kind)
        case ScalarType(Kind.TIME | Kind.DATE | Kind.TIMESTAMP as kind):
            return _temporal(kind)
        case DecimalType():
            return _decimal(sql_type)
        case _:
            raise InternalError(f"no DELIMITED text of {sql_type.sql()}")


def _number(kind: Kind) -> Parser:
    def parse(text: str) -> Value:
        value: int | float | None
        if kind is Kind.DOUBLE:
            value = parse_double(text)
        else:
            value = parse_integer(text, INT_BITS if kind is Kind.INTEGER else LONG_BITS)
        if value is None:
            raise mismatch("text", kind.value)
        return value

    return parse


def _temporal(kind: Kind) -> Parser:
    bounded = TEMPORAL[kind]

    def parse(text: str) -> Value:
        if (value := parse_integer(text, LONG_BITS)) is None:
            raise mismatch("text", kind.value)
        return bounded(value)

    return parse


def _decimal(decimal_type: DecimalType) -> Parser:
    def parse(text: str) -> Value:
        if (value := parse_decimal(text)) is None:
            raise mismatch("text", decimal_type)
        if (fitted := fit_decimal(value, decimal_type)) is None:
            raise DecodeError(f"the number does not fit {decimal_type.sql()} without rounding")
        return fitted

    return parse


class DelimitedRowReader:
    """Reads DELIMITED payloads one by one. `delimiter` is the separating letter itself."""

    def __init__(self, columns: Sequence[Column], delimiter: str) -> None:
        self._delimiter = delimiter
        self._parsers = [(column.name, parser(column.type)) for column in columns]

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order; an empty field is NULL.

        Raises:
            DecodeError: The payload does not decode.
        """
        fields = first_record(utf8(payload), self._delimiter)
        if len(fields) != len(self._parsers):
            raise DecodeError(f"found {len(fields)} fields, expected {len(self._parsers)}")
        row: list[Value] = []
        for (name, parse), text in zip(self._parsers, fields, strict=True):
            try:
                row.append(parse(text) if text else None)
            except DecodeError as error:
                raise DecodeError(f"{name}: {error.message}") from None
        return row
