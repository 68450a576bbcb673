"""Columns for a JSON topic, from a sample of its records, where a statement names none.

They are proposed and not taken: what stands in the topic by chance must not decide what a statement
means, and means after a restart. The hint of the error is the statement with its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import orjson

from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.plan.infer import NoColumnsError
from merganser.engine.statements.handlers import Session
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    STRING,
    ArrayType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.parser import ast
from merganser.parser.words import name_sql

SAMPLE_ROWS = 200  # Of each partition, the newest.
POLLS_MAX = 5
POLL_MS = 500
KEYS_MANY = 40  # An object with more different keys over the sample is a MAP of them.

_FORMATS = ("JSON",)
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def with_proposal(
    error: NoColumnsError, statement: ast.CreateSource, session: Session
) -> NoColumnsError:
    """The error, with the whole statement as a hint if the topic's records suggest one."""
    given = {name: str(value) for name, value in statement.properties}
    topic = given.get("KAFKA_TOPIC", statement.name)
    format_name = given.get("VALUE_FORMAT", given.get("FORMAT", "")).upper()
    if format_name not in _FORMATS or session.log.topic(topic) is None:
        return error
    rows = [row for row in map(_object, sample(session.log, topic)) if row is not None]
    columns = fields_of(rows)
    if not columns:
        return error
    listed = ", ".join(f"{name_sql(field.name)} {field.type.sql()}" for field in columns)
    if statement.is_table:
        listed = f"ROWKEY STRING PRIMARY KEY, {listed}"
    start = replace(statement, properties=()).sql()
    end = statement.sql().removeprefix(start).strip()
    return NoColumnsError(
        error.message,
        detail=f"The newest {len(rows)} records of topic {topic} that hold an object suggest some.",
        hint=f"{start} ({listed}) {end};",
        span=error.span,
    )


def sample(log: Log, topic: str) -> list[bytes]:
    """Values of the newest records of each partition."""
    ends = log.end_positions(topic)
    starts: dict[TopicPartition, int] = {
        place: max(first, ends[place] - SAMPLE_ROWS)
        for place, first in log.start_positions(topic).items()
    }
    values: list[bytes] = []
    reader = log.reader(starts, headers=False)
    try:
        for _ in range(POLLS_MAX):
            if all(reader.positions()[place] >= end for place, end in ends.items()):
                break
            for batch in reader.poll(SAMPLE_ROWS * len(ends), POLL_MS):
                values += [v for v in batch.records.column("value").to_pylist() if v is not None]
    finally:
        reader.close()
    return values


def _object(value: bytes) -> Mapping[str, object] | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def fields_of(rows: Sequence[Mapping[str, object]]) -> list[StructField]:
    """The fields of some objects, in the order in which they are met, with types for all of them.

    A name is upper-cased, as statements' names are, if it is found that way in the records, too.
    """
    values: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    spellings = [name.upper() for name in values]
    return [
        StructField(
            name.upper()
            if _SIMPLE.fullmatch(name) and spellings.count(name.upper()) == 1
            else name,
            type_of(found),
        )
        for name, found in values.items()
        if name
    ]


def type_of(values: Iterable[object]) -> SqlType:
    """The narrowest type that holds all values; STRING, which holds any, if they are all null."""
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if kinds == {bool}:
        return BOOLEAN
    if kinds == {int}:
        return BIGINT if all(-(2**63) <= int(str(value)) < 2**63 for value in there) else STRING
    if kinds and kinds <= {int, float}:
        return DOUBLE
    if kinds == {list}:
        return ArrayType(type_of(item for value in there for item in _list(value)))
    if kinds == {dict}:
        objects = [_dict(value) for value in there]
        fields = fields_of(objects)
        if len(fields) > KEYS_MANY:
            return MapType(STRING, type_of(item for value in objects for item in value.values()))
        return StructType(tuple(fields)) if fields else MapType(STRING, STRING)
    return STRING


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value
