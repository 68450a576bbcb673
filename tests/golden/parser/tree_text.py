"""A syntax tree as text: a line a field that says something, an expression in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

from sqlglot import exp

from merganser.parser.ast import TypeName


def tree_text(node: object) -> str:
    """Write the tree; positions, and fields that have their default, are left out."""
    return "\n".join(_lines(node, ""))


def _lines(node: object, indent: str) -> Iterator[str]:
    """Write a clause or statement: its class, then its fields below."""
    assert is_dataclass(node)
    yield type(node).__name__
    for field in fields(node):
        value = getattr(node, field.name)
        if _says_something(field, value):
            yield from _field(field.name, value, f"{indent}  ")


def _says_something(field: Field[Any], value: object) -> bool:
    return field.compare and (field.default is MISSING or value != field.default)


def _field(name: str, value: object, indent: str) -> Iterator[str]:
    """Write one field: in its line, or what it holds below it."""
    items = value if isinstance(value, tuple) and any(map(_is_node, value)) else None
    if items is not None:
        yield f"{indent}{name}:"
        for item in items:
            first, *rest = _lines(item, f"{indent}  ") if _is_node(item) else [_value(item)]
            yield f"{indent}- {first}"
            yield from rest
    elif _is_node(value):
        first, *rest = _lines(value, indent)
        yield f"{indent}{name}: {first}"
        yield from rest
    else:
        yield f"{indent}{name}: {_value(value)}"


def _is_node(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, TypeName)


def _value(value: object) -> str:
    match value:
        case exp.Expression():
            return expression_text(value)
        case TypeName():
            return value.sql()
        case Enum():
            return value.name
        case tuple():
            return f"({', '.join(map(_value, value))})"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return repr(value)


def expression_text(node: exp.Expression) -> str:
    """Write an expression as `Class(part, …)`; names and literals as they are."""
    if isinstance(node, exp.Column):
        return ".".join(part.name for part in (node.args.get("table"), node.this) if part)
    if isinstance(node, exp.Identifier):
        return node.name
    if isinstance(node, exp.Literal):
        return repr(node.this) if node.is_string else str(node.this)
    parts = [
        f"{key}={_value(part)}"
        for key, part in node.args.items()
        if part is not None and not (isinstance(part, list) and not part)
    ]
    return f"{type(node).__name__}({', '.join(parts)})"
