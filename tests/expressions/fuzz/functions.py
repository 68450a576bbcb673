"""What scalar functions give, from their descriptions: one row of a table each.

A parameter with `!` takes no NULL: the call raises. Else `nulls` says what a NULL argument does:
`return` makes the call NULL, `pass` hands it over.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.expressions.fuzz import numbers, texts
from tests.expressions.fuzz.model import Failed, Value

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - TIMESTAMPs are in UTC


@dataclass(frozen=True, slots=True)
class Function:
    """A function over arguments of fixed types; `parameters` may be literal SQL behind `=`."""

    name: str
    parameters: tuple[str, ...]
    returns: str
    run: Callable[..., Any]
    nulls: str = "return"


def _f(
    text: str, run: Callable[..., Any], nulls: str = "return", kinds: Sequence[str] = ("",)
) -> list[Function]:
    """`NAME(A | B) -> C`, for each type in `kinds` in the place of `#`."""
    found = []
    for kind in kinds:
        head, _, returns = text.replace("#", kind).partition(" -> ")
        name, _, inside = head.removesuffix(")").partition("(")
        parameters = tuple(inside.split(" | ")) if inside else ()
        found.append(Function(name, parameters, returns, run, nulls))
    return found


# ------------------------------------------------------------------ equality and order


def alike(left: Value, right: Value) -> bool:
    """Java's `equals`, NULL being equal to NULL."""
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[k], right[k]) for k in left)
    if left is None or right is None:
        return left is right
    return bool(left == right)


def has(items: Sequence[Value], item: Value) -> bool:
    """Whether an item is among others."""
    return any(alike(item, other) for other in items)


def unique(items: Sequence[Value]) -> list[Value]:
    """The items, each once."""
    found: list[Value] = []
    for item in items:
        if not has(found, item):
            found.append(item)
    return found


def order(value: Value) -> Any:
    """A key by which Java orders values."""
    if isinstance(value, str):
        return texts.units(value)
    if isinstance(value, bytes):
        return [byte - 256 if byte > 127 else byte for byte in value]
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value, math.copysign(1, value))
    return value


def _sorted(items: list[Value], *, descending: bool = False) -> list[Value]:
    some = [item for item in items if item is not None]
    return sorted(some, key=order, reverse=descending) + [None] * (len(items) - len(some))


def _sort(items: list[Value], direction: str) -> list[Value] | None:
    word = direction.upper()
    if word not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    return _sorted(items, descending=word.startswith("DESC"))


def _extreme(pick: Callable[..., Value]) -> Callable[..., Value]:
    def run(*values: Value) -> Value:
        return pick((v for v in values if v is not None), key=order, default=None)

    return run


def _of_array(pick: Callable[..., Value]) -> Callable[..., Value]:
    return lambda items: _extreme(pick)(*items)


# ------------------------------------------------------------------ numbers


def _round(number: float) -> int:
    if math.isnan(number):
        return 0
    if math.isinf(number) or abs(number) >= 2**63:
        return 2**63 - 1 if number > 0 else -(2**63)
    whole = math.floor(number)
    return whole + (Decimal(number) - whole >= Decimal("0.5"))


def _ceil(pick: Callable[[float], int]) -> Callable[[float], float]:
    """A whole number, -0.0 for one that was negative."""
    return lambda number: (
        math.copysign(float(pick(number)), number) if math.isfinite(number) else number
    )


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


# ------------------------------------------------------------------ text


def _substring(text: str, position: int, length: int | None = None) -> str:
    raw = texts.units(text)
    size = len(raw) // 2
    start = position - 1 if position > 0 else 0 if position == 0 else max(size + position, 0)
    if start >= size:
        return ""
    end = size if length is None else max(min(start + length, size), start)
    return texts.of_units(raw[2 * start : 2 * end])


def _instr(text: str | None, part: str | None) -> int:
    if text is None or part is None:
        return 0
    found = -1
    raw, wanted = texts.units(text), texts.units(part)
    for place in range(0, len(raw) + 1, 2):
        if raw[place : place + len(wanted)] == wanted:
            found = place // 2
            break
    return found + 1


def _pad(text: str, size: int, padding: str, *, left: bool) -> str | None:
    if not padding or size < 0:
        return None
    raw, fill = texts.units(text), texts.units(padding)
    if len(raw) >= 2 * size:
        return texts.of_units(raw[: 2 * size])
    added = (fill * (2 * size))[: 2 * size - len(raw)]
    return texts.of_units(added + raw if left else raw + added)


def _trim(text: str) -> str:
    return text.strip("".join(map(chr, range(0x21))))


def _concat_ws(separator: str, *items: str | None) -> str:
    return separator.join(item for item in items if item is not None)


def _elt(place: int, *items: str | None) -> str | None:
    return items[place - 1] if 1 <= place <= len(items) else None


def _field(wanted: str | None, *items: str | None) -> int:
    return items.index(wanted) + 1 if wanted is not None and wanted in items else 0


def _slice(items: list[Value] | None, start: int | None, end: int | None) -> Value:
    if items is None:
        return None
    first = 0 if start is None else start - 1
    last = len(items) if end is None else end
    if first < 0 or last > len(items) or first > last:
        return None
    return items[first:last]


def _series(start: int, end: int) -> list[int]:
    if abs(end - start) > 100:
        raise Failed
    step = 1 if end >= start else -1
    return list(range(start, end + step, step))


def _union(left: dict[str, Value] | None, right: dict[str, Value] | None) -> Value:
    if left is None or right is None:
        return right if left is None else left
    return {**left, **right}


def _join(items: list[Value], delimiter: str | None) -> str:
    written = (texts.text_of(item, "INT") for item in items)
    return (delimiter or "").join(written)


def _array_concat(left: list[Value] | None, right: list[Value] | None) -> Value:
    if left is None or right is None:
        return right if left is None else left
    return left + right


_T = ("INT", "BIGINT", "DOUBLE", "STRING", "BOOLEAN", "DATE", "TIMESTAMP", "ARRAY<INT>")
_ARRAYS = ("INT", "STRING", "DOUBLE")
_ORDERED = ("INT", "BIGINT", "STRING", "DATE", "TIME", "TIMESTAMP", "BYTES")

FUNCTIONS: list[Function] = [
    *_f("ABS(INT) -> INT", lambda n: numbers.wrapped(abs(n), "INT")),
    *_f("ABS(BIGINT) -> BIGINT", lambda n: numbers.wrapped(abs(n), "BIGINT")),
    *_f("ABS(DOUBLE) -> DOUBLE", abs),
    *_f("CEIL(DOUBLE) -> DOUBLE", _ceil(math.ceil)),
    *_f("FLOOR(DOUBLE) -> DOUBLE", _ceil(math.floor)),
    *_f("CEIL(#) -> #", lambda n: n, kinds=("INT", "BIGINT")),
    *_f("ROUND(DOUBLE) -> BIGINT", _round),
    *_f("TRUNC(DOUBLE) -> BIGINT", lambda n: numbers.to_integer(n, "BIGINT")),
    *_f("ROUND(#!) -> BIGINT", lambda n: n, kinds=("INT", "BIGINT")),
    *_f("SIGN(#) -> INT", _sign, kinds=("INT", "BIGINT", "DOUBLE")),
    *_f("GREATEST(# | #) -> #", _extreme(max), "pass", _ORDERED),
    *_f("LEAST(# | # | #) -> #", _extreme(min), "pass", _ORDERED),
    *_f("COALESCE(# | #) -> #", lambda a, b: b if a is None else a, "pass", _T),
    *_f("IFNULL(# | #) -> #", lambda a, b: b if a is None else a, "pass", _T),
    *_f(
        "NULLIF(# | #) -> #",
        lambda a, b: None if a is None or (b is not None and alike(a, b)) else a,
        "pass",
        ("INT", "STRING", "BIGINT", "DATE"),
    ),
    # Arrays
    *_f("ARRAY_LENGTH(ARRAY<#>) -> INT", len, kinds=_ARRAYS),
    *_f("ARRAY_CONCAT(ARRAY<#> | ARRAY<#>) -> ARRAY<#>", _array_concat, "pass", _ARRAYS),
    *_f(
        "ARRAY_CONTAINS(ARRAY<#> | #) -> BOOLEAN",
        lambda items, item: items is not None and has(items, item),
        "pass",
        _ARRAYS,
    ),
    *_f("ARRAY_DISTINCT(ARRAY<#>) -> ARRAY<#>", unique, kinds=_ARRAYS),
    *_f(
        "ARRAY_EXCEPT(ARRAY<#> | ARRAY<#>) -> ARRAY<#>",
        lambda a, b: unique([item for item in a if not has(b, item)]),
        kinds=_ARRAYS,
    ),
    *_f(
        "ARRAY_INTERSECT(ARRAY<#> | ARRAY<#>) -> ARRAY<#>",
        lambda a, b: unique([item for item in a if has(b, item)]),
        kinds=_ARRAYS,
    ),
    *_f("ARRAY_UNION(ARRAY<#> | ARRAY<#>) -> ARRAY<#>", lambda a, b: unique(a + b), kinds=_ARRAYS),
    *_f(
        "ARRAY_REMOVE(ARRAY<#> | #) -> ARRAY<#>",
        lambda items, item: (
            None if items is None else [other for other in items if not alike(other, item)]
        ),
        "pass",
        _ARRAYS,
    ),
    *_f("ARRAY_MAX(ARRAY<#>) -> #", _of_array(max), kinds=("INT", "STRING")),
    *_f("ARRAY_MIN(ARRAY<#>) -> #", _of_array(min), kinds=("INT", "STRING")),
    *_f("ARRAY_SORT(ARRAY<#>) -> ARRAY<#>", _sorted, kinds=("INT", "STRING")),
    *_f("ARRAY_SORT(ARRAY<#> | STRING) -> ARRAY<#>", _sort, kinds=("INT", "STRING")),
    *_f("ARRAY_SORT(ARRAY<#> | ='DESC') -> ARRAY<#>", _sort, kinds=("INT", "STRING")),
    *_f("SLICE(ARRAY<#> | INT | INT) -> ARRAY<#>", _slice, "pass", _ARRAYS),
    *_f("GENERATE_SERIES(=1! | =4!) -> ARRAY<INT>", _series),
    *_f("GENERATE_SERIES(=2! | =-2!) -> ARRAY<INT>", _series),
    *_f(
        "ARRAY_JOIN(ARRAY<#> | STRING) -> STRING",
        lambda items, delimiter: None if items is None else _join(items, delimiter),
        "pass",
        ("INT", "STRING"),
    ),
    # Maps
    *_f("ARRAY_SORT(MAP_KEYS(MAP<STRING, #>)) -> ARRAY<STRING>", _sorted, kinds=("INT",)),
    *_f("MAP_UNION(MAP<STRING, #> | MAP<STRING, #>) -> MAP<STRING, #>", _union, "pass", ("INT",)),
    # Text
    *_f("LCASE(STRING) -> STRING", str.lower),
    *_f("UCASE(STRING) -> STRING", str.upper),
    *_f("LEN(STRING) -> INT", lambda text: len(texts.units(text)) // 2),
    *_f("LEN(BYTES) -> INT", len),
    *_f("TRIM(STRING) -> STRING", _trim),
    *_f("SUBSTRING(STRING | INT) -> STRING", _substring),
    *_f("SUBSTRING(STRING | INT | INT) -> STRING", _substring),
    *_f("SUBSTRING(STRING | =2 | =2) -> STRING", _substring),
    *_f("INSTR(STRING | STRING) -> INT", _instr, "pass"),
    *_f("REPLACE(STRING | STRING | ='-') -> STRING", lambda a, b, c: a.replace(b, c)),
    *_f("LPAD(STRING | =5 | STRING) -> STRING", lambda a, n, b: _pad(a, n, b, left=True)),
    *_f("RPAD(STRING | =3 | STRING) -> STRING", lambda a, n, b: _pad(a, n, b, left=False)),
    *_f(
        "CONCAT(STRING | STRING | STRING) -> STRING",
        lambda *items: "".join(item for item in items if item is not None),
        "pass",
    ),
    *_f(
        "CONCAT_WS(STRING | STRING | STRING) -> STRING",
        lambda separator, *items: None if separator is None else _concat_ws(separator, *items),
        "pass",
    ),
    *_f("ELT(INT! | STRING | STRING) -> STRING", _elt, "pass"),
    *_f("FIELD(STRING | STRING | STRING) -> INT", _field, "pass"),
    *_f("SPLIT(STRING | =',') -> ARRAY<STRING>", lambda text, by: text.split(by)),
    *_f("MD5(STRING) -> STRING", lambda text: hashlib.md5(text.encode()).hexdigest()),  # noqa: S324
    *_f("FROM_BYTES(BYTES | ='hex') -> STRING", lambda raw, _: raw.hex().upper()),
    *_f("TO_BYTES(STRING | ='utf8') -> BYTES", lambda text, _: text.encode()),
    # Times
    *_f("UNIX_DATE(DATE) -> INT", lambda day: (day - _EPOCH.date()).days),
    *_f(
        "UNIX_TIMESTAMP(TIMESTAMP) -> BIGINT",
        lambda moment: (moment - _EPOCH) // dt.timedelta(milliseconds=1),
    ),
    *_f("FROM_UNIXTIME(=86400123) -> TIMESTAMP", lambda ms: _EPOCH + dt.timedelta(milliseconds=ms)),
    *_f("DATEADD(=DAYS | =3 | DATE) -> DATE", lambda _, n, day: day + dt.timedelta(days=n)),
    *_f(
        "TIMESTAMPSUB(=HOURS | =5 | TIMESTAMP) -> TIMESTAMP",
        lambda _, n, moment: moment - dt.timedelta(hours=n),
    ),
]
