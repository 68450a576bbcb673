"""Variables in statements: `${name}` becomes the variable's value before the text is parsed.

A value can only become one name, one literal or a piece of a string, never a keyword or a stretch
of syntax, so a variable cannot smuggle SQL in:

1. In a string literal the value is put in with its single quotes doubled.
2. Elsewhere it must be a name (`[A-Za-z_][A-Za-z0-9_@]*`, or any in quotes) or a literal: a string
   in single quotes, a number, TRUE or FALSE. A name that is a keyword is quoted, so that it stays a
   name. Neighbours are kept apart: `a${x}` is two words.
3. `$${x}` is the text `${x}`. Comments, quoted names and `$$ … $$` are left alone, and so are
   variables that are not defined: the parser says so where they stand.

Names ignore case. One pass: what comes from a value is not looked at again.
Source: parity/statements.md, section 1, variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from merganser.errors import Span, SqlSyntaxError
from merganser.parser.words import KEYWORDS, quote

_STRETCH: Final = re.compile(
    r"""
      (?P<kept>  --[^\n]* | /\*.*?\*/ | "(?:[^"]|"")*" | `(?:[^`]|``)*`
             | \$\$(?!\{).*?\$\$ )
    | (?P<text>  '(?:[^']|'')*' )
    | (?P<escaped>   \$\$\{[^{}]*\} )
    | (?P<reference> \$\{[^{}]*\} )
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_TEXT: Final = re.compile(r"(?P<escaped>\$\$\{[^{}]*\})|(?P<reference>\$\{[^{}]*\})")

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*", re.ASCII)
_QUOTED_NAME: Final = re.compile(r'`(?:[^`]|``)*`|"(?:[^"]|"")*"')
_LITERAL: Final = re.compile(
    r"'(?:[^']|'')*'|[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?|TRUE|FALSE", re.IGNORECASE | re.ASCII
)
# The names of types are words of the language too, and a variable may be one.
_TYPE_WORDS: Final = frozenset({"DATE", "INTEGER", "STRING", "TIME", "TIMESTAMP"})


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Give the text with the values of variables put in.

    Raises:
        SqlSyntaxError: A value is not what its place allows; the span is that of the reference.

    """
    if "${" not in text:
        return text
    values = {name.upper(): value for name, value in variables.items()}

    def lookup(match: re.Match[str], use: Callable[[str], str]) -> str:
        if match.lastgroup == "escaped":
            return match[0][1:]
        value = values.get(match[0][2:-1].upper())
        return match[0] if value is None else use(value)

    def stretch(match: re.Match[str]) -> str:
        if match.lastgroup == "kept":
            return match[0]
        if match.lastgroup == "text":
            return _IN_TEXT.sub(lambda inner: lookup(inner, _in_text), match[0])
        return lookup(match, lambda value: _apart(match, _alone(value, match)))

    return _STRETCH.sub(stretch, text)


def first_undefined(text: str, variables: Mapping[str, str]) -> str | None:
    """The first reference outside of strings that has no value, as `${NAME}`; None: all have one.

    >>> first_undefined("DESCRIBE ${nope};", {"tbl": "T"})
    '${NOPE}'
    """
    names = {name.upper() for name in variables}
    for match in _STRETCH.finditer(text):
        if match.lastgroup == "reference" and (name := match[0][2:-1].upper()) not in names:
            return f"${{{name}}}"
    return None


def _in_text(value: str) -> str:
    return value.replace("'", "''")


def _alone(value: str, place: re.Match[str]) -> str:
    """Check a value that stands outside of strings."""
    if _QUOTED_NAME.fullmatch(value) or _LITERAL.fullmatch(value):
        return value
    if _NAME.fullmatch(value):
        upper = value.upper()
        return quote(upper) if upper in KEYWORDS - _TYPE_WORDS else value
    before = place.string[: place.start()]
    raise SqlSyntaxError(
        f"the value of the variable {place[0]} is neither a name nor a literal",
        hint=f"To use it as a string, write '{place[0]}' in quotes.",
        span=Span(
            before.count("\n") + 1, len(before) - before.rfind("\n"), place.end() - place.start()
        ),
    )


def _apart(place: re.Match[str], value: str) -> str:
    """Keep the value a word of its own."""
    text = place.string
    before, after = text[: place.start()][-1:], text[place.end() :][:1]
    touches = re.compile(r"[\w@$'\"`.-]", re.ASCII)
    left = " " if touches.match(before) and before != "." else ""
    right = " " if touches.match(after) and after != "." else ""
    return left + value + right
