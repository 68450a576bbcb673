"""Functions that choose among their arguments."""

from __future__ import annotations

from merganser.engine.functions.equality import differs_sql
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction, scalar

SCALARS.add(
    "COALESCE",
    ScalarFunction(
        scalar("(T, T...) -> T", "coalesce({args})", nulls=Nulls.PASS),
        doc="The first argument that is not NULL.",
        category="CONDITIONAL",
        examples={"COALESCE(NULL, 'a', 'b')": "a", "COALESCE(CAST(NULL AS INT), NULL)": None},
    ),
)
SCALARS.add(
    "IFNULL",
    ScalarFunction(
        scalar("(T, T) -> T", "coalesce({0}, {1})", nulls=Nulls.PASS),
        doc="The first argument, or the second where that is NULL.",
        category="CONDITIONAL",
        examples={"IFNULL('a', 'b')": "a", "IFNULL(NULL, 'b')": "b"},
    ),
)


def _nullif(site: CallSite) -> str:
    differs = differs_sql(site.sql[0], site.sql[1], site.types[0])
    return f"CASE WHEN {differs} THEN {site.sql[0]} END"


SCALARS.add(
    "NULLIF",
    ScalarFunction(
        scalar(
            "(T, T) -> T",
            _nullif,
            nulls=Nulls.PASS,
        ),
        doc="NULL if both arguments are equal, else the first.",
        category="CONDITIONAL",
        examples={"NULLIF('a', 'a')": None, "NULLIF(1, 2)": 1, "NULLIF(NULL, 'b')": None},
    ),
)
SCALARS.add(
    "AS_VALUE",
    ScalarFunction(
        scalar("(T) -> T", "{0}"),
        doc="The argument. Around a key column in a projection it puts a copy into the value.",
        category="OTHER",
        examples={"AS_VALUE(1)": 1, "AS_VALUE(CAST(NULL AS INT))": None},
    ),
)
