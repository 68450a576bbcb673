"""Mathematical functions of DOUBLE: trigonometry, logarithms, powers."""

from __future__ import annotations

import math

from merganser.engine.functions.function import SCALARS, Overload, ScalarFunction, scalar, volatile

_CATEGORY = "MATHEMATICAL"
_NAN = "CAST('nan' AS DOUBLE)"
_INFINITY = "CAST('infinity' AS DOUBLE)"


def _doubles(template: str, count: int = 1, returns: str = "DOUBLE") -> tuple[Overload, ...]:
    """Overloads for INT, BIGINT and DOUBLE arguments, computed in DOUBLE."""
    overloads: list[Overload] = []
    for kind in ("INT", "BIGINT", "DOUBLE"):
        cast = template
        for index in range(count):
            cast = cast.replace(f"{{{index}}}", f"CAST({{{index}}} AS DOUBLE)")
        parameters = ", ".join([kind] * count)
        text = template if kind == "DOUBLE" else cast
        overloads.append(scalar(f"({parameters}) -> {returns}", text))
    return tuple(overloads)


_LN = f"CASE WHEN {{0}} = 0 THEN -{_INFINITY} ELSE ln({{0}}) END"

_ONE: dict[str, tuple[str, str, float | int, float]] = {
    "ACOS": ("acos({0})", "The angle whose cosine is given, in radians.", 1, 0.0),
    "ASIN": ("asin({0})", "The angle whose sine is given, in radians.", 0, 0.0),
    "ATAN": ("atan({0})", "The angle whose tangent is given, in radians.", 0, 0.0),
    "COS": ("cos({0})", "The cosine of an angle in radians.", 0, 1.0),
    "SIN": ("sin({0})", "The sine of an angle in radians.", 0, 0.0),
    "TAN": ("tan({0})", "The tangent of an angle in radians.", 0, 0.0),
    "COSH": ("cosh({0})", "The hyperbolic cosine.", 0, 1.0),
    "SINH": ("sinh({0})", "The hyperbolic sine.", 0, 0.0),
    "TANH": ("tanh({0})", "The hyperbolic tangent.", 0, 0.0),
    "COT": ("(1 / tan({0}))", "The cotangent of an angle in radians.", 0, math.inf),
    "CBRT": ("cbrt({0})", "The cube root.", -8, -2.0),
    "SQRT": ("sqrt({0})", "The square root; NaN of a negative number.", 4, 2.0),
    "EXP": ("exp({0})", "e to the power of a number.", 0, 1.0),
    "DEGREES": ("degrees({0})", "An angle in radians, in degrees.", 0, 0.0),
    "RADIANS": ("radians({0})", "An angle in degrees, in radians.", 0, 0.0),
    "LN": (_LN, "The natural logarithm.", 1, 0.0),
}
for _name, (_template, _doc, _argument, _value) in _ONE.items():
    SCALARS.add(
        _name,
        ScalarFunction(
            *_doubles(_template),
            doc=_doc,
            category=_CATEGORY,
            examples={
                f"{_name}({_argument})": _value,
                f"{_name}({_argument}.0E0)": _value,
                f"{_name}(CAST(NULL AS DOUBLE))": None,
            },
        ),
    )

_LOG = (
    f"CASE WHEN {{0}} <= 0 OR {{0}} = 1 THEN CASE WHEN {{1}} IS NOT NULL THEN {_NAN} END "
    f"WHEN {{1}} = 0 THEN -{_INFINITY} / ln({{0}}) ELSE ln({{1}}) / ln({{0}}) END"
)
SCALARS.add(
    "LOG",
    ScalarFunction(
        *_doubles(_LN),
        *_doubles(_LOG, 2),
        doc="The natural logarithm, or that of the second argument to the base of the first.",
        category=_CATEGORY,
        examples={"LOG(1)": 0.0, "LOG(2, 8)": 3.0, "LOG(2, CAST(NULL AS INT))": None},
    ),
)
SCALARS.add(
    "POWER",
    ScalarFunction(
        *_doubles("pow({0}, {1})", 2),
        doc="The first number to the power of the second.",
        category=_CATEGORY,
        examples={"POWER(2, 3)": 8.0, "POWER(CAST(NULL AS INT), 2)": None},
    ),
)
SCALARS.add(
    "ATAN2",
    ScalarFunction(
        *_doubles("atan2({0}, {1})", 2),
        doc="The angle of the point (x, y), given as y, x, in radians.",
        category=_CATEGORY,
        examples={"ATAN2(0, 1)": 0.0, "ATAN2(CAST(NULL AS INT), 2)": None},
    ),
)
SCALARS.add(
    "PI",
    ScalarFunction(
        scalar("() -> DOUBLE", "pi()"),
        doc="The number π.",
        category=_CATEGORY,
        examples={"PI()": math.pi},
    ),
)
SCALARS.add(
    "RANDOM",
    ScalarFunction(
        volatile(scalar("() -> DOUBLE", "random()")),
        doc="A random number from 0 to less than 1.",
        category=_CATEGORY,
        examples={"RANDOM() >= 0": True},
    ),
)
SCALARS.add(
    "SIGN",
    ScalarFunction(
        *_doubles("CASE WHEN isnan({0}) THEN 0 ELSE CAST(sign({0}) AS INTEGER) END", 1, "INT"),
        doc="-1, 0 or 1 as the sign of a number.",
        category=_CATEGORY,
        examples={"SIGN(-5)": -1, "SIGN(0.0E0)": 0, "SIGN(CAST(NULL AS INT))": None},
    ),
)
