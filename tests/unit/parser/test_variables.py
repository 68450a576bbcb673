"""Variables become names, literals and parts of strings, and cannot become more."""

from __future__ import annotations

import pytest

from merganser.errors import SqlSyntaxError, UnknownNameError
from merganser.parser import ast
from merganser.parser.build import parse_script, parse_statement
from merganser.parser.variables import substitute


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("DESCRIBE ${t};", {"t": "Users"}, "DESCRIBE Users;"),
        ("DESCRIBE ${T};", {"t": "`a b`"}, "DESCRIBE `a b`;"),
        ("SELECT ${v};", {"v": "'x''y'"}, "SELECT 'x''y';"),
        ("SELECT ${v};", {"v": "-1.5E3"}, "SELECT -1.5E3;"),
        ("SELECT ${v};", {"v": "true"}, "SELECT true;"),
        ("SET 'a'='${v}';", {"v": "it's"}, "SET 'a'='it''s';"),
        ("SET 'a'='${v}-${w}';", {"v": "1", "w": "2"}, "SET 'a'='1-2';"),
        ("SET 'a'='$${v}';", {"v": "1"}, "SET 'a'='${v}';"),
        ("SELECT $${v};", {"v": "1"}, "SELECT ${v};"),
        ("SELECT ${none}, '${none}';", {"v": "1"}, "SELECT ${none}, '${none}';"),
        ("SELECT 1; -- ${v}\n/* ${v} */", {"v": "2"}, "SELECT 1; -- ${v}\n/* ${v} */"),
        ('SELECT "${v}", `${v}`;', {"v": "2"}, 'SELECT "${v}", `${v}`;'),
        ("SET 'a'='${v}';", {"v": "${w}", "w": "1"}, "SET 'a'='${w}';"),
        ("SELECT s.${v};", {"v": "a"}, "SELECT s.a;"),
    ],
)
def test_values_are_put_in(text: str, variables: dict[str, str], expected: str) -> None:
    """Once, by name in any case, and only where a value may stand."""
    assert substitute(text, variables) == expected


@pytest.mark.parametrize(
    "value", ["a b", "1; DROP TABLE t", "x) FROM s; --", "", "'a' OR 'b'", "a.b", "1 + 1", "'", "é"]
)
def test_a_value_that_is_no_term_is_refused(value: str) -> None:
    """Neither structure nor several terms can come from a variable."""
    with pytest.raises(SqlSyntaxError, match="neither a name nor a literal") as caught:
        substitute("SELECT a,\n ${v} FROM s;", {"v": value})
    assert caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column, caught.value.span.length) == (2, 2, 4)


def test_a_keyword_stays_a_name() -> None:
    """A variable cannot stand for a part of the syntax."""
    assert substitute("SELECT ${v} FROM s;", {"v": "from"}) == "SELECT `FROM` FROM s;"
    with pytest.raises(SqlSyntaxError):
        parse_script("SELECT a ${v} s;", {"v": "FROM"})


def test_a_type_may_come_from_a_variable() -> None:
    """The names of types are no syntax."""
    (statement,) = parse_script("CREATE STREAM s (a ${t});", {"t": "integer"})
    assert statement == parse_statement("CREATE STREAM s (a INTEGER);")


@pytest.mark.parametrize("text", ["SELECT a${v} FROM s;", "SELECT ${v}${v} FROM s;"])
def test_neighbours_stay_apart(text: str) -> None:
    """A value does not grow together with what stands beside it."""
    (statement,) = parse_script(text, {"v": "b"})
    assert isinstance(statement, ast.QueryStatement)
    assert len(statement.query.items) == 1
    item = statement.query.items[0]
    assert isinstance(item, ast.SelectItem)
    assert item.alias == "B"


def test_a_negative_value_behind_a_minus_is_no_comment() -> None:
    """`-${v}` with -1 is minus minus one."""
    (statement,) = parse_script("INSERT INTO s VALUES (2 -${v});", {"v": "-1"})
    assert statement == parse_statement("INSERT INTO s VALUES (2 - -1);")


def test_a_variable_that_is_not_defined_is_refused_where_it_stands() -> None:
    """The parser takes the reference for a name, and says that it is none."""
    with pytest.raises(UnknownNameError, match='variable "nope" is not defined') as caught:
        parse_script("SHOW TYPES;\nDESCRIBE ${nope};", {})
    assert caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column) == (2, 10)


def test_the_text_of_a_statement_has_the_values() -> None:
    """As ksqlDB's `statementText` has."""
    (statement,) = parse_script("DESCRIBE ${t};", {"t": "W"})
    assert statement.text == "DESCRIBE W;"
