"""LIKE: `%` and `_` match no line break; no escape unless one is declared."""

from __future__ import annotations

from merganser.engine.duck import literal
from merganser.engine.expression import Like, Literal

_LINE_BREAKS = "[\\n\\r\\x{85}\\x{2028}\\x{2029}]"


def like_sql(operand: str, pattern: str, node: Like) -> str:
    """`operand LIKE pattern`, NULL where one of them is."""
    escape = f" ESCAPE {literal(node.escape)}" if node.escape else ""
    plain = f"({operand} LIKE {pattern}{escape})"
    if isinstance(node.pattern, Literal) and isinstance(node.pattern.value, str):
        text = node.pattern.value
        if "%" not in text and "_" not in text:
            return plain
    return f"({plain} AND NOT regexp_matches({operand}, {literal(_LINE_BREAKS)}))"
