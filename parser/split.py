"""A script cut into statements: at each `;` that is not inside quotes or a comment.

Used for files, for requests with several statements and, line by line, by the REPL.
Source: parity/statements.md, section 1; parity/cli-and-ops.md, 1.3 and 4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PIECE: Final = re.compile(
    r"""
      (?P<directive> --@[^\n]* )
    | (?P<comment>   --[^\n]* | /\*.*?\*/ )
    | (?P<quoted>    '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \$\$(?!\{).*?\$\$ )
    | (?P<open>      ' .* | " .* | ` .* | /\* .* | \$\$(?!\{).* )
    | (?P<end>       ; )
    | (?P<space>     \s+ )
    | (?P<other>     [^-/'"`;$\s]+ | [-/$] )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ScriptPart:
    """One statement of a script, not parsed yet.

    Attributes:
        text: From the statement's first character to its `;`, comments inside included.
        line: 1-based line of the first character in the script.
        column: 1-based column of the first character in that line.
        complete: Whether the `;` is there. Only the last part of a script may lack it.
        offset: Index of the first character in the script.
        directives: `--@…` comments between the statement before and this one, as written.

    """

    text: str
    line: int
    column: int
    complete: bool = True
    offset: int = 0
    directives: tuple[str, ...] = ()


def split_script(text: str) -> list[ScriptPart]:
    r"""Cut a script into its statements. Blank text and comments between them are left out.

    >>> [part.text for part in split_script("SHOW TOPICS; -- a;b\nPRINT 'a;b';")]
    ['SHOW TOPICS;', "PRINT 'a;b';"]
    """
    parts: list[ScriptPart] = []
    directives: list[str] = []
    start: int | None = None
    end = 0

    def close(complete: bool) -> None:
        assert start is not None
        line_start = text.rfind("\n", 0, start) + 1
        line = text.count("\n", 0, start) + 1
        part = text[start:end]
        parts.append(
            ScriptPart(part, line, start - line_start + 1, complete, start, tuple(directives))
        )
        directives.clear()

    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup
        if kind == "directive" and start is None:
            directives.append(piece[0].rstrip())
        if kind in {"directive", "comment", "space"}:
            continue
        if start is None:
            start = piece.start()
        end = piece.end()
        if kind == "end":
            close(complete=True)
            start = None
    if start is not None:
        close(complete=False)
    return parts


def is_complete(text: str) -> bool:
    """Tell whether every statement in the text has its `;`, as the REPL asks after each line.

    >>> is_complete("SHOW TOPICS"), is_complete("SHOW TOPICS; -- all"), is_complete("PRINT 'a;")
    (False, True, False)
    """
    parts = split_script(text)
    return bool(parts) and parts[-1].complete
