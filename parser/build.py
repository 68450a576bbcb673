"""Text to tree: the parser's entry points. Pure; every error has its place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lark import TextSlice
from lark.exceptions import UnexpectedInput
from sqlglot import exp

from merganser.errors import SqlSyntaxError, UserError
from merganser.parser import ast
from merganser.parser.diagnose import syntax_error, with_excerpt
from merganser.parser.split import ScriptPart, split_script
from merganser.parser.statement_tree import StatementReader
from merganser.parser.tables import parser
from merganser.parser.variables import substitute


def parse_statement(text: str) -> ast.Statement:
    """Parse a text that is one statement; its `;` may be left out.

    Raises:
        SqlSyntaxError: It is none, or there is more than one.

    """
    parts = split_script(text)
    first = parts[0] if parts else ScriptPart("", 1, 1, complete=False)
    rest = text[first.offset :] if len(parts) > 1 else first.text
    rule = "terminated" if first.complete else "statement"
    statement = _read(text, first.offset, first.offset + len(rest), rule)
    assert isinstance(statement, ast.Statement)
    return replace(statement, text=first.text)


def parse_script(text: str, variables: Mapping[str, str] | None = None) -> list[ast.Statement]:
    """Parse all statements of a script; each must have its `;`.

    Args:
        text: The script. Spans in trees and errors count from its beginning.
        variables: Values of `${…}` references; None leaves them alone.

    Raises:
        SqlSyntaxError: For the first statement that is wrong.

    """
    return [_parse(text, part, variables) for part in split_script(text)]


def parse_part(part: ScriptPart, variables: Mapping[str, str] | None = None) -> ast.Statement:
    """Parse one statement of a script, which must have its `;`.

    For callers that run each statement before they parse the next, as DEFINE asks for.
    The statement's `text` is the text with variables put in.
    """
    # Blank text in front makes the positions those in the script.
    before = "\n" * (part.line - 1) + " " * (part.column - 1)
    return _parse(before + part.text, replace(part, offset=len(before)), variables)


def parse_expression(text: str) -> exp.Expression:
    """Parse a text that is one expression."""
    node = _read(text, 0, len(text), "expression")
    assert isinstance(node, exp.Expression)
    return node


def parse_type(text: str) -> ast.TypeName:
    """Parse a text that is one type, such as `ARRAY<STRUCT<A INT>>`."""
    kind = _read(text, 0, len(text), "type_alone")
    assert isinstance(kind, ast.TypeName)
    return kind


def _parse(script: str, part: ScriptPart, variables: Mapping[str, str] | None) -> ast.Statement:
    text = part.text
    if variables is not None and "${" in text:
        text = _substituted(script, part, variables)
        script = script[: part.offset] + text
    statement = _read(script, part.offset, part.offset + len(text), "terminated")
    assert isinstance(statement, ast.Statement)
    return replace(statement, text=text)


def _substituted(script: str, part: ScriptPart, variables: Mapping[str, str]) -> str:
    before = "\n" * (part.line - 1) + " " * (part.column - 1)
    try:
        return substitute(before + part.text, variables)[len(before) :]
    except SqlSyntaxError as error:
        raise with_excerpt(error, script) from None


def _read(script: str, start: int, end: int, rule: str) -> object:
    """Parse `script[start:end]` by a rule of the grammar."""
    text = TextSlice(script, start, end)
    try:
        tree = parser().parse(text, start=rule)
        return StatementReader(script).read(tree)
    except UnexpectedInput:
        raise syntax_error(parser(), text, rule) from None
    except UserError as error:
        raise with_excerpt(error, script) from None
