"""LIKE: `%` and `_` match no line break; there is no escape character unless one is declared."""

from __future__ import annotations

from merganser.engine.duck import literal
from merganser.engine.execution.expressions.compiled import Fragment, either, is_null
from merganser.engine.expression import Like, Literal

_LINE_BREAKS = "\n\r\x85\u2028\u2029"  # What `.` of a Java pattern does not match.
_LINE_BREAK_CLASS = literal("[\\n\\r\\x{85}\\x{2028}\\x{2029}]")


def like_fragment(node: Like, operand: Fragment, pattern: Fragment) -> Fragment:
    """`operand LIKE pattern`; raises where one is NULL or the pattern ends in the escape."""
    missing = either(*(is_null(side.sql) for side in (operand, pattern) if side.nullable))
    logged = either(operand.logged, pattern.logged)
    text = node.pattern.value if isinstance(node.pattern, Literal) else None
    if isinstance(text, str):
        if _ends_in_escape(text, node.escape):
            return Fragment("CAST(NULL AS BOOLEAN)", "TRUE", logged)
        in_python = any(letter in _LINE_BREAKS for letter in text)
    else:
        in_python = node.escape is not None
    if in_python:
        arguments = f"{operand.sql}, {pattern.sql}, {literal(node.escape or '')}"
        sql = f'"$like"({arguments})'
        failed = f'CASE WHEN {sql} IS NULL THEN "$like_failed"({arguments}) ELSE FALSE END'
        raises = either(missing, failed)
    else:
        sql = _plain(node, operand.sql, pattern.sql, text if isinstance(text, str) else None)
        raises = missing
    return Fragment(f"(NOT {sql})" if node.negated else sql, raises, logged, raises is not None)


def _plain(node: Like, operand: str, pattern: str, text: str | None) -> str:
    escape = f" ESCAPE {literal(node.escape)}" if node.escape else ""
    plain = f"({operand} LIKE {pattern}{escape})"
    if text is not None and "%" not in text and "_" not in text:
        return plain
    # Only the few rows that match are looked at again. A pattern without a line break that
    # matches a text with one did so by a wildcard.
    guarded = f"CASE WHEN {plain} THEN NOT regexp_matches({operand}, {_LINE_BREAK_CLASS})"
    if text is not None:
        return f"{guarded} ELSE {plain} END"
    return (
        f"CASE WHEN regexp_matches({pattern}, {_LINE_BREAK_CLASS}) "
        f"THEN \"$like\"({operand}, {pattern}, '') "
        f"WHEN {plain} THEN NOT regexp_matches({operand}, {_LINE_BREAK_CLASS}) ELSE {plain} END"
    )


def _ends_in_escape(text: str, escape: str | None) -> bool:
    """Whether the last character is an escape that escapes nothing."""
    escaped = False
    for letter in text:
        escaped = letter == escape and not escaped
    return escaped
