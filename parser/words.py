"""The words of the language and the quoting of names that would be read as one of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

GRAMMAR_PATH: Final = Path(__file__).with_name("grammar.lark")


def _listed(name: str) -> frozenset[str]:
    """Read one list of words from the grammar, the only place that has them."""
    grammar = GRAMMAR_PATH.read_text(encoding="utf-8")
    found = re.search(rf"^!?{name}:((?:.+\n)+)", grammar, re.MULTILINE)
    assert found, f"the grammar has no list {name}"
    return frozenset(re.findall(r'"(\w+)"', found[1]))


RESERVED: Final = _listed("RESERVED")
NON_RESERVED: Final = _listed("_non_reserved")
KEYWORDS: Final = RESERVED | NON_RESERVED

CLAUSE_WORDS: Final = frozenset({"ORDER", "OVER", "QUALIFY", "UNION"})
"""Words that what follows makes keywords; lists have them nowhere, for they are names elsewhere."""

SHOWN_WORDS: Final = KEYWORDS | CLAUSE_WORDS
"""What a shell completes and highlights."""

# Not reserved, yet read as the start of a constructor or clause where a name may stand too.
_AMBIGUOUS: Final = frozenset({"ARRAY", "MAP", "STRUCT", "QUALIFY"})

# Names that begin with a digit may stand unquoted too, but not behind a dot: `.1` is a number.
_PLAIN_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_@]*")


def quote(name: str) -> str:
    """Put the name in back-quotes, whatever it is."""
    return "`" + name.replace("`", "``") + "`"


def name_sql(name: str) -> str:
    """Write the name as SQL that reads back as exactly this name: quoted only where it has to be.

    >>> name_sql("ID"), name_sql("id"), name_sql("SELECT"), name_sql("a`b")
    ('ID', '`id`', '`SELECT`', '`a``b`')
    """
    if _PLAIN_NAME.fullmatch(name) and name not in RESERVED and name not in _AMBIGUOUS:
        return name
    return quote(name)


def string_sql(text: str) -> str:
    """Write a string literal.

    >>> string_sql("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def dollar_sql(text: str) -> str:
    """Write a string between `$$`, where no letter needs escaping; one that has `$$` in quotes.

    >>> dollar_sql("return 'a'"), dollar_sql("$$")
    ("$$return 'a'$$", "'$$'")
    """
    if "$$" in text or text.startswith("{") or text.endswith("$"):
        return string_sql(text)
    return f"$${text}$$"
