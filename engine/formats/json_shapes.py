"""Which keys the objects of a topic have: learned from samples, used to read the next batches.

SQL reads a field by one exact key. ksqlDB also takes keys that differ in letter case, so what a
column's key is depends on all keys of the object. A shape answers it for the lists of keys it has
met; an object with another list is read record by record, and then its list is known, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from merganser.engine.types import ArrayType, MapType, SqlType, StructType

LISTS_MAX = 16  # Past it comparing a row's keys with each list costs more than it saves.
SAMPLE_ROWS = 256
STRUCTS_MAX = 4  # Objects of one array or map that are looked at.

Keys = tuple[str, ...]


def json_text(value: object) -> str:
    """A Python value as JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Pairs(list[tuple[str, object]]):
    """A JSON object as it stands, duplicate keys included."""


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=Number, parse_int=Number)


class Sample(NamedTuple):
    """A record that was looked at: its text and what it holds."""

    text: str
    node: Pairs


def read_sample(payloads: Sequence[bytes | None]) -> list[Sample]:
    """The JSON objects among some payloads."""
    found: list[Sample] = []
    for payload in payloads[:SAMPLE_ROWS]:
        try:
            text = (payload or b"").decode()
            node, _ = _DECODER.raw_decode(text.lstrip("\ufeff \t\r\n"))
        except (ValueError, RecursionError):
            continue
        if isinstance(node, Pairs):
            found.append(Sample(text, node))
    return found


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How the fields of an object are found.

    Attributes:
        keys: Field name → key.
        known: Lists of keys for which `keys` is right, and which hold no key twice.
        others: The keys of the known lists that no field has.
    """

    keys: Mapping[str, str]
    known: tuple[Keys, ...]
    others: tuple[str, ...]


class Shape:
    """The key lists met in the objects of one place, and in the objects inside them.

    Args:
        fields: Field names and types, in order.
    """

    def __init__(self, fields: Sequence[tuple[str, SqlType]]) -> None:
        self._names = [name for name, _ in fields]
        self._lists: dict[Keys, None] = {}  # The oldest first.
        self._types = dict(fields)
        self.inner = {name: inner for name, kind in fields if (inner := _inner_shape(kind))}

    def observe(self, sample: Sequence[Sample]) -> None:
        """Takes in the key lists of some records."""
        for record in sample:
            self.take(record.node)

    def take(self, node: object) -> None:
        """Takes in the keys of one value, if it is an object."""
        if not isinstance(node, Pairs):
            return
        keys = tuple(key for key, _ in node)
        self._lists.pop(keys, None)
        self._lists[keys] = None
        if len(self._lists) > LISTS_MAX:
            del self._lists[next(iter(self._lists))]
        if self.inner:
            by_name = {key.upper(): value for key, value in node} | dict(node)
            for name, shape in self.inner.items():
                for value in _structs(by_name.get(name), self._types[name]):
                    shape.take(value)

    def plan(self) -> KeyPlan:
        """What the lists met so far agree upon; newer ones win where they do not."""
        keys: dict[str, str] = {}
        known: list[Keys] = []
        for met in reversed(self._lists):
            found = _resolve(met, self._names)
            if found is None or any(keys.get(name, key) != key for name, key in found.items()):
                continue
            keys |= found
            known.append(met)
        # A list without a field is still right if the field's key was learned from another one:
        # the key is not there, and no other spelling of it is.
        used = set(keys.values())
        others = dict.fromkeys(key for met in known for key in met if key not in used)
        return KeyPlan(
            {name: keys.get(name, name) for name in self._names}, tuple(known), tuple(others)
        )


def _inner_shape(sql_type: SqlType) -> Shape | None:
    match sql_type:
        case StructType(fields):
            return Shape([(field.name, field.type) for field in fields])
        case ArrayType(element):
            return _inner_shape(element)
        case MapType(_, value):
            return _inner_shape(value)
        case _:
            return None


def _structs(value: object, sql_type: SqlType) -> Iterator[object]:
    """The values that stand where the type has a STRUCT."""
    match sql_type, value:
        case StructType(), _:
            yield value
        case ArrayType(element), list() if not isinstance(value, Pairs):
            for item in value[:STRUCTS_MAX]:
                yield from _structs(item, element)
        case MapType(_, element), Pairs():
            for _, item in value[:STRUCTS_MAX]:
                yield from _structs(item, element)
        case _:
            pass


def _resolve(met: Keys, names: Sequence[str]) -> dict[str, str] | None:
    """Field name → key in an object with these keys; None where SQL must not decide."""
    if len(set(met)) != len(met):
        return None
    found: dict[str, str] = {}
    for name in names:
        spellings = [key for key in met if key == name or key.upper() == name]
        if len(spellings) > 1:
            return None
        if spellings:
            found[name] = spellings[0]
    return found
