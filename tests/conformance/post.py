"""Checks what must hold after a case: sources, their schemas and formats, and topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from merganser.engine.catalog import FormatSpec, Source
from merganser.engine.schema import Role
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import MerganserError
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.conformance.cases import Case, Json
from tests.conformance.door import EngineDoor
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import SinglePartitionLog

_FEATURES = {"WRAP_SINGLES", "UNWRAP_SINGLES"}
_INTERNAL_TOPIC = re.compile(r"-(repartition|changelog)$")
"""Topics that name Kafka Streams' operators: another engine has no such names."""


def check_post(case: Case, engine: EngineDoor, log: SinglePartitionLog) -> None:
    """Checks a case's `post`.

    Raises:
        CaseFailure: At the first thing that does not hold.
    """
    for entry in cast("list[dict[str, Json]]", case.post.get("sources") or []):
        name = str(entry["name"])
        source = engine.catalog.sources.get(name)
        if source is None:
            raise CaseFailure(Stage.POST, f"source '{name}' does not exist")
        wrong = source_difference(entry, source, engine)
        if wrong is not None:
            raise CaseFailure(Stage.POST, wrong)
    topics = cast("dict[str, Json]", case.post.get("topics") or {})
    _check_blacklist(topics.get("blacklist"), log)
    for entry in cast("list[dict[str, Json]]", topics.get("topics") or []):
        _check_topic(entry, engine, log)


def source_difference(
    expected: Mapping[str, Json], source: Source, engine: EngineDoor
) -> str | None:
    """What is wrong with a source, or None."""
    if str(expected["type"]).lower() != source.kind:
        return f"it is a {source.kind}, expected a {expected['type']}"
    if "isSource" in expected and bool(expected["isSource"]) != source.read_only:
        return f"read-only is {source.read_only}, expected {expected['isSource']}"
    return (
        _schema_difference(cast("str | None", expected.get("schema")), source, engine)
        or _key_format_difference(cast("dict[str, Json] | None", expected.get("keyFormat")), source)
        or _value_format_difference(cast("str | None", expected.get("valueFormat")), source)
        or _features_difference("key", expected.get("keyFeatures"), source.key_format)
        or _features_difference("value", expected.get("valueFeatures"), source.value_format)
    )


# ------------------------------------------------------------------ schema


_ColumnShape = tuple[str, SqlType, Role]
"""Name, type and role of a column."""


def _schema_difference(schema: str | None, source: Source, engine: EngineDoor) -> str | None:
    if schema is None:
        return None
    actual = [(column.name, column.type, column.role) for column in source.schema.columns]
    expected = expected_columns(schema, engine.catalog.types)
    for wanted, got in zip(expected, actual, strict=False):
        if wanted != got:
            return f"column is {_shown(got)}, expected {_shown(wanted)}"
    if len(expected) != len(actual):
        return f"{len(actual)} columns ({source.schema.sql()}), expected {len(expected)} ({schema})"
    return None


def _shown(column: _ColumnShape) -> str:
    name, sql_type, role = column
    return f"`{name}` {sql_type} {role.value}"


def expected_columns(schema: str, types: Mapping[str, SqlType]) -> list[_ColumnShape]:
    """The columns of a SQL column list. `KEY` and `PRIMARY KEY` are one.

    Raises:
        CaseFailure: The parser does not take it.
    """
    try:
        tree = parse_statement(f"CREATE STREAM X ({schema}) WITH (KAFKA_TOPIC='x');")
    except MerganserError as error:
        raise CaseFailure(Stage.POST, f"the parser refuses the expected schema: {error}") from error
    assert isinstance(tree, ast.CreateSource)
    return [
        (column.name, sql_type_of(column.type, types), _ROLES[column.constraint])
        for column in tree.columns or ()
    ]


_ROLES = {
    ast.ColumnConstraint.NONE: Role.VALUE,
    ast.ColumnConstraint.KEY: Role.KEY,
    ast.ColumnConstraint.PRIMARY_KEY: Role.KEY,
    ast.ColumnConstraint.HEADERS: Role.HEADERS,
    ast.ColumnConstraint.HEADER: Role.HEADERS,
}

_SYNONYMS = {"INT": "INTEGER", "VARCHAR": "STRING", "DEC": "DECIMAL", "NUMERIC": "DECIMAL"}


def sql_type_of(name: ast.TypeName, types: Mapping[str, SqlType]) -> SqlType:
    """The type that is written, resolved independently of the engine."""
    kind = _SYNONYMS.get(name.name.upper(), name.name.upper())
    if name.fields or kind == "STRUCT":
        fields = (StructField(field, sql_type_of(inner, types)) for field, inner in name.fields)
        return StructType(tuple(fields))
    arguments = [sql_type_of(argument, types) for argument in name.arguments]
    match kind, arguments, name.numbers:
        case "ARRAY", [element], _:
            return ArrayType(element)
        case "MAP", [key, value], _:
            return MapType(key, value)
        case "DECIMAL", _, (precision, scale):
            return DecimalType(precision, scale)
        case _:
            return types.get(name.name) or ScalarType(Kind(kind))


# ------------------------------------------------------------------ formats


def _key_format_difference(expected: Mapping[str, Json] | None, source: Source) -> str | None:
    if expected is None:
        return None
    wanted = str(expected["format"]).upper()
    if source.key_format.name != wanted:
        return f"key format is {source.key_format.name}, expected {wanted}"
    window = source.window
    kind = window.kind.upper() if window else None
    wanted_kind = expected.get("windowType")
    if kind != (str(wanted_kind).upper() if wanted_kind else None):
        return f"window type is {kind}, expected {wanted_kind}"
    size_ms = window.size_ms if window else None
    if expected.get("windowSize") != size_ms and wanted_kind:
        return f"window size is {size_ms}, expected {expected.get('windowSize')}"
    return None


def _value_format_difference(expected: str | None, source: Source) -> str | None:
    if expected is None or source.value_format.name == expected.upper():
        return None
    return f"value format is {source.value_format.name}, expected {expected.upper()}"


def _features_difference(side: str, expected: Json, spec: FormatSpec) -> str | None:
    if expected is None:
        return None
    wanted = {str(name) for name in cast("list[Json]", expected)} & _FEATURES
    actual = features(spec, is_key=side == "key")
    return None if wanted == actual else f"{side} features are {actual}, expected {wanted}"


def features(spec: FormatSpec, *, is_key: bool) -> set[str]:
    """KsqlDB's feature set: what was said of wrapping, and that registry keys stand bare."""
    if spec.wrap_given is not None:
        return {"WRAP_SINGLES" if spec.wrap_given else "UNWRAP_SINGLES"}
    return {"UNWRAP_SINGLES"} if is_key and not spec.wrapped else set()


# ------------------------------------------------------------------ topics


def _check_blacklist(pattern: Json, log: SinglePartitionLog) -> None:
    if pattern is None:
        return
    for topic in log.topics():
        if re.search(str(pattern), topic.name):
            raise CaseFailure(Stage.POST, f"topic '{topic.name}' must not exist")


def _check_topic(entry: Mapping[str, Json], engine: EngineDoor, log: SinglePartitionLog) -> None:
    """Existence and formats. The partition count of a case is what its recorder assumed."""
    name = str(entry["name"])
    if _INTERNAL_TOPIC.search(name):
        return
    if log.topic(name) is None:
        raise CaseFailure(Stage.POST, f"topic '{name}' does not exist")
    for source in engine.catalog.sources.values():
        if source.topic != name:
            continue
        for side, spec in (("key", source.key_format), ("value", source.value_format)):
            expected = cast("dict[str, Json]", entry.get(f"{side}Format") or {})
            wanted = str(expected.get("format", spec.name)).upper()
            if spec.name != wanted:
                reason = f"{side} format of a topic is {spec.name}, expected {wanted}"
                raise CaseFailure(Stage.POST, reason)
