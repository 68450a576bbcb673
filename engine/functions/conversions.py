"""Java's conversions between text and values, for rows that plain SQL would treat otherwise.

Each SQL maker takes the common spellings with DuckDB's own functions and sends only the others to
Python. Source: parity/statements.md, section 8; parity/semantics.md, section 12, items 9 to 13, 22.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from decimal import Decimal

from merganser.engine import types
from merganser.engine.functions.python_function import CallFailedError, define
from merganser.engine.functions.time_text import (
    date_text,
    date_text_days,
    time_text_ms,
    timestamp_text,
    timestamp_text_ms,
)
from merganser.engine.java_numbers import double_text, parse_decimal, parse_double

_BLANKS = "".join(map(chr, range(33)))
_BLANKS_SQL = "E'" + "".join(f"\\x{code:02x}" for code in range(1, 33)) + "'"
_PLAIN_DIGITS_MAX = 30


def _parse_long(text: str) -> int:
    """`Long.parseLong` after `trim`: any Unicode digits, one sign."""
    digits = text.strip(_BLANKS)
    unsigned = digits[1:] if digits[:1] in ("+", "-") else digits
    if not unsigned or not all(letter.isdecimal() for letter in unsigned):
        raise CallFailedError
    number = int(digits)
    if not -(2**63) <= number < 2**63:
        raise CallFailedError
    return number


def _parse_double(text: str) -> float:
    """`Double.parseDouble` after `trim`; NaN and Infinity are refused."""
    number = parse_double(text)
    if number is None or text.strip(_BLANKS).lstrip("+-") in ("NaN", "Infinity"):
        raise CallFailedError
    return number


def _decimal_plain(text: str) -> str:
    """What `new BigDecimal(trimmed)` reads, in plain notation."""
    number = parse_decimal(text.strip(_BLANKS))
    if number is None or number.adjusted() > 100:
        raise CallFailedError
    return f"{number:f}"


def _given(number: int | None) -> int:
    if number is None:
        raise CallFailedError
    return number


def _base64(text: str) -> bytes:
    """Base64 as `java.util.Base64.getDecoder` takes it: padding may be left out."""
    if "=" not in text:
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallFailedError from error


def _big_decimal_text(plain: str) -> str:
    """`BigDecimal.toString` of plain notation: `1E-7`."""
    return str(Decimal(plain))


@functools.lru_cache(maxsize=256)
def _like_pattern(pattern: str, escape: str) -> re.Pattern[str]:
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(re.escape(_given_letter(next(letters, None))))
        else:
            parts.append(_WILDCARDS.get(letter) or re.escape(letter))
    return re.compile("".join(parts))


_NO_LINE_BREAK = "[^\n\r\x85\u2028\u2029]"
_WILDCARDS = {"%": _NO_LINE_BREAK + "*?", "_": _NO_LINE_BREAK}


def _given_letter(letter: str | None) -> str:
    if letter is None:
        raise CallFailedError
    return letter


def _like(text: str, pattern: str, escape: str) -> bool:
    """LIKE by a regular expression, as ksqlDB does it."""
    return _like_pattern(pattern, escape).fullmatch(text) is not None


_TEXT = types.STRING
define("$like", (_TEXT, _TEXT, _TEXT), types.BOOLEAN, _like, raises=True)
define("$double_text", (types.DOUBLE,), types.STRING, double_text)
define("$big_decimal_text", (types.STRING,), types.STRING, _big_decimal_text)
define("$parse_long", (types.STRING,), types.BIGINT, _parse_long)
define("$parse_double", (types.STRING,), types.DOUBLE, _parse_double)
define("$decimal_plain", (types.STRING,), types.STRING, _decimal_plain)
define("$utf16", (types.STRING,), types.BYTES, lambda text: text.encode("utf-16-be"))
define("$base64", (types.STRING,), types.BYTES, _base64)
define("$date_text", (types.INTEGER,), types.STRING, date_text)
define("$timestamp_text", (types.BIGINT,), types.STRING, timestamp_text)
define("$date_days", (types.STRING,), types.INTEGER, lambda text: _given(date_text_days(text)))
define("$time_ms", (types.STRING,), types.BIGINT, lambda text: _given(time_text_ms(text)))
define("$timestamp_ms", (types.STRING,), types.BIGINT, lambda text: _given(timestamp_text_ms(text)))


def double_sql(sql: str) -> str:
    """`Double.toString`: DuckDB writes numbers of usual size alike."""
    return (
        f"CASE WHEN ({sql}) = 0 OR (abs({sql}) >= 0.001 AND abs({sql}) < 10000000) "
        f'THEN CAST(({sql}) AS VARCHAR) ELSE "$double_text"({sql}) END'
    )


def date_sql(sql: str) -> str:
    """`yyyy-MM-dd`."""
    days = f"CAST(({sql}) - DATE '1970-01-01' AS INTEGER)"
    return (
        f"CASE WHEN year({sql}) BETWEEN 1 AND 9999 THEN CAST(({sql}) AS VARCHAR) "
        f'ELSE "$date_text"({days}) END'
    )


def time_sql(sql: str) -> str:
    """`HH:mm` or `HH:mm:ss`; milliseconds are left out."""
    return f"left(CAST(({sql}) AS VARCHAR), CASE WHEN second({sql}) = 0 THEN 5 ELSE 8 END)"


def timestamp_sql(sql: str) -> str:
    """`yyyy-MM-dd'T'HH:mm:ss.SSS` in UTC."""
    return (
        f"CASE WHEN year({sql}) BETWEEN 1 AND 9999 "
        f"THEN strftime({sql}, '%Y-%m-%dT%H:%M:%S.%g') "
        f'ELSE "$timestamp_text"(epoch_ms({sql})) END'
    )


def _has_only(sql: str, letters: str) -> str:
    """Whether a text may be a number or a time at all: other ASCII letters rule it out."""
    return f"regexp_full_match({sql}, '[{letters}\\x{{00}}-\\x{{20}}\\x{{80}}-\\x{{10FFFF}}]*')"


def parse_long_sql(sql: str) -> str:
    """A 64-bit number from text; NULL where Java raises.

    TRY_CAST though the text is known to be one: over a dictionary (a struct's field, a join's side)
    DuckDB casts also the texts that CASE keeps out.
    """
    return (
        f"CASE WHEN regexp_full_match({sql}, '[+-]?[0-9]{{1,18}}') "
        f"THEN TRY_CAST(({sql}) AS BIGINT) "
        f'WHEN {_has_only(sql, "-+0-9")} THEN "$parse_long"({sql}) END'
    )


def parse_double_sql(sql: str) -> str:
    """A DOUBLE from text; NULL where Java raises."""
    return (
        f"CASE WHEN regexp_full_match({sql}, '[+-]?[0-9]{{1,17}}(\\.[0-9]{{1,17}})?') "
        f"THEN TRY_CAST(({sql}) AS DOUBLE) "
        f'WHEN {_has_only(sql, "-+.0-9a-fA-FxXpP")} THEN "$parse_double"({sql}) END'
    )


def decimal_plain_sql(sql: str) -> str:
    """The plain spelling of a decimal number in a text; NULL where Java raises."""
    digits = f"{{1,{_PLAIN_DIGITS_MAX}}}"
    return (
        f"CASE WHEN regexp_full_match({sql}, '[+-]?[0-9]{digits}(\\.[0-9]{digits})?') "
        f'THEN ({sql}) WHEN {_has_only(sql, "-+.0-9eE")} THEN "$decimal_plain"({sql}) END'
    )


def double_plain_sql(sql: str) -> str:
    """The shortest text of a DOUBLE in plain notation, as BigDecimal.valueOf reads it."""
    text = f"CAST(({sql}) AS VARCHAR)"
    return (
        f"CASE WHEN ({sql}) = 0 OR (abs({sql}) >= 0.001 AND abs({sql}) < 1e15) "
        f'THEN {text} ELSE "$decimal_plain"({text}) END'
    )


def parse_boolean_sql(sql: str) -> str:
    """TRUE for a beginning of `true` or `yes`, else FALSE."""
    word = f"lower(trim({sql}, {_BLANKS_SQL}))"
    return f"(({word}) <> '' AND (starts_with('true', {word}) OR starts_with('yes', {word})))"


def parse_timestamp_sql(sql: str) -> str:
    """A TIMESTAMP from ISO text, parts from the right missing; NULL where ksqlDB raises."""
    return (
        f"CASE WHEN regexp_full_match({sql}, "
        "'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{3})?') "
        f"THEN TRY_CAST(({sql}) AS TIMESTAMP) "
        f"WHEN {_has_only(sql, '-+:.0-9TZ')} "
        f'THEN make_timestamp_ms("$timestamp_ms"({sql})) END'
    )


def parse_date_sql(sql: str) -> str:
    """A DATE from `yyyy[-MM[-dd]]`."""
    return f"(DATE '1970-01-01' + \"$date_days\"({sql}))"


def parse_time_sql(sql: str) -> str:
    """A TIME from `HH:mm[:ss[.SSS]]`."""
    return f"(TIME '00:00:00' + to_milliseconds(\"$time_ms\"({sql})))"


def parse_base64_sql(sql: str) -> str:
    """BYTES from base64 text."""
    return f'"$base64"({sql})'
