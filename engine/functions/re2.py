r"""Literal Java patterns that RE2, and so DuckDB, reads alike.

Both take the leftmost match and the first alternative. What RE2 lacks or means otherwise
(look-around, back references, possessive quantifiers, `$`, `\b`, flags, nested classes) is left to
Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from merganser.engine.functions.java_regex import compile_pattern
from merganser.engine.functions.python_function import CallFailedError

_REPEAT = re.compile(r"\{\d{1,3}(?:,\d{0,3})?\}", re.ASCII)
_CLASSES = {"d": "0-9", "w": "a-zA-Z_0-9", "s": " \\t\\n\\x0b\\f\\r"}
_ANY = "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"


@dataclass(frozen=True, slots=True)
class Re2:
    """A pattern for DuckDB.

    Attributes:
        group_count: How many groups it has.
        groups_always_match: Every group takes part in every match, so none is NULL.
        matches_empty: It matches the empty text; searches for it go on otherwise than in Java.
    """

    pattern: str
    group_count: int
    groups_always_match: bool
    matches_empty: bool


class _Unlike(Exception):  # noqa: N818 — an expected outcome.
    """RE2 would read the pattern otherwise, or not at all."""


def to_re2(pattern: object) -> Re2 | None:
    """A literal Java pattern for DuckDB, or None if it has to stay in Python."""
    if not isinstance(pattern, str) or not pattern:
        return None
    try:
        text = _Translator(pattern).translate()
        compiled = compile_pattern(pattern)
    except (_Unlike, CallFailedError):
        return None
    optional = "|" in pattern or re.search(r"\)[*?{]", pattern) is not None
    return Re2(text, compiled.groups, not optional, compiled.search("") is not None)


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def translate(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._part())
        return "".join(parts)

    def _part(self) -> str:
        letter = self._pattern[self._at]
        match letter:
            case "\\":
                return self._escape(in_class=False)
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "*" | "+" | "?" | "{":
                return self._quantifier()
            case "^" if self._at > 0:
                raise _Unlike
            case "$" | "}":
                raise _Unlike
            case _:
                self._at += 1
                return _ANY if letter == "." else letter

    def _group(self) -> str:
        rest = self._pattern[self._at + 1 :]
        if rest.startswith("?") and not rest.startswith("?:"):
            raise _Unlike
        self._at += 1
        if rest.startswith("?:"):
            self._at += 2
            return "(?:"
        return "("

    def _quantifier(self) -> str:
        found = _REPEAT.match(self._pattern, self._at)
        text = found[0] if found else self._pattern[self._at]
        if text == "{" or self._at == 0:
            raise _Unlike
        self._at += len(text)
        behind = self._pattern[self._at : self._at + 1]
        if behind == "+":
            raise _Unlike  # Possessive.
        if behind == "?":
            self._at += 1
            return text + "?"
        return text

    def _escape(self, *, in_class: bool) -> str:
        letter = self._pattern[self._at + 1 : self._at + 2]
        self._at += 2
        if letter in _CLASSES:
            return _CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"
        if letter in "DWS" and letter and not in_class:
            return f"[^{_CLASSES[letter.lower()]}]"
        if letter and letter in "tnrf":
            return "\\" + letter
        if letter and letter.isascii() and not letter.isalnum():
            return "\\" + letter
        raise _Unlike

    def _class(self) -> str:
        parts = ["["]
        self._at += 1
        if self._pattern[self._at : self._at + 1] == "^":
            parts.append("^")
            self._at += 1
        first = self._at
        while self._at < len(self._pattern):
            letter = self._pattern[self._at]
            if letter == "]" and self._at > first:
                self._at += 1
                return "".join([*parts, "]"])
            if letter in "[]" or self._pattern.startswith("&&", self._at):
                raise _Unlike
            if letter == "\\":
                parts.append(self._escape(in_class=True))
            else:
                parts.append(letter)
                self._at += 1
        raise _Unlike


def to_re2_replacement(replacement: object, group_count: int) -> str | None:
    r"""A literal Java replacement for DuckDB: `$1` is `\1` there. None if it is wrong or unlike."""
    if not isinstance(replacement, str):
        return None
    parts: list[str] = []
    at = 0
    while at < len(replacement):
        letter = replacement[at]
        if letter == "\\":
            letter = replacement[at + 1 : at + 2]
            if not letter:
                return None
            at += 1
        elif letter == "$":
            digit, behind = replacement[at + 1 : at + 2], replacement[at + 2 : at + 3]
            if not (digit.isascii() and digit.isdigit()) or int(digit) > group_count:
                return None
            if behind.isdigit():
                return None
            parts.append("\\" + digit)
            at += 2
            continue
        parts.append("\\\\" if letter == "\\" else letter)
        at += 1
    return "".join(parts)
