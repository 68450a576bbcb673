"""Compares what a server answered with what a REST case expects.

Only listed fields count. Entries of a query response are compared one by one, but its rows as a
multiset, with the scale of numbers.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

from google.protobuf import text_format
from google.protobuf.message import Message

from merganser.engine.formats.proto_schema import ProtoSchema, is_repeated, message_class
from tests.conformance.cases import Json
from tests.conformance.codecs.json_text import json_text

MESSAGES = "queryProto"
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
    if kind == MESSAGES and isinstance(wanted, list) and isinstance(got, list):
        return _messages_difference(wanted, got, place)
    if isinstance(wanted, list) and isinstance(got, list):
        return _entries_difference(wanted, got, place)
    return _listed_difference(wanted, got, place)


def wants_messages(responses: Json) -> bool:
    """Whether a case wants its rows as Protobuf, too."""
    return isinstance(responses, list) and any(
        isinstance(wanted, dict) and MESSAGES in wanted for wanted in responses
    )


def _messages_difference(
    expected: Sequence[Json], actual: Sequence[Json], place: str
) -> str | None:
    """Compares rows after reading both with the schema of the answer; in any order."""
    header = actual[0]
    assert isinstance(header, dict)
    schema = cast("Mapping[str, str]", header["header"])["protoSchema"]
    message = message_class(ProtoSchema(schema, {}).message(None))
    wanted_rows = [text_format.Parse(text, message()) for text in map(_text_row, expected) if text]
    got_rows = [message.FromString(b64decode(row)) for row in map(_message_row, actual) if row]
    for row in wanted_rows:
        # Java writes the entries of a map in its own order.
        same = next((got for got in got_rows if _sorted_entries(got) == _sorted_entries(row)), None)
        if same is None:
            return f"{place} lacks row {row} and has {got_rows}"
        got_rows.remove(same)
    if got_rows:
        return f"{place} has {got_rows} besides"
    wanted_rest = [entry for entry in expected if _text_row(entry) is None]
    got_rest = [entry for entry in actual if _message_row(entry) is None]
    if len(wanted_rest) != len(got_rest):
        return f"{place} has {got_rest}, expected {wanted_rest}"
    for index, (wanted, got) in enumerate(zip(wanted_rest, got_rest, strict=True)):
        wrong = _listed_difference(wanted, got, f"{place}[{index}]")
        if wrong is not None:
            return wrong
    return None


def _text_row(entry: Json) -> str | None:
    row = entry.get("row") if isinstance(entry, dict) else None
    return row if isinstance(row, str) else None


def _message_row(entry: Json) -> str | None:
    row = entry.get("row") if isinstance(entry, dict) else None
    return str(row["protobufBytes"]) if isinstance(row, dict) else None


def _sorted_entries(message: Message) -> list[str]:
    return sorted(
        f"{field.name} {sorted(map(str, value)) if is_repeated(field) else value}"
        for field, value in message.ListFields()
    )


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
