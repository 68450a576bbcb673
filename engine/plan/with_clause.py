"""WITH (…): the properties of CREATE and CREATE … AS, checked and resolved.

Source: parity/statements.md, WITH properties; semantics.md, formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from merganser.engine.catalog import FormatSpec, KeyWindow
from merganser.engine.formats.format import FORMAT_EXTRAS, FORMATS, FormatOptions
from merganser.engine.schema import Column, Schema
from merganser.engine.types import JSON, ArrayType, MapType, SqlType, StructType
from merganser.errors import KeyRuleError, PropertyError, UnsupportedError, UserError
from merganser.parser import ast

_COMMON = frozenset(
    {
        "KAFKA_TOPIC",
        "FORMAT",
        "KEY_FORMAT",
        "VALUE_FORMAT",
        "PARTITIONS",
        "REPLICAS",
        "RETENTION_MS",
        "TIMESTAMP",
        "TIMESTAMP_FORMAT",
        "WRAP_SINGLE_VALUE",
        "KEY_DELIMITER",
        "VALUE_DELIMITER",
        "KEY_SCHEMA_ID",
        "VALUE_SCHEMA_ID",
        "KEY_SCHEMA_FULL_NAME",
        "VALUE_SCHEMA_FULL_NAME",
        "VALUE_AVRO_SCHEMA_FULL_NAME",
        "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
        "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
        "CLEANUP_POLICY",
    }
)
_CREATE_ONLY = frozenset({"WINDOW_TYPE", "WINDOW_SIZE", "SOURCE_CONNECTOR", "SOURCED_BY_CONNECTOR"})
_WINDOW_SIZE = re.compile(r"\s*(\d+)\s+(\w+)\s*")
FORMAT_CONFIG = {
    "key": "ksql.persistence.default.format.key",
    "value": "ksql.persistence.default.format.value",
}


@dataclass(frozen=True, slots=True)
class WithClause:
    """The properties of one statement, names upper case, names and types checked.

    Raises (at creation by `of`):
        PropertyError: An unknown name or a wrong value.
    """

    given: Mapping[str, ast.LiteralValue] = field(default_factory=dict)

    @classmethod
    def of(cls, properties: ast.Properties, *, create_as: bool) -> WithClause:
        """Checks names and single values."""
        known = _COMMON if create_as else _COMMON | _CREATE_ONLY
        given: dict[str, ast.LiteralValue] = {}
        unknown = []
        for name, value in properties:
            upper = name.upper()
            if upper in given:
                raise PropertyError(f"{upper} stands twice in the WITH clause")
            if upper not in known:
                unknown.append(name)
            given[upper] = value
        if unknown:
            raise PropertyError(
                f"invalid config variable(s) in the WITH clause: {', '.join(sorted(unknown))}"
            )
        if "CLEANUP_POLICY" in given:
            raise PropertyError("CLEANUP_POLICY cannot be set: it follows from the kind of source")
        if "FORMAT" in given and ("KEY_FORMAT" in given or "VALUE_FORMAT" in given):
            raise PropertyError(
                "FORMAT cannot be combined with KEY_FORMAT or VALUE_FORMAT",
                hint="FORMAT sets both.",
            )
        clause = cls(given)
        for name in ("PARTITIONS", "REPLICAS", "RETENTION_MS"):
            count = clause.integer(name)
            if count is not None and count <= 0 and name != "RETENTION_MS":
                raise PropertyError(f"{name} must be at least 1, not {count}")
        return clause

    def text(self, name: str) -> str | None:
        """A property as text; None if it is not given."""
        value = self.given.get(name)
        return None if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """A property as a whole number.

        Raises:
            PropertyError: It is something else.
        """
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
            raise PropertyError(f"{name} must be a whole number, not {value!r}")
        return int(value)

    def boolean(self, name: str) -> bool | None:
        """A property as a truth value."""
        value = self.given.get(name)
        if value is None or isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise PropertyError(f"{name} must be true or false, not {value!r}")

    def topic(self) -> str | None:
        """KAFKA_TOPIC."""
        topic = self.text("KAFKA_TOPIC")
        if topic is not None and not topic.strip():
            raise PropertyError("KAFKA_TOPIC must not be empty")
        return topic

    def format_name(self, part: str) -> str | None:
        """The key's or value's format as given, upper case; `part` is `key` or `value`."""
        name = self.text("FORMAT") or self.text(f"{part.upper()}_FORMAT")
        return name.upper() if name is not None else None

    def key_window(self) -> KeyWindow | None:
        """WINDOW_TYPE and WINDOW_SIZE."""
        kind, size = self.text("WINDOW_TYPE"), self.text("WINDOW_SIZE")
        if kind is None:
            if size is not None:
                raise PropertyError("WINDOW_SIZE needs WINDOW_TYPE")
            return None
        kind = kind.upper()
        if kind not in ("SESSION", "HOPPING", "TUMBLING"):
            raise PropertyError(f"WINDOW_TYPE must be SESSION, HOPPING or TUMBLING, not {kind}")
        if kind == "SESSION":
            if size is not None:
                raise PropertyError("WINDOW_SIZE cannot be given for SESSION windows")
            return KeyWindow(kind, None)
        if size is None:
            raise PropertyError(f"{kind} windows need WINDOW_SIZE")
        match = _WINDOW_SIZE.fullmatch(size)
        unit = match.group(2).upper().removesuffix("S") if match else ""
        if match is None or unit not in ast.TimeUnit.__members__:
            raise PropertyError(
                f"WINDOW_SIZE must be a number and a unit, not {size!r}",
                hint="For example '10 SECONDS'.",
            )
        size_ms = ast.Duration(int(match.group(1)), ast.TimeUnit[unit]).ms
        if size_ms == 0:
            raise PropertyError("WINDOW_SIZE must be more than 0")
        return KeyWindow(kind, size_ms)


def resolve_format(
    clause: WithClause,
    part: str,
    columns: Sequence[Column],
    properties: Mapping[str, object],
    inherited: FormatSpec | None = None,
) -> FormatSpec:
    """The format of a key or value: as given, else inherited, else the server's default.

    Raises:
        PropertyError: No format, an unknown one, or options that it does not have.
        UserError: The format cannot hold the columns.
    """
    is_key = part == "key"
    name = clause.format_name(part)
    spec_inherited = inherited if name is None or (inherited and inherited.name == name) else None
    if name is None and inherited is not None:
        name = inherited.name
    if name is None:
        name = default_format(part, properties)
    if name not in FORMATS and name in FORMAT_EXTRAS:
        raise UnsupportedError(
            f"format {name} needs a library that is not installed",
            hint=f"Run: pip install 'merganser[{FORMAT_EXTRAS[name]}]'",
        )
    if name not in FORMATS:
        raise PropertyError(
            f"unknown format: {name}", hint=f"Formats are {', '.join(sorted(FORMATS))}."
        )
    format_ = FORMATS[name]
    if not (format_.key if is_key else format_.value):
        raise UserError(f"format {name} is not supported for {part}s")
    if is_key and len(columns) > 1 and not format_.several_keys:
        raise UserError(f"key format {name} does not support several key columns")
    given = None if is_key else clause.boolean("WRAP_SINGLE_VALUE")
    spec = FormatSpec(
        name,
        _wrapped(name, columns, given, properties, is_key=is_key),
        given if given is not None else _wrap_config(name, columns, properties, is_key=is_key),
        _delimiter(clause, part, name, spec_inherited),
        format_properties(clause, part, name, spec_inherited),
    )
    _check_json(columns, name, is_key=is_key)
    format_.check(columns, format_options(spec), is_key=is_key)
    return spec


def _check_json(columns: Sequence[Column], name: str, *, is_key: bool) -> None:
    """Raises UserError for JSON columns in a key, or in a format that has no such values."""
    for column in columns:
        if not _holds_json(column.type):
            continue
        if is_key:
            raise KeyRuleError(
                f"key column `{column.name}` has type {column.type.sql()}, and keys cannot hold "
                "JSON: two texts may mean the same",
                hint="A part of it can be a key, such as PARTITION BY payload->>'id'.",
            )
        if name != "JSON":
            raise UnsupportedError(
                f"format {name} has no JSON values, and column `{column.name}` is "
                f"{column.type.sql()}",
                hint="Use STRING, which -> and ->> take, too; or CAST(… AS STRING).",
            )


def _holds_json(sql_type: SqlType) -> bool:
    match sql_type:
        case ArrayType(inner):
            return _holds_json(inner)
        case MapType(key, value):
            return _holds_json(key) or _holds_json(value)
        case StructType(fields):
            return any(_holds_json(field.type) for field in fields)
        case _:
            return sql_type == JSON


def default_format(part: str, properties: Mapping[str, object]) -> str:
    """The format where the statement gives none.

    Raises:
        PropertyError: A value has no default.
    """
    default = properties.get(FORMAT_CONFIG[part], "KAFKA" if part == "key" else None)
    if default is None:
        raise PropertyError(
            "VALUE_FORMAT is missing",
            hint="Give VALUE_FORMAT in the WITH clause, or set "
            "ksql.persistence.default.format.value.",
        )
    return str(default).upper()


def format_options(spec: FormatSpec) -> FormatOptions:
    """The options as formats take them."""
    return FormatOptions(spec.wrapped, spec.delimiter, dict(spec.properties), spec.binding)


def _wrapped(
    name: str,
    columns: Sequence[Column],
    given: bool | None,
    properties: Mapping[str, object],
    *,
    is_key: bool,
) -> bool:
    format_ = FORMATS[name]
    if is_key:
        return len(columns) > 1 or not format_.unwraps
    if given is not None:
        if len(columns) != 1:
            raise PropertyError("WRAP_SINGLE_VALUE is only for a single value column")
        if not (format_.wraps if given else format_.unwraps):
            raise PropertyError(f"format {name} does not support WRAP_SINGLE_VALUE")
        return given
    if len(columns) != 1:
        return True
    config = _wrap_config(name, columns, properties, is_key=is_key)
    return format_.wraps_by_default if config is None else config


def _wrap_config(
    name: str, columns: Sequence[Column], properties: Mapping[str, object], *, is_key: bool
) -> bool | None:
    """What the server's setting says of wrapping, where it applies and the format can do it."""
    config = properties.get("ksql.persistence.wrap.single.values")
    if is_key or len(columns) != 1 or config is None or str(config) == "":
        return None
    format_ = FORMATS[name]
    wanted = str(config).lower() == "true"
    return wanted if format_.wraps and format_.unwraps else None


def _delimiter(clause: WithClause, part: str, name: str, inherited: FormatSpec | None) -> str:
    given = clause.text(f"{part.upper()}_DELIMITER")
    if given is None:
        return inherited.delimiter if inherited is not None else ","
    if name != "DELIMITED":
        raise PropertyError(f"{part.upper()}_DELIMITER is only for format DELIMITED")
    return given


_NULLABLE = "PROTOBUF_NULLABLE_REPRESENTATION"


def format_properties(
    clause: WithClause, part: str, name: str, inherited: FormatSpec | None = None
) -> tuple[tuple[str, str], ...]:
    """The properties that only some formats have, by name without KEY_ or VALUE_.

    Raises:
        PropertyError: The format does not have one, or a value is wrong.
    """
    prefix = f"{part.upper()}_"
    names = ("SCHEMA_ID", "SCHEMA_FULL_NAME", _NULLABLE)
    found = {name: text for name in names if (text := clause.text(prefix + name)) is not None}
    if part == "value" and (avro := clause.text("VALUE_AVRO_SCHEMA_FULL_NAME")) is not None:
        if "SCHEMA_FULL_NAME" in found:
            raise PropertyError(
                "VALUE_AVRO_SCHEMA_FULL_NAME and VALUE_SCHEMA_FULL_NAME cannot be combined"
            )
        found["SCHEMA_FULL_NAME"] = avro
    for property_name in found:
        able = name.startswith("PROTOBUF") if property_name == _NULLABLE else FORMATS[name].infers
        if not able:
            raise PropertyError(f"format {name} does not have {prefix}{property_name}")
    if _NULLABLE in found:
        found[_NULLABLE] = found[_NULLABLE].upper()
        if found[_NULLABLE] not in ("OPTIONAL", "WRAPPER"):
            raise PropertyError(
                f"{prefix}{_NULLABLE} must be OPTIONAL or WRAPPER, not {found[_NULLABLE]}"
            )
    elif inherited is not None and clause.format_name(part) is None:
        found.update((name, text) for name, text in inherited.properties if name == _NULLABLE)
    clause.integer(f"{prefix}SCHEMA_ID")
    return tuple(found.items())


def check_keyless(schema: Schema, key_format: FormatSpec) -> None:
    """Key format NONE holds no key columns."""
    if key_format.name == "NONE" and schema.key:
        raise UnsupportedError("key format NONE cannot hold key columns")
