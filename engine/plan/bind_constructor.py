"""Binding of ARRAY[…], MAP(…) and STRUCT(…)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import ArrayOf, Expression, Literal, MapOf, StructOf
from merganser.engine.plan.list_coercion import unify
from merganser.engine.types import ArrayType, MapType, StructField, StructType
from merganser.errors import TypeMismatchError
from merganser.parser import expressions as parsed
from merganser.parser.expressions import span_of

if TYPE_CHECKING:
    from merganser.engine.plan.bind_expression import Binder


def bind_array(binder: Binder, node: exp.Array) -> Expression:
    """ARRAY[…] of the common type of its items; raises TypeMismatchError if there is none."""
    items = [binder.bind(item) for item in node.expressions]
    if not items:
        raise TypeMismatchError(
            "an array constructor cannot be empty", hint="Give elements.", span=span_of(node)
        )
    unified, kind = unify(items, span_of(node))
    return ArrayOf(unified, ArrayType(kind))


def bind_map(binder: Binder, node: parsed.MapConstructor) -> Expression:
    """MAP(…) of the common types of its keys and of its values, each key once."""
    keys = [binder.bind(key) for key in node.keys]
    values = [binder.bind(value) for value in node.values]
    if not keys:
        raise TypeMismatchError("a map constructor cannot be empty", span=span_of(node))
    written = [key for key in keys if isinstance(key, Literal)]
    if len(set(written)) < len(written):
        raise TypeMismatchError("a key of a map is given twice", span=span_of(node))
    unified_keys, key = unify(keys, span_of(node))
    unified_values, value = unify(values, span_of(node))
    return MapOf(unified_keys, unified_values, MapType(key, value))


def bind_struct(binder: Binder, node: parsed.StructConstructor) -> Expression:
    """STRUCT(…) with the types of its values; an untyped NULL has none."""
    values = [binder.bind(value) for value in node.expressions]
    fields: list[StructField] = []
    for name, value in zip(node.names, values, strict=True):
        if value.result_type == types.NULL:
            raise TypeMismatchError(
                f"field {name} of a struct cannot be an untyped NULL",
                hint="Cast it.",
                span=span_of(node),
            )
        if any(f.name == name for f in fields):
            raise TypeMismatchError(f"duplicate field name {name}", span=span_of(node))
        fields.append(StructField(name, value.result_type))
    return StructOf(tuple(values), StructType(tuple(fields)))
