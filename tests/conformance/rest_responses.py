"""Compares what a server answered with what a REST case expects.

Only listed fields count. Entries of a query response are compared one by one, but its rows as a
multiset, with the scale of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tests.conformance.cases import Json
from tests.conformance.codecs.json_text import json_text

PREFIX = "|starts_with"
"""Ends the name of an expected field of which only the beginning is given."""


def response_difference(
    expected: Mapping[str, Json], actual: Mapping[str, Json], place: str
) -> str | None:
    """What is wrong with one response (`{kind: content}`), or None."""
    ((kind, wanted),) = expected.items()
    if kind not in actual:
        return f"{place} is of another kind: {', '.join(actual)}, expected {kind}"
    got = actual[kind]
    if isinstance(wanted, list) and isinstance(got, list):
        return _entries_difference(wanted, got, place)
    return _listed_difference(wanted, got, place)


def _entries_difference(expected: Sequence[Json], actual: Sequence[Json], place: str) -> str | None:
    if len(expected) != len(actual):
        return f"{place} has {len(actual)} entries, expected {len(expected)}"
    wanted_rows = Counter(filter(None, map(_row, expected)))
    got_rows = Counter(filter(None, map(_row, actual)))
    if wanted_rows != got_rows:
        missing = next(iter((wanted_rows - got_rows).elements()), "none")
        surplus = next(iter((got_rows - wanted_rows).elements()), "none")
        return f"{place} lacks row {missing} and has row {surplus} instead"
    for index, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
        wrong = _listed_difference(_without_columns(wanted), got, f"{place}[{index}]")
        if wrong is not None:
            return wrong
    return None


def _row(entry: Json) -> str | None:
    """The columns of a row entry as text that tells scales apart; None for other entries."""
    if isinstance(entry, dict) and isinstance(row := entry.get("row"), dict):
        return json_text(_sorted(row.get("columns")))
    return None


def _sorted(value: Json) -> Json:
    """The value with the fields of objects in order of name."""
    match value:
        case dict():
            return {name: _sorted(value[name]) for name in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
        case _:
            return value


def _without_columns(entry: Json) -> Json:
    if isinstance(entry, dict) and isinstance(row := entry.get("row"), dict):
        rest: dict[str, Json] = {name: item for name, item in row.items() if name != "columns"}
        return {**entry, "row": rest}
    return entry


def _listed_difference(expected: Json, actual: Json, place: str) -> str | None:
    """Compares what is listed; further fields of objects are free."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{place} is {json_text(actual)[:80]}, expected {json_text(expected)[:80]}"
        for name, wanted in expected.items():
            wrong = _field_difference(name, wanted, actual, place)
            if wrong is not None:
                return wrong
        return None
    return (
        None
        if _equal(expected, actual)
        else (f"{place} is {json_text(actual)[:200]}, expected {json_text(expected)[:200]}")
    )


def _field_difference(
    name: str, wanted: Json, actual: Mapping[str, Json], place: str
) -> str | None:
    bare = name.removesuffix(PREFIX)
    if bare not in actual:
        return f"{place}.{bare} is missing among {', '.join(actual)}"
    if bare == name:
        return _listed_difference(wanted, actual[bare], f"{place}.{bare}")
    if str(actual[bare]).startswith(str(wanted)):
        return None
    return f"{place}.{bare} is {actual[bare]}, expected to start with {wanted}"


def _equal(expected: Json, actual: Json) -> bool:
    if isinstance(expected, Decimal | int) and isinstance(actual, Decimal | int):
        return json_text(expected) == json_text(actual)
    return expected == actual
