"""The common type of the items of ARRAY[…], MAP(…) and IN (…).

Found from left to right, beginning with the first that is not NULL. Beyond what expressions convert
to anywhere, a literal text becomes a number or a boolean where the others are such, and a literal
number or boolean becomes text. Source: parity/statements.md, section 8, lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from merganser.engine import types
from merganser.engine.expression import ArrayOf, Expression, Literal, MapOf, StructOf
from merganser.engine.plan.bind_literal import decimal_literal, number_literal
from merganser.engine.plan.coercion import convert, merge_types, numeric_rank
from merganser.engine.types import ArrayType, MapType, SqlType, StructField, StructType
from merganser.errors import Span, TypeMismatchError


def unify(items: Sequence[Expression], span: Span | None) -> tuple[tuple[Expression, ...], SqlType]:
    """The items converted to their common type, and that type.

    Raises:
        TypeMismatchError: There is none, or all items are NULL.
    """
    found: SqlType | None = None
    for item in items:
        if item.result_type == types.NULL:
            continue
        merged = item.result_type if found is None else _merge(found, item)
        if merged is None:
            raise TypeMismatchError(
                f"operator does not exist: {found} = {item.result_type} ({item})",
                hint="You might need to add explicit type casts.",
                span=span,
            )
        found = merged
    if found is None:
        raise TypeMismatchError(
            "cannot construct a value from NULLs only", hint="Cast one of them.", span=span
        )
    kind = found
    return tuple(_convert(item, kind) for item in items), kind


def _merge(found: SqlType, item: Expression) -> SqlType | None:
    match item, found:
        case Literal(str() as text, types.STRING), _ if found != types.STRING:
            if found == types.BOOLEAN:
                return found if boolean_of_text(text) is not None else None
            number = _number(text) if numeric_rank(found) is not None else None
            return merge_types(found, number.type if number else types.STRING)
        case Literal(bool() | int() | float() | Decimal()), types.STRING:
            return found
        case ArrayOf(items), ArrayType(element):
            merged = _fold(element, items)
            return ArrayType(merged) if merged is not None else None
        case MapOf(keys, values), MapType(key, value):
            merged_key, merged_value = _fold(key, keys), _fold(value, values)
            if merged_key is None or merged_value is None:
                return None
            return MapType(merged_key, merged_value)
        case StructOf(), StructType():
            return _merge_struct(found, item)
        case _:
            return merge_types(found, item.result_type)


def _fold(found: SqlType, items: Sequence[Expression]) -> SqlType | None:
    merged: SqlType | None = found
    for item in items:
        if merged is not None and not (isinstance(item, Literal) and item.value is None):
            merged = _merge(merged, item)
    return merged


def _merge_struct(found: StructType, item: StructOf) -> StructType | None:
    given = {f.name: v for f, v in zip(item.type.fields, item.values, strict=True)}
    fields: list[StructField] = []
    for field in found.fields:
        merged = _fold(field.type, [given[field.name]]) if field.name in given else field.type
        if merged is None:
            return None
        fields.append(StructField(field.name, merged))
    fields.extend(f for f in item.type.fields if found.field(f.name) is None)
    return StructType(tuple(fields))


def _convert(item: Expression, kind: SqlType) -> Expression:
    if item.result_type == kind:
        return item
    match item, kind:
        case Literal(None), _:
            return Literal(None, kind)
        case Literal(str() as text), types.BOOLEAN:
            return Literal(boolean_of_text(text), kind)
        case Literal(str() as text), _ if numeric_rank(kind) is not None:
            number = _number(text)
            assert number is not None
            return convert(number, kind)
        case Literal(value), types.STRING:
            return Literal(str(value).lower() if isinstance(value, bool) else str(value), kind)
        case ArrayOf(items), ArrayType(element):
            return ArrayOf(tuple(_convert(inner, element) for inner in items), kind)
        case MapOf(keys, values), MapType(key, value):
            return MapOf(
                tuple(_convert(inner, key) for inner in keys),
                tuple(_convert(inner, value) for inner in values),
                kind,
            )
        case StructOf(values, struct), StructType(fields):
            given = {f.name: v for f, v in zip(struct.fields, values, strict=True)}
            return StructOf(
                tuple(_convert(given.get(f.name, Literal(None, f.type)), f.type) for f in fields),
                kind,
            )
        case _:
            return convert(item, kind)


def boolean_of_text(text: str) -> bool | None:
    """What a text means as a boolean: a beginning of true, false, yes or no; else None."""
    word = text.strip().lower()
    if not word:
        return None
    if "true".startswith(word) or "yes".startswith(word):
        return True
    return False if "false".startswith(word) or "no".startswith(word) else None


def _number(text: str) -> Literal | None:
    """The number that a text spells, in the narrowest of INTEGER, BIGINT and DECIMAL."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    _, _, exponent = number.as_tuple()
    if exponent == 0 and number.adjusted() <= 18:
        try:
            return number_literal(str(number), None)
        except TypeMismatchError:
            return decimal_literal(number)
    return decimal_literal(Decimal(f"{number:f}"))
