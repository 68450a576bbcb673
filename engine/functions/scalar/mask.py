"""MASK and its kin: letters and digits replaced by class."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from merganser.engine.functions.function import SCALARS, Nulls, ScalarFunction
from merganser.engine.functions.python_function import CallFailedError, python
from merganser.engine.functions.utf16 import from_units, to_units

_DEFAULT = ("X", "x", "n", "-")
_CLASSES = {"Lu": 0, "Ll": 1, "Nd": 2}


def _masked(units: str, masks: tuple[str | None, ...]) -> str:
    """Every unit replaced by the mask of its class, where it has one."""
    for mask in masks:
        if mask is not None and len(mask) != 1:
            raise CallFailedError
    return "".join(
        mask if (mask := masks[_CLASSES.get(unicodedata.category(unit), 3)]) is not None else unit
        for unit in units
    )


def _mask(text: str | None, *masks: str | None) -> str | None:
    given = _masks(masks)
    return from_units(_masked(to_units(text), given)) if text is not None else None


def _masks(masks: tuple[str | None, ...]) -> tuple[str | None, ...]:
    given = masks or _DEFAULT
    _masked("", given)
    return given


Cut = Callable[[str, int], tuple[str, str, str]]


def _part(cut: Cut) -> Callable[..., str | None]:
    """A function that masks the middle of the three parts that `cut` makes."""

    def mask(text: str | None, count: int, *masks: str | None) -> str | None:
        if count < 0:
            raise CallFailedError
        given = _masks(masks)
        if text is None:
            return None
        before, middle, after = cut(to_units(text), count)
        return from_units(before + _masked(middle, given) + after)

    return mask


def _add(name: str, row: Callable[..., str | None], doc: str, examples: dict[str, object]) -> None:
    part = name != "MASK"
    short = "(STRING, INT!) -> STRING" if part else "(STRING) -> STRING"
    long = short.replace(") ->", ", STRING, STRING, STRING, STRING) ->")
    duckdb_name = f"${name.lower()}"
    SCALARS.add(
        name,
        ScalarFunction(
            python(duckdb_name, short, row),
            python(f"{duckdb_name}_with", long, row, nulls=Nulls.PASS),
            doc=doc,
            category="STRING",
            examples=examples,
        ),
    )


_add(
    "MASK",
    _mask,
    "The text with upper case, lower case, digits and all else replaced, by default X x n -.",
    {
        "MASK('My Test $123')": "Xx-Xxxx--nnn",
        "MASK('Ab1-', 'u', NULL, 'd', '*')": "ubd*",
        "MASK(NULL)": None,
        "MASK('a', 'AA', 'b', '0', '#')": None,
    },
)
_add(
    "MASK_KEEP_LEFT",
    _part(lambda text, count: (text[:count], text[count:], "")),
    "As MASK, but the first characters stay.",
    {"MASK_KEEP_LEFT('My Test $123', 4)": "My Txxx--nnn", "MASK_KEEP_LEFT(NULL, 2)": None},
)
_add(
    "MASK_KEEP_RIGHT",
    _part(lambda text, count: ("", text[: max(len(text) - count, 0)], text[-count:] * bool(count))),
    "As MASK, but the last characters stay.",
    {"MASK_KEEP_RIGHT('My Test $123', 4)": "Xx-Xxxx-$123", "MASK_KEEP_RIGHT(NULL, 2)": None},
)
_add(
    "MASK_LEFT",
    _part(lambda text, count: ("", text[:count], text[count:])),
    "As MASK, but only for the first characters.",
    {"MASK_LEFT('My Test $123', 4)": "Xx-Xest $123", "MASK_LEFT(NULL, 2)": None},
)
_add(
    "MASK_RIGHT",
    _part(lambda text, count: (text[: max(len(text) - count, 0)], text[-count:] * bool(count), "")),
    "As MASK, but only for the last characters.",
    {
        "MASK_RIGHT('My Test $123', 4)": "My Test -nnn",
        "MASK_RIGHT('a', -1)": None,
        "MASK_RIGHT(NULL, 2)": None,
    },
)
