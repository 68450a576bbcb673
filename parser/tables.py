"""The parse tables: made from the grammar once, then kept in the user's cache folder.

Making them takes over half a second, loading them some hundredths. The file's name holds a digest
of the grammar and of the versions of lark and Python, so that each finds its own. It is written
beside and renamed, so that processes may do this at the same time; where the folder cannot be
written, the tables are made anew in each process.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import lark
from lark import Lark, Token

from merganser.parser.words import GRAMMAR_PATH, RESERVED

START_RULES: Final = ("terminated", "statement", "expression", "type_alone")

_DIGEST_BYTES = 32  # SHA-256, in front of the tables.

_logger = logging.getLogger(__name__)


class _WholeTokens:
    """Has the lexer see words, numbers and texts whole, also where they do not fit.

    So DROPTABLE is one word and 2.5 one number in every place; only which words are keywords
    depends on the place.
    """

    always_accept = (
        "WORD",
        "DIGIT_WORD",
        "QUOTED_NAME",
        "TEXT",
        "DOLLAR_TEXT",
        "INTEGER_NUMBER",
        "DECIMAL_NUMBER",
        "DOUBLE_NUMBER",
    )

    @staticmethod
    def process(stream: Iterable[Token]) -> Iterable[Token]:
        """Give the tokens as they come."""
        return stream


def _reserve(word: Token) -> Token:
    """Keep a reserved word from being a name where the grammar does not have it as a keyword."""
    upper = word.upper()
    return word.update(type=upper) if upper in RESERVED else word


@cache
def parser() -> Lark:
    """Give the parser, one for the process."""
    grammar = GRAMMAR_PATH.read_text(encoding="utf-8")
    path = cache_folder() / _file_name(grammar)
    loaded = _load(path)
    if loaded is None:
        loaded = _make(grammar)
        _save(loaded, path)
    return loaded


def cache_folder() -> Path:
    """Give the folder for what can be made again: `$MERGANSER_CACHE_DIR`, or by the XDG rules."""
    own = os.environ.get("MERGANSER_CACHE_DIR")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "merganser"


def _file_name(grammar: str) -> str:
    own_code = Path(__file__).read_text(encoding="utf-8")
    made_by = "\n".join([grammar, own_code, lark.__version__, sys.version])
    return f"parser-{hashlib.sha256(made_by.encode()).hexdigest()[:16]}.tables"


def _make(grammar: str, *, debug: bool = False) -> Lark:
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=list(START_RULES),
        propagate_positions=True,
        maybe_placeholders=False,
        g_regex_flags=re.IGNORECASE | re.ASCII,
        postlex=_WholeTokens(),
        lexer_callbacks={"WORD": _reserve},
        debug=debug,
    )


def _load(path: Path) -> Lark | None:
    """Read the tables; None if they are not there, not ours or broken."""
    try:
        # A pickle runs code, so it must be one that this user wrote.
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, tables = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(tables).digest() != digest:
        _logger.warning("parse tables in %s are broken and made anew", path)
        return None
    return Lark.load(io.BytesIO(tables))


def _save(parser_made: Lark, path: Path) -> None:
    """Write the tables if the folder can be written."""
    buffer = io.BytesIO()
    parser_made.save(buffer)
    tables = buffer.getvalue()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".parser-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(tables).digest() + tables)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        _logger.debug("parse tables cannot be kept in %s: %s", path.parent, error)
