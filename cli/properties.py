r"""Properties files as Java writes them: `name=value` or `name: value` lines, `\` continues one."""

from __future__ import annotations

import re
from pathlib import Path

from merganser.errors import PropertyError

_PAIR = re.compile(r"((?:\\.|[^\\=:\s])+)\s*[=:\s]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def read_properties(file: Path) -> dict[str, str]:
    """Reads a properties file; of a name given twice the last value counts.

    Raises:
        PropertyError: The file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise PropertyError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PropertyError(f"cannot read {file}: it is not UTF-8 text") from error
    return parse_properties(text)


def parse_properties(text: str) -> dict[str, str]:
    r"""Parses the text of a properties file.

    >>> parse_properties("# mine\na.b = c\\\n   d\ne:f=g\n")
    {'a.b': 'cd', 'e': 'f=g'}
    """
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        pair = _PAIR.match(line)
        if pair:
            found[_unescaped(pair[1])] = _unescaped(pair[2])
    return found


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    pending = ""
    for raw in text.splitlines():
        line = raw.lstrip()
        if not pending and line.startswith(("#", "!")):
            continue
        pending += line
        backslashes = len(pending) - len(pending.rstrip("\\"))
        if backslashes % 2:
            pending = pending[:-1]
            continue
        lines.append(pending)
        pending = ""
    return [line for line in [*lines, pending] if line]


def _unescaped(text: str) -> str:
    def letter(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _LETTERS.get(code, code)

    return _ESCAPE.sub(letter, text)
