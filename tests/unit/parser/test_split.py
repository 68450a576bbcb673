"""A script comes apart at the semicolons that end statements, and nowhere else."""

from __future__ import annotations

import pytest

from merganser.parser.split import is_complete, split_script


def _texts(script: str) -> list[str]:
    return [part.text for part in split_script(script)]


@pytest.mark.parametrize(
    ("script", "texts"),
    [
        ("", []),
        (" \n-- only ; comments\n/* ; */", []),
        ("A;B;", ["A;", "B;"]),
        ("A ; B", ["A ;", "B"]),
        (";", [";"]),
        ("PRINT 'a;''b;'; X;", ["PRINT 'a;''b;';", "X;"]),
        ('SELECT "a;""b;" FROM `c;``d;`;', ['SELECT "a;""b;" FROM `c;``d;`;']),
        ("A -- ;'\n B; C;", ["A -- ;'\n B;", "C;"]),
        ("A /* ;' \n */ B; C;", ["A /* ;' \n */ B;", "C;"]),
        ("a - b / c; D;", ["a - b / c;", "D;"]),
        ("'not closed; B;", ["'not closed; B;"]),
        ("A; /* not closed; B;", ["A;", "/* not closed; B;"]),
        ("A; -- the end", ["A;"]),
        ("A --the end", ["A"]),
        ("A AS $$ b; 'c $$; D;", ["A AS $$ b; 'c $$;", "D;"]),
        ("A $$ not closed; B;", ["A $$ not closed; B;"]),
        ("A ${x}, $${y}; B;", ["A ${x}, $${y};", "B;"]),
    ],
)
def test_statements_of_a_script(script: str, texts: list[str]) -> None:
    """Quotes and comments hide semicolons; what is blank is left out."""
    assert _texts(script) == texts


def test_places_count_from_the_script() -> None:
    """Line and column are those of the statement's first character, not of what precedes it."""
    script = "A;  B;\n-- note\n  C\n;"
    places = [(part.text, part.line, part.column, part.offset) for part in split_script(script)]
    assert places == [("A;", 1, 1, 0), ("B;", 1, 5, 4), ("C\n;", 3, 3, 17)]
    assert all(script.startswith(text, offset) for text, _, _, offset in places)


def test_directives_belong_to_the_statement_behind() -> None:
    """`--@` comments in front of a statement are kept; those inside it are comments."""
    first, second = split_script("--@test: one\n--@expected.error: X \n-- note\nA --@ no\n; B;")
    assert first.directives == ("--@test: one", "--@expected.error: X")
    assert second.directives == ()


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("SHOW TOPICS;", True),
        ("SHOW TOPICS; -- all of them", True),
        ("SHOW TOPICS", False),
        ("A; B", False),
        ("PRINT 'a;", False),
        ("A /* ;", False),
        ("", False),
    ],
)
def test_the_shell_asks_for_more_until_complete(text: str, complete: bool) -> None:
    """A text is complete when its last statement has its semicolon."""
    assert is_complete(text) is complete
