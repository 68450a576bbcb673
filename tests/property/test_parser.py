"""What holds for every statement: it prints as what it was, and errors are only ours."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from merganser.errors import SqlSyntaxError, UserError
from merganser.parser import ast
from merganser.parser.build import parse_expression, parse_script, parse_statement, parse_type
from merganser.parser.expressions import braced_sql, term_sql, to_sql
from merganser.parser.split import split_script
from merganser.parser.variables import substitute
from merganser.parser.words import KEYWORDS
from tests.property.parser_trees import expressions, statements, texts, types

relaxed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(statements)
def test_statement_prints_as_itself(statement: ast.Statement) -> None:
    """A statement's SQL parses to an equal statement, and that one prints the same."""
    again = parse_statement(statement.sql() + ";")
    assert again == statement
    assert again.sql() == statement.sql()


@relaxed
@given(expressions)
def test_expression_prints_as_itself(node: exp.Expression) -> None:
    """With few, with all and with outer parentheses, an expression parses to itself."""
    assert parse_expression(to_sql(node)) == node
    assert parse_expression(braced_sql(node)) == node
    assert parse_expression(term_sql(node)) == node


@relaxed
@given(types)
def test_type_prints_as_itself(kind: ast.TypeName) -> None:
    """A type's SQL parses to an equal type."""
    assert parse_type(kind.sql()) == kind


_pieces = st.sampled_from(
    [
        *sorted(KEYWORDS),
        *("a", "`b`", '"c"', "1", "1.5", "'x'", "${v}", "(", ")", ",", ".", "*", "=", "<", ">"),
        *("[", "]", "->", "=>", ":=", "||", "-", "--\n", "/*", "*/", "'", ";", "#", "é"),
    ]
)


def _refusal(text: str) -> UserError | None:
    try:
        parse_script(text)
    except UserError as error:
        return error
    return None


@relaxed
@given(st.lists(_pieces, max_size=12).map(" ".join) | st.text(max_size=20))
@example("SELECT a FROM s WHERE a = '")
@example("\ufeff;")
def test_only_user_errors_come_out(text: str) -> None:
    """Whatever the text, it parses or is refused with a place inside it and an excerpt."""
    error = _refusal(text)
    if error is not None:
        assert error.span is not None
        lines = text.split("\n")
        assert 1 <= error.span.line <= len(lines)
        assert 1 <= error.span.column <= len(lines[error.span.line - 1]) + 1
        assert error.detail is not None
        assert "^" in error.detail


@relaxed
@given(st.lists(statements, max_size=3))
def test_script_splits_into_its_statements(script: list[ast.Statement]) -> None:
    """Statements, joined with noise between them, come apart again."""
    written = [f"{statement.sql()};" for statement in script]
    parts = split_script("-- ;'\n" + " /* ' ; */ ".join(written) + "\n--;")
    assert [part.text for part in parts] == written
    assert all(part.complete for part in parts)


@relaxed
@given(texts | st.text())
def test_variable_in_a_string_is_its_value(value: str) -> None:
    """Whatever a variable holds, in a string it is that text and nothing else."""
    statement = parse_statement(substitute("SET 'a'='<${v}>';", {"V": value}))
    assert statement == ast.SetProperty(name="a", value=f"<{value}>")


@relaxed
@given(st.lists(_pieces, max_size=5).map(" ".join) | st.text(max_size=9) | texts)
@example("1 OR TRUE")
@example("FROM")
@example("--")
def test_variable_alone_is_one_term(value: str) -> None:
    """Outside of strings, a variable gives one name or literal, or is refused."""
    text = "SELECT f(${v}, 1) FROM s;"
    try:
        statement = parse_statement(substitute(text, {"v": value}))
    except SqlSyntaxError:
        return
    assert isinstance(statement, ast.QueryStatement)
    item = statement.query.items[0]
    assert isinstance(item, ast.SelectItem)
    call = item.expression
    assert isinstance(call, exp.Anonymous)
    term, one = call.expressions
    sign = isinstance(term, exp.Neg)
    assert isinstance(term.this if sign else term, exp.Column | exp.Literal | exp.Boolean)
    assert one == exp.Literal.number(1)
