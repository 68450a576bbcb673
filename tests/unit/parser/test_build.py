"""The entry points: what they take, and the places and texts that they note."""

from __future__ import annotations

import pytest
from sqlglot import exp

from merganser.errors import Span, SqlSyntaxError
from merganser.parser import ast
from merganser.parser.build import (
    parse_expression,
    parse_part,
    parse_script,
    parse_statement,
    parse_type,
)
from merganser.parser.expressions import span_of
from merganser.parser.split import split_script


def test_one_statement_with_or_without_semicolon() -> None:
    """A lone statement may lack its semicolon; blanks and comments around it do not matter."""
    expected = ast.ListTopics()
    for text in ("SHOW TOPICS", "SHOW TOPICS;", " -- x\n SHOW TOPICS ; -- y", "show /**/ topics"):
        assert parse_statement(text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [("", (1, 1)), (" -- x\n", (1, 1)), ("SHOW TYPES; SHOW TYPES;", (1, 13)), ("A;", (1, 1))],
)
def test_no_statement_or_two_are_refused(text: str, place: tuple[int, int]) -> None:
    """`parse_statement` takes exactly one."""
    with pytest.raises(SqlSyntaxError) as caught:
        parse_statement(text)
    assert caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column) == place


def test_statements_of_a_script_keep_their_text() -> None:
    """The text is what the user wrote, from the first word to the semicolon."""
    script = "-- first\nshow  topics ;\n\nExplain select 1 from S -- x\n ;"
    first, second = parse_script(script)
    assert first.text == "show  topics ;"
    assert first.span == Span(2, 1, 12)
    assert second.text == "Explain select 1 from S -- x\n ;"
    assert isinstance(second, ast.Explain)
    assert second.statement is not None
    assert second.statement.text == "select 1 from S"


def test_an_empty_script_has_no_statements() -> None:
    """Nothing, blanks and comments are no error in a script."""
    assert parse_script("") == []
    assert parse_script("\n-- nothing\n") == []


def test_a_part_is_parsed_with_the_places_of_its_script() -> None:
    """Errors and spans of a part parsed later count from the beginning of the script."""
    part = split_script("SHOW TYPES;\n  SELECT a b c FROM s;")[1]
    with pytest.raises(SqlSyntaxError) as caught:
        parse_part(part)
    assert caught.value.span == Span(2, 14, 1)
    good = split_script("SHOW TYPES;\n  DESCRIBE ${v};")[1]
    statement = parse_part(good, {"v": "x"})
    assert statement == ast.DescribeSource(name="X")
    assert statement.span == Span(2, 3, 10)


def test_every_part_of_a_query_has_its_place() -> None:
    """Lines and columns of columns, calls, literals, sources and clauses are the script's."""
    script = "SHOW TYPES;\nSELECT a.b,\n  f(x, 'y') + 1 AS z\nFROM s t;"
    statement = parse_script(script)[1]
    assert isinstance(statement, ast.QueryStatement)
    query = statement.query
    column, total = query.items
    assert column.span == Span(2, 8, 3)
    assert total.span == Span(3, 3, 18)
    assert isinstance(total, ast.SelectItem)
    assert span_of(total.expression) == Span(3, 3, 13)
    call, one = total.expression.this, total.expression.expression
    assert [span_of(node) for node in (call, *call.expressions, one)] == [
        Span(3, 3, 9),
        Span(3, 5, 1),
        Span(3, 8, 3),
        Span(3, 15, 1),
    ]
    assert query.source.span == Span(4, 6, 3)


def test_the_operators_of_a_chain_have_places_of_their_own() -> None:
    """In `a + b - c` the sum is placed without `- c`."""
    node = parse_expression("a + b - c")
    assert isinstance(node, exp.Sub)
    assert span_of(node) == Span(1, 1, 9)
    assert span_of(node.this) == Span(1, 1, 5)


def test_places_do_not_take_part_in_comparison() -> None:
    """The same statement elsewhere is equal."""
    assert parse_statement("\n\n  SELECT a  FROM s;") == parse_statement("SELECT a FROM s;")


def test_types_are_parsed_alone() -> None:
    """As schemas of the registry and parameters give them."""
    assert parse_type("array<struct<a int>>").sql() == "ARRAY<STRUCT<A INT>>"
    with pytest.raises(SqlSyntaxError):
        parse_type("INT INT")


@pytest.mark.parametrize("text", ["a b", "a,", "", "a;"])
def test_an_expression_is_all_of_the_text(text: str) -> None:
    """Nothing may follow it, and it may not be missing."""
    with pytest.raises(SqlSyntaxError):
        parse_expression(text)


def test_deep_and_long_expressions() -> None:
    """Neither nesting nor length fills Python's stack."""
    assert parse_expression("(" * 1000 + "a" + ")" * 1000) == parse_expression("a")
    chain = " AND ".join(f"a = {i}" for i in range(1000))
    statement = parse_statement(f"SELECT a FROM s WHERE {chain};")
    assert parse_statement(statement.sql()) == statement


def test_a_name_is_upper_cased_unless_quoted() -> None:
    """`foo`, FOO and `FOO` in back-quotes are one column, `foo` in back-quotes is another."""
    same = [parse_expression(text) for text in ("foo", "FOO", "Foo", "`FOO`", '"FOO"')]
    assert all(node == same[0] for node in same)
    assert parse_expression("`foo`") != same[0]
