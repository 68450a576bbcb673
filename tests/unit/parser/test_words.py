"""The words of the language, and names that look like them."""

from __future__ import annotations

import logging

import lark
import pytest

from merganser.errors import SqlSyntaxError
from merganser.parser import ast
from merganser.parser.build import parse_expression, parse_statement, parse_type
from merganser.parser.tables import _make
from merganser.parser.words import GRAMMAR_PATH, KEYWORDS, NON_RESERVED, RESERVED


def test_lists_do_not_overlap() -> None:
    """A word is reserved or not."""
    assert not RESERVED & NON_RESERVED
    assert RESERVED | NON_RESERVED == KEYWORDS


_PLACES = [
    "SELECT {0}, a {0}, a AS {0}, {0}.{0}, a->{0} FROM {0} AS {0} JOIN {0} {0} ON {0} = 1;",
    "SELECT f(a, {0} => {0}), f(a, ({0}, x) => {0}) FROM s GROUP BY {0} PARTITION BY {0};",
    "CREATE STREAM {0} ({0} INT KEY, a STRUCT<{0} INT>) WITH ({0}=1);",
    "CREATE TABLE {0} AS SELECT * FROM {0} WINDOW {0} TUMBLING (SIZE 1 DAY);",
    "INSERT INTO {0} ({0}) VALUES (1);",
    "ALTER TABLE {0} ADD {0} INT;",
    "DROP STREAM {0};",
    "TERMINATE {0};",
    "ASSERT SCHEMA SUBJECT {0} ID 1;",
]


@pytest.mark.parametrize("word", sorted(NON_RESERVED))
def test_non_reserved_word_is_a_name_everywhere(word: str) -> None:
    """As column, alias, source, field, parameter, property: it reads as if it were quoted."""
    for place in _PLACES:
        assert parse_statement(place.format(word)) == parse_statement(place.format(f"`{word}`"))
    assert parse_statement(f"PRINT {word.lower()};") == ast.PrintTopic(topic=word.lower())
    assert parse_type(f"STRUCT<a {word}>").fields[0][1].name == word


@pytest.mark.parametrize("word", sorted(NON_RESERVED - {"MAP", "STRUCT"}))
def test_non_reserved_word_may_be_a_function(word: str) -> None:
    """But for those that begin a constructor with a parenthesis."""
    assert parse_expression(f"{word}(1)") == parse_expression(f"`{word}`(1)")


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_word_is_no_name(word: str) -> None:
    """Not as a column, an alias, a source or a field, in any case of letters."""
    for text in (
        f"CREATE STREAM s ({word} INT);",
        f"SELECT a AS {word.lower()} FROM s;",
        f"SELECT a FROM {word};",
        f"SELECT a->{word} FROM s;",
        f"DROP STREAM {word};",
    ):
        with pytest.raises(SqlSyntaxError):
            parse_statement(text)
    assert parse_expression(f"`{word}`").name == word


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """No place where lark would choose between shifting and reducing by itself."""
    text = GRAMMAR_PATH.read_text(encoding="utf-8")
    previous = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    lark.logger.addHandler(caplog.handler)
    try:
        _make(text, debug=True)
    finally:
        lark.logger.removeHandler(caplog.handler)
        lark.logger.setLevel(previous)
    assert "Unused terminals" in caplog.text  # lark does log here.
    assert "conflict" not in caplog.text.lower()
