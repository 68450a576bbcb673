"""ABS, CEIL, FLOOR, ROUND, TRUNC, GREATEST, LEAST."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext

from merganser.engine import types
from merganser.engine.duck import DECIMAL_PRECISION_MAX, physical_type
from merganser.engine.functions.decimals import common_decimal, is_wide
from merganser.engine.functions.function import (
    RAISES_IF_NULL,
    SCALARS,
    CallSite,
    CallSql,
    Nulls,
    Overload,
    ScalarFunction,
    fill,
    scalar,
)
from merganser.engine.functions.lists import sorted_list
from merganser.engine.functions.python_function import define, python
from merganser.engine.functions.utf16 import signed
from merganser.engine.types import DecimalType, SqlType

_CATEGORY = "MATHEMATICAL"
_EXACT = Context(prec=1000, Emax=10**6, Emin=-(10**6))
_LONG_MAX = "9223372036854775807"


def _same(kinds: tuple[SqlType, ...], _values: tuple[object, ...]) -> SqlType:
    return kinds[0]


def _whole(kinds: tuple[SqlType, ...], _values: tuple[object, ...]) -> SqlType:
    """DECIMAL(p, s) → DECIMAL(p - s, 0)."""
    kind = kinds[0]
    assert isinstance(kind, DecimalType)
    return DecimalType(max(kind.precision - kind.scale, 1), 0)


def _absolute(bits: int) -> str:
    least = -(1 << bits - 1)
    return f"CASE WHEN {{0}} = {least} THEN {{0}} ELSE abs({{0}}) END"


SCALARS.add(
    "ABS",
    ScalarFunction(
        scalar("(INT) -> INT", _absolute(32)),
        scalar("(BIGINT) -> BIGINT", _absolute(64)),
        scalar("(DOUBLE) -> DOUBLE", "abs({0})"),
        scalar("(DECIMAL)", "CAST(abs({0}) AS {type})", result=_same),
        doc="The number without its sign.",
        category=_CATEGORY,
        examples={
            "ABS(-3)": 3,
            "ABS(-2.50)": Decimal("2.50"),
            "ABS(CAST('-2147483648' AS INT))": -2147483648,
            "ABS(CAST(NULL AS INT))": None,
        },
    ),
)
for _name, _word in (("CEIL", "least"), ("FLOOR", "largest")):
    _side = "not less" if _name == "CEIL" else "not greater"
    SCALARS.add(
        _name,
        ScalarFunction(
            scalar("(INT) -> INT", "{0}"),
            scalar("(BIGINT) -> BIGINT", "{0}"),
            scalar("(DOUBLE) -> DOUBLE", f"{_name.lower()}({{0}})"),
            scalar(
                "(DECIMAL)",
                f"TRY_CAST({_name.lower()}({{0}}) AS {{type}})",
                fails=RAISES_IF_NULL,
                result=_same,
            ),
            doc=f"The {_word} whole number {_side} than a number.",
            category=_CATEGORY,
            examples={
                f"{_name}(1.50)": Decimal("2.00" if _name == "CEIL" else "1.00"),
                f"{_name}(-1.5E0)": -1.0 if _name == "CEIL" else -2.0,
                f"{_name}(CAST(NULL AS DOUBLE))": None,
            },
        ),
    )


# ------------------------------------------------------------------ ROUND, TRUNC


def _saturated(whole: str) -> str:
    """A DOUBLE without fraction as BIGINT, as Java's cast does it."""
    return (
        f"CASE WHEN isnan({{0}}) THEN 0 WHEN {{0}} >= {_LONG_MAX} THEN {_LONG_MAX} "
        f"WHEN {{0}} <= -9223372036854775808 THEN CAST('-9223372036854775808' AS BIGINT) "
        f"ELSE TRY_CAST({whole} AS BIGINT) END"
    )


# floor(x + 0.5) would round 0.49999999999999994 up.
_HALF_UP = "floor({0}) + CASE WHEN {0} - floor({0}) >= 0.5 THEN 1 ELSE 0 END"


def _at_scale(number: Decimal, scale: int, *, cut: bool) -> Decimal:
    """A number at a scale, cut or rounded; half goes towards positive infinity."""
    rounding = ROUND_DOWN if cut else ROUND_HALF_DOWN if number < 0 else ROUND_HALF_UP
    with localcontext(_EXACT):
        return number.quantize(Decimal(1).scaleb(-scale), rounding=rounding)


def _round_double(number: float, scale: int) -> float:
    return float(_at_scale(Decimal(repr(number)), scale, cut=False))


def _cut_double(number: float, scale: int) -> float:
    return float(_at_scale(Decimal(repr(number)), scale, cut=True))


def _round_text(number: str, scale: int, cut: bool) -> str:
    return f"{_at_scale(Decimal(number), scale, cut=cut):f}"


define(
    "$decimal_at_scale",
    (types.STRING, types.INTEGER, types.BOOLEAN),
    types.STRING,
    _round_text,
)


def _decimal_at_scale(*, cut: bool) -> Overload:
    """DECIMAL and a scale: in DuckDB for a literal scale that leaves room, else in Python."""
    word = "TRUE" if cut else "FALSE"
    text = f'"$decimal_at_scale"(CAST({{0}} AS VARCHAR), {{1}}, {word})'
    slow = f"TRY_CAST({text} AS {{type}})"

    def sql(site: CallSite) -> str:
        kind, scale = site.types[0], site.literals[1]
        assert isinstance(kind, DecimalType)
        if not isinstance(scale, int) or kind.precision + abs(scale) >= DECIMAL_PRECISION_MAX:
            return fill(slow, site)
        if scale >= kind.scale:
            return f"({site.sql[0]})"
        value = f"CAST({site.sql[0]} AS DECIMAL({DECIMAL_PRECISION_MAX}, {kind.scale}))"
        moved = value + _power(scale)
        whole = f"trunc({moved})" if cut else f"floor({moved} + CAST(0.5 AS DECIMAL(2, 1)))"
        return f"TRY_CAST({whole}{_power(-scale)} AS {physical_type(site.returns)})"

    return scalar("(DECIMAL, INT)", sql, fails=RAISES_IF_NULL, result=_same)


def _power(exponent: int) -> str:
    """` * 10 ** exponent` as an exact DECIMAL."""
    if exponent == 0:
        return ""
    if exponent > 0:
        return f" * CAST(1{'0' * exponent} AS DECIMAL({exponent + 1}, 0))"
    size = -exponent
    return f" * CAST('0.{'1'.zfill(size)}' AS DECIMAL({size}, {size}))"


def _whole_decimal(*, cut: bool) -> Overload:
    def sql(site: CallSite) -> str:
        kind = physical_type(site.returns)
        if is_wide(site.types[0]):
            word = "TRUE" if cut else "FALSE"
            text = f'"$decimal_at_scale"({site.sql[0]}, 0, {word})'
            return f"TRY_CAST({text} AS {kind})"
        if cut:
            return f"TRY_CAST(trunc({site.sql[0]}) AS {kind})"
        return f"TRY_CAST(floor({site.sql[0]} + CAST(0.5 AS DECIMAL(2, 1))) AS {kind})"

    return scalar("(DECIMAL)", sql, fails=RAISES_IF_NULL, result=_whole)


SCALARS.add(
    "ROUND",
    ScalarFunction(
        scalar("(INT!) -> BIGINT", "CAST({0} AS BIGINT)"),
        scalar("(BIGINT!) -> BIGINT", "{0}"),
        scalar("(DOUBLE) -> BIGINT", _saturated(_HALF_UP)),
        python("$round_double", "(DOUBLE, INT) -> DOUBLE", _round_double),
        _whole_decimal(cut=False),
        _decimal_at_scale(cut=False),
        doc="The nearest whole number, or number of so many decimals; half goes up.",
        category=_CATEGORY,
        examples={
            "ROUND(1.5E0)": 2,
            "ROUND(-1.5E0)": -1,
            "ROUND(2.499)": Decimal(2),
            "ROUND(12.345, 2)": Decimal("12.350"),
            "ROUND(1234.5678E0, -2)": 1200.0,
            "ROUND(CAST(NULL AS DOUBLE))": None,
        },
    ),
)
SCALARS.add(
    "TRUNC",
    ScalarFunction(
        scalar("(INT!) -> BIGINT", "CAST({0} AS BIGINT)"),
        scalar("(BIGINT!) -> BIGINT", "{0}"),
        scalar("(DOUBLE) -> BIGINT", _saturated("trunc({0})")),
        python("$cut_double", "(DOUBLE, INT) -> DOUBLE", _cut_double),
        _whole_decimal(cut=True),
        _decimal_at_scale(cut=True),
        doc="The number without its fraction, or with only so many decimals.",
        category=_CATEGORY,
        examples={
            "TRUNC(1.9E0)": 1,
            "TRUNC(-1.9)": Decimal(-1),
            "TRUNC(12.345, 2)": Decimal("12.340"),
            "TRUNC(1234.5678E0, -2)": 1200.0,
            "TRUNC(CAST(NULL AS DOUBLE))": None,
        },
    ),
)


# ------------------------------------------------------------------ GREATEST, LEAST


def _common(kinds: tuple[SqlType, ...], _values: tuple[object, ...]) -> SqlType:
    decimals = [kind for kind in kinds if isinstance(kind, DecimalType)]
    found = decimals[0]
    for kind in decimals[1:]:
        found = common_decimal(found, kind)
    return found


def _extreme_text(name: str) -> CallSql:
    """The first or last of texts by their UTF-16 units."""

    def sql(site: CallSite) -> str:
        items = f"[{', '.join(site.sql)}]"
        return f"({sorted_list(items, types.STRING, 'ASC' if name == 'least' else 'DESC')})[1]"

    return sql


define("$signed_bytes", (types.BYTES,), types.BYTES, signed)


def _extreme_bytes(pick: Callable[..., bytes | None]) -> Callable[..., bytes | None]:
    def row(first: bytes | None, others: list[bytes | None]) -> bytes | None:
        given = [raw for raw in (first, *others) if raw is not None]
        return pick(given, key=signed, default=None)

    return row


_ORDERED = (
    "INT",
    "BIGINT",
    "DOUBLE",
    "DATE",
    "TIME",
    "TIMESTAMP",
)
for _name in ("GREATEST", "LEAST"):
    SCALARS.add(
        _name,
        ScalarFunction(
            *(
                scalar(
                    f"({kind}, {kind}...) -> {kind}", f"{_name.lower()}({{args}})", nulls=Nulls.PASS
                )
                for kind in _ORDERED
            ),
            scalar("(STRING, STRING...) -> STRING", _extreme_text(_name.lower()), nulls=Nulls.PASS),
            python(
                f"${_name.lower()}_bytes",
                "(BYTES, BYTES...) -> BYTES",
                _extreme_bytes(max if _name == "GREATEST" else min),
                nulls=Nulls.PASS,
                raises=False,
            ),
            scalar(
                "(DECIMAL, DECIMAL...)",
                f"CAST({_name.lower()}({{args}}) AS {{type}})",
                nulls=Nulls.PASS,
                result=_common,
            ),
            doc=f"The {_name.lower()} of several values; NULLs are left out.",
            category=_CATEGORY,
            examples={
                f"{_name}(2, 3, 1)": 3 if _name == "GREATEST" else 1,
                f"{_name}('b', NULL, 'a')": "b" if _name == "GREATEST" else "a",
                f"{_name}(CAST(NULL AS INT), NULL)": None,
            },
        ),
    )
