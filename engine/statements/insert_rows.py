"""Rows given as JSON objects, written to a source's topic: what `/inserts-stream` does.

Source: parity/rest-api.md, section 6; recorded exchanges of a ksqlDB server.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import pyarrow as pa

from merganser.engine.duck import arrow_type, physical_name
from merganser.engine.formats.json_exact import json_value
from merganser.engine.log.protocol import Output
from merganser.engine.schema import Column, Role
from merganser.engine.statements.handlers import Session
from merganser.engine.statements.insert_values import check_target, encode_records
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import RequestError, UnknownNameError, UserError

_INTEGER_BITS = {Kind.INTEGER: 31, Kind.BIGINT: 63}


class RowInserter:
    """Writes rows to one source. Used by one thread at a time."""

    def __init__(self, target: str, session: Session) -> None:
        """The target is a name as in SQL: upper-cased unless in back-quotes.

        Raises:
            UserError: There is no such source, or it cannot be written to.
        """
        source = session.catalog.sources.get(_sql_name(target))
        if source is None:
            raise UnknownNameError(f"cannot insert into {target}: it does not exist")
        check_target(source, session)
        self._source = source
        self._session = session
        self._columns = [c for c in source.schema if c.role is not Role.HEADERS]

    def insert(self, rows: Sequence[object]) -> tuple[int, UserError | None]:
        """Writes rows until one is wrong: how many were written, and what was wrong with the next.

        Those that were written are durable. Unknown members are left out, missing ones are NULL.

        Raises:
            LogError: The log refused or did not answer.
        """
        good: list[list[object]] = []
        error: UserError | None = None
        for row in rows:
            try:
                good.append(_cells(row, self._columns))
            except UserError as found:
                error = found
                break
        if good:
            self._session.doing.append(self._output(good))
        return len(good), error

    def _output(self, rows: Sequence[Sequence[object]]) -> Output:
        assert self._session.duck is not None
        arrays = {
            physical_name(column.name): pa.array(
                [row[index] for row in rows], arrow_type(column.type)
            )
            for index, column in enumerate(self._columns)
        }
        now_ms = self._session.clock.now_ms()
        arrays["$rowtime"] = pa.array([now_ms] * len(rows), pa.int64())
        duck = self._session.duck.cursor()
        try:
            duck.register("$rows", pa.table(arrays))
            return Output(self._source.topic, encode_records(duck, self._source, '"$rows"'))
        finally:
            duck.close()


def _sql_name(name: str) -> str:
    """A name from JSON as SQL takes it."""
    for quote in ("`", '"'):
        if len(name) > 1 and name.startswith(quote) and name.endswith(quote):
            return name[1:-1]
    return name.upper()


def _cells(row: object, columns: Sequence[Column]) -> list[object]:
    if not isinstance(row, Mapping):
        raise RequestError("a row must be a JSON object of column names and values")
    named = {_sql_name(name): value for name, value in row.items()}
    cells = []
    for column in columns:
        value = named.get(column.name)
        if value is None and column.role is Role.KEY:
            raise RequestError(f"key column {column.name} must be given, and not be null")
        try:
            cells.append(None if value is None else _coerced(value, column.type))
        except (ValueError, OverflowError, InvalidOperation, binascii.Error) as error:
            raise RequestError(
                f"cannot insert {value!r} into column {column.name} of type {column.type}"
            ) from error
    return cells


def _coerced(value: object, sql_type: SqlType) -> object:
    """A JSON value as the Python value of a type.

    Raises:
        ValueError: The type does not hold it; others of its kind from the conversions.
    """
    match sql_type, value:
        case _, None:
            return None
        case ArrayType(element), list():
            return [_coerced(item, element) for item in value]
        case MapType(key, inner), dict():
            return [(_coerced(k, key), _coerced(v, inner)) for k, v in value.items()]
        case StructType(fields), dict():
            named = {_sql_name(name): item for name, item in value.items()}
            return {
                physical_name(field.name): _coerced(named.get(field.name), field.type)
                for field in fields
            }
        case DecimalType(), int() | Decimal() | str() if not isinstance(value, bool):
            return _decimal(Decimal(value), sql_type)
        case ScalarType(kind), _:
            return _scalar(value, kind)
        case _:
            raise ValueError(value)


def _decimal(value: Decimal, sql_type: DecimalType) -> Decimal:
    rounded = value.quantize(Decimal(1).scaleb(-sql_type.scale), ROUND_HALF_UP)
    if rounded.adjusted() >= sql_type.precision - sql_type.scale and rounded:
        raise ValueError(value)
    return rounded


def _scalar(value: object, kind: Kind) -> object:
    match kind, value:
        case Kind.BOOLEAN, bool():
            return value
        case ((Kind.INTEGER | Kind.BIGINT), int()) if not isinstance(value, bool):
            if not -(2 ** _INTEGER_BITS[kind]) <= value < 2 ** _INTEGER_BITS[kind]:
                raise ValueError(value)
            return value
        case Kind.DOUBLE, int() | Decimal() if not isinstance(value, bool):
            return float(value)
        case Kind.JSON, _:
            return json_value(value)  # type: ignore[arg-type]  # It came as JSON.
        case Kind.STRING, str():
            return value
        case _, str() if kind in _TEXTS:
            return _TEXTS[kind](value)
        case _:
            raise ValueError(value)


def _timestamp(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


_TEXTS: Mapping[Kind, Callable[[str], object]] = {
    Kind.BYTES: lambda text: base64.b64decode(text, validate=True),
    Kind.TIME: time.fromisoformat,
    Kind.DATE: date.fromisoformat,
    Kind.TIMESTAMP: _timestamp,
}
