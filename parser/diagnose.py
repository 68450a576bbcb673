"""What is wrong with a text that does not parse: the place, what was expected, and a guess.

The text is parsed once more, token by token, because the parser knows what would have been possible
only before it takes the token that fails.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from lark import Lark, TextSlice, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from merganser.errors import InternalError, Span, SqlSyntaxError, UserError
from merganser.parser.words import KEYWORDS, NON_RESERVED, RESERVED

_EXCERPT_LENGTH = 120  # Characters of the line at fault that are shown.
_TOKEN_LENGTH = 40  # Characters of the token at fault that are shown.
_LIKENESS = 0.74  # Two letters swapped in a word of four, or one wrong in it.

_NAME: Final = NON_RESERVED | {"WORD", "DIGIT_WORD", "QUOTED_NAME", "VARIABLE"}
_NUMBER: Final = frozenset({"INTEGER_NUMBER", "DECIMAL_NUMBER", "DOUBLE_NUMBER"})
_UNITS: Final = frozenset({"DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECOND", "MILLISECONDS"})

# Each group of tokens by the two that only occur together in it, most telling first.
_GROUPS: Final[list[tuple[frozenset[str], frozenset[str], str]]] = [
    (
        frozenset({"CREATE", "SELECT", "INSERT"}),
        KEYWORDS | _NAME,
        "a statement",
    ),
    (
        frozenset({"CASE", "CAST"}),
        _NAME
        | _NUMBER
        | _UNITS
        | {"CASE", "CAST", "NULL", "TRUE", "FALSE", "DECIMAL", "TEXT", "LPAR", "MINUS", "PLUS"}
        | {"NOT", "_ARRAY_OPEN", "_MAP_OPEN", "_STRUCT_OPEN"},
        "an expression",
    ),
    (
        frozenset({"SLASH", "PERCENT"}),
        frozenset(
            {"PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "CONCAT", "ARROW", "ARROW_TEXT", "LSQB"}
        )
        | {"DOT"}
        | {"EQUAL", "NEQ", "LT", "LTE", "GT", "GTE", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN"}
        | {"IS", "AT", "_ESCAPE", "LPAR", "_OVER_OPEN", "_FILTER_OPEN"},
        "an operator",
    ),
    (
        frozenset({"_ARRAY_OF", "_MAP_OF"}),
        _NAME | {"_ARRAY_OF", "_MAP_OF", "_STRUCT_OF", "_EMPTY_STRUCT", "DECIMAL"},
        "a type",
    ),
    (
        frozenset({"DAY", "DAYS"}),
        _UNITS | {"DAY", "HOUR", "MINUTE", "SECOND"},
        "a unit of time",
    ),
    (frozenset({"JOIN", "LEFT"}), frozenset({"INNER", "LEFT", "RIGHT", "FULL", "JOIN"}), "JOIN"),
    (frozenset({"WORD"}), _NAME, "a name"),
    (
        frozenset({"DECIMAL_NUMBER", "NULL"}),
        _NUMBER | {"DECIMAL", "FALSE", "MINUS", "NULL", "TEXT", "TRUE", "VARIABLE"},
        "a literal",
    ),
    (frozenset({"DECIMAL_NUMBER"}), _NUMBER, "a number"),
]

_WORDING: Final = {
    "$END": "the end",
    "ARROW": '"->"',
    "ARROW_TEXT": '"->>"',
    "ASSIGN": '":="',
    "COMMA": '","',
    "CONCAT": '"||"',
    "DOT": '"."',
    "EQUAL": '"="',
    "FAT_ARROW": '"=>"',
    "GROUP": "GROUP BY",
    "GT": '">"',
    "INTEGER_NUMBER": "a whole number",
    "LPAR": '"("',
    "LSQB": '"["',
    "LT": '"<"',
    "MINUS": '"-"',
    "PLUS": '"+"',
    "RPAR": '")"',
    "RSQB": '"]"',
    "SEMICOLON": '";"',
    "STAR": '"*"',
    "DOLLAR_TEXT": "$$ … $$",
    "TEXT": "a string",
    "_EMIT": "EMIT",
    "_ESCAPE": "ESCAPE",
    "_COLUMN": "COLUMN",
    "_ORDER": "ORDER BY",
    "_FILTER_OPEN": "FILTER (WHERE",
    "_OVER_OPEN": "OVER",
    "_PARTITION": "PARTITION BY",
    "_QUALIFY": "QUALIFY",
    "_UNION_ALL": "UNION ALL",
}

_OPENED: Final = {
    "'": "the string that begins here is not closed",
    '"': "the quoted name that begins here is not closed",
    "`": "the quoted name that begins here is not closed",
    "/*": "the comment that begins here is not closed",
}

# What SQL elsewhere has and this language has not.
_ABSENT: Final = {
    "DISTINCT": "There is no DISTINCT: GROUP BY gives a row a key, COUNT_DISTINCT counts values.",
    "OFFSET": "There is no OFFSET: a stream has no fixed order to count in.",
    "ORDER": "There is no ORDER BY: rows come as their records do.",
    "UNION": "There is UNION ALL, between two SELECTs.",
}


# A missing name is likelier in front of these than one of them as a name.
_SYNTAX_WORDS: Final = frozenset(
    {"AND", "AS", "BETWEEN", "ELSE", "END", "FALSE", "FROM", "GROUP", "HAVING", "IN", "IS", "JOIN"}
    | {"LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "SELECT", "THEN", "TRUE", "WHEN", "WHERE"}
    | {"WINDOW", "WITH"}
)


@dataclass(frozen=True, slots=True)
class _Failure:
    """How far the parser came.

    Attributes:
        position: Index in the text of what fails.
        token: The token that fails; None if no token begins there.
        previous: The last good token.
        expected: Names of the tokens that would do, and of those before the last good token.

    """

    position: int
    token: Token | None = None
    previous: Token | None = None
    expected: frozenset[str] = frozenset()
    expected_before: frozenset[str] = frozenset()


def syntax_error(parser: Lark, text: TextSlice[str], rule: str) -> SqlSyntaxError:
    """Make the error for a text that the rule does not parse."""
    failure = _locate(parser, text, rule)
    script = text.text
    token = failure.token
    if token is None:
        return _at(script, failure.position, 1, _bad_character(script, failure.position))
    expected = _in_words(failure.expected)
    if token.type == "$END":
        message = f"the statement ends too early, expected {expected}"
        if failure.expected == {"SEMICOLON"} or "SEMICOLON" in failure.expected:
            message = 'the ";" at the end of the statement is missing'
        return _at(script, text.end, 1, message, _hint(failure))
    shown = token if len(token) <= _TOKEN_LENGTH else f"{token[:_TOKEN_LENGTH]}…"
    message = f'unexpected "{shown}", expected {expected}'
    return _at(script, failure.position, len(token), message, _hint(failure))


def with_excerpt(error: UserError, script: str) -> UserError:
    """Add the line at fault, with a caret under the place, to an error's detail."""
    if error.span is None:
        return error
    excerpt = _excerpt(script, error.span)
    detail = f"{error.detail}\n{excerpt}" if error.detail else excerpt
    return type(error)(error.message, detail=detail, hint=error.hint, span=error.span)


def _at(
    script: str, position: int, length: int, message: str, hint: str | None = None
) -> SqlSyntaxError:
    before = script[:position]
    span = Span(before.count("\n") + 1, position - before.rfind("\n"), length)
    return SqlSyntaxError(message, detail=_excerpt(script, span), hint=hint, span=span)


def _excerpt(script: str, span: Span) -> str:
    """Give the line of the span and, below it, a caret for each character of the span in it."""
    lines = script.split("\n")
    line = lines[min(span.line, len(lines)) - 1].rstrip("\r")
    column = span.column - 1
    length = max(1, min(span.length, len(line) - column))
    first = max(0, column - _EXCERPT_LENGTH // 2) if len(line) > _EXCERPT_LENGTH else 0
    shown = line[first : first + _EXCERPT_LENGTH]
    # Tabs stay tabs, so that the caret stands right however wide they are shown.
    margin = "".join("\t" if c == "\t" else " " for c in shown[: column - first])
    return f"{shown}\n{margin}{'^' * min(length, max(1, len(shown) - len(margin)))}"


def _locate(parser: Lark, text: TextSlice[str], rule: str) -> _Failure:
    """Parse again up to the token that fails."""
    run = parser.parse_interactive(text, start=rule)
    tokens = run.lexer_thread.lex(run.parser_state)  # type: ignore[no-untyped-call]  # lark's
    end = Token("$END", "", text.end)
    token = previous = before = older = None
    try:
        while token is not end:
            older, before, previous = before, _copy(run), token
            token = next(tokens, end)
            if token.type == "_ORDER" and _possible(run) & {"_ORDER", "WORD"} == {"WORD"}:
                token = token.update(type="WORD")  # A name here, and what follows fails.
            run.feed_token(token)
    except UnexpectedCharacters as error:
        position: object = error.pos_in_stream
        assert isinstance(position, int)
        return _Failure(position)
    except UnexpectedToken as error:
        bad = error.token
        assert bad.start_pos is not None
        return _Failure(bad.start_pos, bad, previous, _possible(before), _possible(older))
    raise InternalError("a text parses at the second attempt that did not at the first")


def _copy(run: InteractiveParser) -> InteractiveParser:
    copied = run.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]  # lark's
    assert isinstance(copied, InteractiveParser)
    return copied


def _possible(run: InteractiveParser | None) -> frozenset[str]:
    return frozenset(run.accepts()) if run else frozenset()  # type: ignore[no-untyped-call]


def _bad_character(script: str, position: int) -> str:
    for opening, message in _OPENED.items():
        if script.startswith(opening, position):
            return message
    return f'unexpected character "{script[position]}"'


def _in_words(expected: frozenset[str]) -> str:
    """Name what could stand in a place, as a person would."""
    found: list[str] = []
    left = set(expected) - {"UNION_DISTINCT"}  # Read only to be refused by name.
    for signs, group, wording in _GROUPS:
        if signs <= left:
            found.append(wording)
            left -= group
    found += sorted((_WORDING.get(name, name) for name in left), key=lambda word: word.strip('"'))
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _hint(failure: _Failure) -> str | None:
    """Guess what was meant."""
    token, previous = failure.token, failure.previous
    assert token is not None
    word, before = token.upper(), previous.upper() if previous else ""
    absent = _ABSENT.get(word) or _ABSENT.get(before)
    meant = _alike(word, failure.expected)
    hint = None
    if absent or meant:
        hint = absent or f"Did you mean {meant}?"
    elif word == "SELECT" and "CASE" in failure.expected:
        hint = "A sub-query stands in FROM or WITH; others are CREATE TABLE … AS SELECT and a JOIN."
    elif before == "EMIT":
        hint = "It is EMIT CHANGES or EMIT FINAL."
    elif previous and previous.type == "WORD" and _alike(before, failure.expected_before):
        hint = f"Did you mean {_alike(before, failure.expected_before)} where {previous} stands?"
    elif token.type in _NAME and "TEXT" in failure.expected and "CASE" not in failure.expected:
        hint = "A string stands in single quotes."
    elif word in RESERVED - _SYNTAX_WORDS and "WORD" in failure.expected:
        hint = f"{word} is a reserved word; as a name it must be quoted: `{word}`."
    return hint


def _alike(word: str, expected: frozenset[str]) -> str | None:
    """Find the keyword among the expected tokens that the word may be a slip of."""
    # Where a name may stand, so may every word that is not reserved; those are no slips.
    telling = expected - NON_RESERVED if "WORD" in expected else expected
    keywords = sorted(KEYWORDS & {name.removeprefix("_") for name in telling})
    found = difflib.get_close_matches(word, keywords, 1, _LIKENESS)
    return found[0] if found and found[0] != word else None
