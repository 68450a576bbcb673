"""Functions that look for a text in texts, or take texts apart."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction, scalar
from merganser.engine.functions.python_function import define, python
from merganser.engine.functions.utf16 import bmp_or, from_units, to_units
from merganser.engine.types import ArrayType


def _instr(text: str, sought: str, position: int = 1, occurrence: int = 1) -> int:
    """The 1-based place of an occurrence; a negative position searches backwards. 0 if none."""
    units, wanted = to_units(text), to_units(sought)
    if abs(position) > len(units) or occurrence < 1 or position == 0:
        return 0
    if position > 0:
        at = position - 2
        for _ in range(occurrence):
            at = units.find(wanted, at + 1)
            if at < 0:
                return 0
        return at + 1
    at = len(units) + position + 1
    for _ in range(occurrence):
        # The whole of an occurrence may lie behind the place where the search begins.
        at = units.rfind(wanted, 0, at - 1 + len(wanted))
        if at < 0:
            return 0
    return at + 1


_STRPOS = '"$strpos"({0}, {1})'
define("$strpos", (types.STRING, types.STRING), types.INTEGER, _instr)
SCALARS.add(
    "INSTR",
    ScalarFunction(
        scalar(
            "(STRING, STRING) -> INT",
            f"coalesce({bmp_or('CAST(strpos({0}, {1}) AS INTEGER)', _STRPOS)}, 0)",
            nulls=Nulls.PASS,
        ),
        python("$instr", "(STRING, STRING, INT!) -> INT", _instr, raises=False),
        python("$instr_occurrence", "(STRING, STRING, INT!, INT!) -> INT", _instr, raises=False),
        doc="The 1-based place of a text in another, 0 if it is not there.",
        category="STRING",
        examples={
            "INSTR('CORPORATE FLOOR', 'OR')": 2,
            "INSTR('CORPORATE FLOOR', 'OR', 3)": 5,
            "INSTR('CORPORATE FLOOR', 'OR', 3, 2)": 14,
            "INSTR('CORPORATE FLOOR', 'OR', -3)": 5,
            "INSTR('abc', NULL)": 0,
        },
    ),
)


def _elt(site: CallSite) -> str:
    number, items = site.sql[0], site.sql[1:]
    return (
        f"CASE WHEN ({number}) BETWEEN 1 AND {len(items)} "
        f"THEN CAST([{', '.join(items)}] AS VARCHAR[])[{number}] END"
    )


SCALARS.add(
    "ELT",
    ScalarFunction(
        scalar("(INT!, STRING...) -> STRING", _elt, nulls=Nulls.PASS),
        doc="The n-th of several texts, 1-based.",
        category="STRING",
        examples={"ELT(2, 'a', 'b')": "b", "ELT(3, 'a', 'b')": None, "ELT(NULL, 'a')": None},
    ),
)


def _field(site: CallSite) -> str:
    sought, items = site.sql[0], site.sql[1:]
    branches = " ".join(f"WHEN ({sought}) = ({item}) THEN {n}" for n, item in enumerate(items, 1))
    return f"CASE {branches} ELSE 0 END" if branches else "0"


SCALARS.add(
    "FIELD",
    ScalarFunction(
        scalar("(STRING, STRING...) -> INT", _field, nulls=Nulls.PASS),
        doc="The 1-based place of a text among others, 0 if it is not one of them.",
        category="STRING",
        examples={"FIELD('b', 'a', 'b')": 2, "FIELD('x', 'a')": 0, "FIELD(NULL, 'a')": 0},
    ),
)


def _letters(text: str) -> list[str]:
    return [from_units(unit) for unit in to_units(text)]


def _split_bytes(raw: bytes, delimiter: bytes) -> list[bytes]:
    if delimiter:
        return raw.split(delimiter)
    return [raw[index : index + 1] for index in range(len(raw))] or [b""]


define("$letters", (types.STRING,), ArrayType(types.STRING), _letters)
SCALARS.add(
    "SPLIT",
    ScalarFunction(
        scalar(
            "(STRING, STRING) -> ARRAY<STRING>",
            "CASE WHEN {1} = '' THEN CASE WHEN {0} = '' THEN [''] ELSE \"$letters\"({0}) END "
            "WHEN {1} IS NOT NULL THEN string_split({0}, {1}) END",
        ),
        python("$split_bytes", "(BYTES, BYTES) -> ARRAY<BYTES>", _split_bytes, raises=False),
        doc="The parts of a text or of bytes between a delimiter; an empty one parts every unit.",
        category="STRING",
        examples={
            "SPLIT('a,b,,c', ',')": ["a", "b", "", "c"],
            "SPLIT('abc', '')": ["a", "b", "c"],
            "SPLIT('', ',')": [""],
            "SPLIT(CAST(NULL AS STRING), ',')": None,
        },
    ),
)
