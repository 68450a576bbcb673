"""JSON, without a registry: objects of columns, or one bare value.

Source: parity/semantics.md, section 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.json_encode import JsonEncoder
from merganser.engine.formats.json_exact import JsonRowReader
from merganser.engine.formats.json_fast import JsonFastPath
from merganser.engine.schema import Column
from merganser.engine.types import JSON, STRING, ArrayType, MapType, SqlType, StructType
from merganser.errors import KeyRuleError, TypeMismatchError


def _parts(sql_type: SqlType) -> Iterator[SqlType]:
    """The type and all types inside it."""
    yield sql_type
    match sql_type:
        case ArrayType(element):
            yield from _parts(element)
        case MapType(key, value):
            yield from _parts(key)
            yield from _parts(value)
        case StructType(fields):
            for field in fields:
                yield from _parts(field.type)
        case _:
            pass


class JsonFormat:
    """JSON text."""

    name = "JSON"
    key = True
    value = True
    several_keys = True
    wraps = True
    unwraps = True
    wraps_by_default = True
    infers = False

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses maps in keys, and maps whose keys are not STRING."""
        del options
        for column in columns:
            for part in _parts(column.type):
                if not isinstance(part, MapType):
                    continue
                if is_key:
                    raise KeyRuleError(
                        f"key column `{column.name}` has type {column.type.sql()}, "
                        "and keys cannot hold a MAP"
                    )
                if part.key != STRING:
                    raise TypeMismatchError(
                        f"the JSON format only takes maps with STRING keys, found {part.sql()}",
                        detail=f"Column `{column.name}` has it.",
                    )

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchDecoder:
        del is_key
        wrapped = options.wrapped or len(columns) != 1
        reader = JsonRowReader(columns, wrapped=wrapped)
        # Values of a JSON column have no proof by length that two readers give one text.
        has_json = any(part == JSON for column in columns for part in _parts(column.type))
        fast = JsonFastPath(columns, wrapped=wrapped) if columns and not has_json else None
        return BatchDecoder(columns, reader, fast)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> JsonEncoder:
        del is_key
        return JsonEncoder(columns, wrapped=options.wrapped or len(columns) != 1)


FORMATS.add("JSON", JsonFormat())
