"""Values on their way between Arrow and Python.

TIMESTAMP is a `datetime` without zone, in UTC; a MAP is a dict, an ARRAY a list, a STRUCT a dict by
field name or the dataclass that the hint names. Milliseconds are the finest unit of SQL's times.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

from merganser.engine import types
from merganser.engine.duck import physical_name
from merganser.engine.functions.decimals import is_wide
from merganser.engine.functions.python.hints import Hint
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType

Convert = Callable[[object], object]


def reader(hint: Hint) -> Convert | None:
    """What makes the Python value of Arrow's `as_py`; None if that is it already."""
    kind = hint.type
    match kind:
        case DecimalType() if is_wide(kind):
            return lambda value: None if value is None else Decimal(str(value))
        case ArrayType(element):
            item = reader(_inner(hint, 0, element))
            return None if item is None else _list_of(item)
        case MapType(_, value_type):
            return _map_reader(reader(_inner(hint, 0, value_type)))
        case StructType(fields):
            readers = [reader(_inner(hint, index, f.type)) for index, f in enumerate(fields)]
            return _struct_reader(hint, kind, readers)
        case _:
            return None


def writer(hint: Hint) -> Convert | None:
    """What makes a value that Arrow takes of a Python value; None if Arrow takes it as it is.

    It raises what Python raises where the value is of another type.
    """
    kind = hint.type
    match kind:
        case types.TIMESTAMP:
            return _timestamp
        case types.TIME:
            return _time
        case types.BOOLEAN:
            return _boolean
        case DecimalType(precision, scale):
            return _decimal_writer(precision, scale, as_text=is_wide(kind))
        case ArrayType(element):
            return _list_of(writer(_inner(hint, 0, element)) or _same)
        case MapType(_, value):
            return _map_writer(writer(_inner(hint, 0, value)))
        case StructType(fields):
            writers = [writer(_inner(hint, index, f.type)) for index, f in enumerate(fields)]
            return _struct_writer(hint, kind, writers)
        case _:
            return None


def _inner(hint: Hint, index: int, kind: SqlType) -> Hint:
    return hint.inner[index] if index < len(hint.inner) else Hint(kind)


def _same(value: object) -> object:
    return value


def _list_of(item: Convert) -> Convert:
    def convert(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, str | bytes | dict):
            raise TypeError(f"a list is wanted, found {type(value).__name__}")
        return [item(each) for each in value]  # type: ignore[attr-defined] # raises if it is none.

    return convert


def _map_reader(item: Convert | None) -> Convert:
    def convert(value: object) -> object:
        if value is None:
            return None
        assert isinstance(value, list)
        return {key: item(each) if item is not None else each for key, each in value}

    return convert


def _map_writer(item: Convert | None) -> Convert:
    def convert(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, dict):
            return [(key, item(each) if item is not None else each) for key, each in value.items()]
        raise TypeError(f"a dict is wanted, found {type(value).__name__}")

    return convert


def _places(
    hint: Hint, kind: StructType, items: Sequence[Convert | None]
) -> list[tuple[str, str, Convert | None]]:
    """Of each field: Python's name, DuckDB's, and what converts its values."""
    names = hint.names or tuple(field.name for field in kind.fields)
    return [
        (name, physical_name(field.name), item)
        for name, field, item in zip(names, kind.fields, items, strict=True)
    ]


def _struct_reader(hint: Hint, kind: StructType, readers: Sequence[Convert | None]) -> Convert:
    shape, places = hint.shape, _places(hint, kind, readers)

    def convert(value: object) -> object:
        if value is None:
            return None
        assert isinstance(value, dict)
        made = {
            name: item(value[place]) if item is not None else value[place]
            for name, place, item in places
        }
        return made if shape is None else shape(**made)

    return convert


def _struct_writer(hint: Hint, kind: StructType, writers: Sequence[Convert | None]) -> Convert:
    places = _places(hint, kind, writers)
    names = [name for name, _, _ in places]

    def convert(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, dict):
            if unknown := value.keys() - set(names):
                raise KeyError(f"no field of the STRUCT: {', '.join(map(str, unknown))}")
            found = [value.get(name) for name in names]
        else:
            found = [getattr(value, name) for name in names]
        return {
            place: item(each) if item is not None else each
            for (_, place, item), each in zip(places, found, strict=True)
        }

    return convert


def _timestamp(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, datetime.datetime):
        raise TypeError(f"a datetime is wanted, found {type(value).__name__}")
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _time(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, datetime.time):
        raise TypeError(f"a time is wanted, found {type(value).__name__}")
    return value.replace(microsecond=value.microsecond // 1000 * 1000, tzinfo=None)


def _boolean(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"a bool is wanted, found {type(value).__name__}")


def _decimal_writer(precision: int, scale: int, *, as_text: bool) -> Convert:
    unit = Decimal(1).scaleb(-scale)
    context = Context(prec=precision + scale + 100)

    def convert(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise TypeError(f"a Decimal is wanted, found {type(value).__name__}")
        rounded = Decimal(value).quantize(unit, ROUND_HALF_UP, context)
        if rounded and rounded.adjusted() >= precision - scale:
            raise OverflowError(f"{precision - scale} digits before the point are allowed")
        return f"{rounded:f}" if as_text else rounded

    return convert
