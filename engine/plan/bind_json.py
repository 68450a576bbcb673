"""Binding of `->` and `->>` with a text or a number: parts of JSON."""

from __future__ import annotations

import json
import re

from merganser.engine import types
from merganser.engine.expression import Expression, JsonPart
from merganser.engine.plan.bind_literal import shown
from merganser.errors import TypeMismatchError, UnsupportedError
from merganser.parser import expressions as parsed

# Steps by key and position only: a path with wildcards has any number of results.
_PATH = re.compile(r'\$(?:\.(?:\w+|"[^"]*")|\[[0-9]+\])*')


def bind_json_path(node: parsed.JsonPath, operand: Expression) -> JsonPart:
    """A part of a JSON value, or of a STRING that holds JSON.

    Raises:
        TypeMismatchError: The operand is neither.
        UnsupportedError: The path is none, or may have several results.
    """
    span = parsed.span_of(node)
    if operand.result_type not in (types.JSON, types.STRING):
        raise TypeMismatchError(
            f"{'->>' if node.as_text else '->'} with a path needs JSON or a STRING that holds it, "
            f"found {shown(operand)}",
            hint="A field of a STRUCT is a name: value->field.",
            span=span,
        )
    path = _path(node.step)
    if _PATH.fullmatch(path) is None:
        raise UnsupportedError(
            f"'{node.step}' is no path to one part of JSON",
            hint='A path is $ and steps such as .name, ."any name" and [0]; a text without $ is '
            "a key.",
            span=span,
        )
    return JsonPart(operand, path, types.STRING if node.as_text else types.JSON)


def _path(step: str | int) -> str:
    if isinstance(step, int):
        return f"$[{step}]"
    if step.startswith("$"):
        return step
    return f"$.{json.dumps(step, ensure_ascii=False)}"
