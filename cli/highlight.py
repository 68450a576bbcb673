"""Colours for statements while they are typed."""

from __future__ import annotations

import re
from typing import ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

from merganser.parser.words import SHOWN_WORDS

TYPES = (
    "BIGINT",
    "BOOLEAN",
    "BYTES",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "INT",
    "INTEGER",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "VARCHAR",
)


class StatementLexer(RegexLexer):
    """Splits statements for colouring. Anything goes: what is no SQL is left plain."""

    name = "Merganser SQL"
    flags = re.IGNORECASE
    tokens: ClassVar = {
        "root": [
            (r"\s+", Text),
            (r"--[^\n]*", Comment.Single),
            (r"/\*(?:[^*]|\*(?!/))*(?:\*/)?", Comment.Multiline),
            (r"'(?:[^']|'')*'?", String.Single),
            (r"`(?:[^`]|``)*`?|\"(?:[^\"]|\"\")*\"?", Name),
            (r"\$\{\w*\}?", Name.Variable),
            (words(TYPES, prefix=r"\b", suffix=r"\b"), Keyword.Type),
            (words(sorted(SHOWN_WORDS), prefix=r"\b", suffix=r"\b"), Keyword),
            (r"\w+(?=\s*\()", Name.Function),
            (r"\d+(?:\.\d+)?(?:e[-+]?\d+)?\b", Number),
            (r"\w+", Name),
            (r"[-+*/%<>=!|]+", Operator),
            (r".", Punctuation),
        ]
    }
