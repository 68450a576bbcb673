"""The names that exist: streams, tables, types and persistent queries, as one frozen value.

A statement gives a new catalog; a script is validated against a copy by simply not keeping it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from merganser.engine.schema import Schema
from merganser.engine.schema_registry.protocol import SchemaBinding
from merganser.engine.types import SqlType
from merganser.errors import NameTakenError, Span, UnknownNameError


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """The format of a source's key or value, resolved from WITH and the defaults.

    Attributes:
        name: As registered (`JSON`).
        wrapped: Whether a single column stands inside an object.
        wrap_given: What the statement said of wrapping, if it said anything.
        delimiter: DELIMITED's separator.
        properties: Other properties of the format, by name without KEY_ or VALUE_.
        binding: Where its schemas are, for formats with a schema registry. Specs that only differ
            in it are equal.
    """

    name: str
    wrapped: bool
    wrap_given: bool | None = None
    delimiter: str = ","
    properties: tuple[tuple[str, str], ...] = ()
    binding: SchemaBinding | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeyWindow:
    """What window a key carries. `size_ms` is None for sessions."""

    kind: str
    size_ms: int | None


@dataclass(frozen=True, slots=True)
class TimestampColumn:
    """The column that gives the event time; `pattern` (Java's letters) for STRING columns."""

    name: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A stream or a table over a topic.

    Attributes:
        window: The window in the key, if there is one.
        query_id: The query that was created with it (CREATE … AS SELECT).
        read_only: Made by CREATE SOURCE.
        partition_count: As the planner knows it.
        statement: The statement that made it.
    """

    name: str
    is_table: bool
    schema: Schema
    topic: str
    key_format: FormatSpec
    value_format: FormatSpec
    partition_count: int
    window: KeyWindow | None = None
    timestamp: TimestampColumn | None = None
    query_id: str | None = None
    read_only: bool = False
    statement: str = ""

    @property
    def kind(self) -> str:
        """`stream` or `table`."""
        return "table" if self.is_table else "stream"


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """A persistent query.

    Attributes:
        sources: Names of the sources it reads, as they stand in FROM and JOIN.
        sink: The source it writes; None for one that only materialises (CREATE SOURCE TABLE).
    """

    query_id: str
    statement: str
    sources: tuple[str, ...]
    sink: str | None
    is_table: bool


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function that a statement made.

    Attributes:
        arguments: Names as the body spells them, and types.
        body: Code in the language.
    """

    name: str
    arguments: tuple[tuple[str, SqlType], ...]
    returns: SqlType
    language: str
    body: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All names."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    types: Mapping[str, SqlType] = field(default_factory=dict)
    queries: Mapping[str, QueryEntry] = field(default_factory=dict)
    functions: Mapping[str, FunctionDefinition] = field(default_factory=dict)

    def source(self, name: str, span: Span | None = None) -> Source:
        """The stream or table of that name.

        Raises:
            UnknownNameError: There is none; hints the nearest.
        """
        if (source := self.sources.get(name)) is not None:
            return source
        near = difflib.get_close_matches(name, self.sources, n=1)
        other = next((known for known in self.sources if known.upper() == name.upper()), None)
        guess = other or (near[0] if near else None)
        raise UnknownNameError(
            f"{name} does not exist",
            hint=f"Did you mean {guess}? Names in back-quotes keep their case." if guess else None,
            span=span,
        )

    def with_source(self, source: Source, *, replace_existing: bool = False) -> Catalog:
        """The catalog with one source more (or one replaced)."""
        if source.name in self.sources and not replace_existing:
            existing = self.sources[source.name]
            raise NameTakenError(
                f"cannot add {source.kind} {source.name}: "
                f"a {existing.kind} with the same name already exists"
            )
        return replace(self, sources={**self.sources, source.name: source})

    def without_source(self, name: str) -> Catalog:
        """The catalog without a source."""
        return replace(self, sources={k: v for k, v in self.sources.items() if k != name})

    def with_type(self, name: str, sql_type: SqlType) -> Catalog:
        """The catalog with a custom type."""
        return replace(self, types={**self.types, name: sql_type})

    def without_type(self, name: str) -> Catalog:
        """The catalog without a custom type."""
        return replace(self, types={k: v for k, v in self.types.items() if k != name})

    def with_function(self, function: FunctionDefinition) -> Catalog:
        """The catalog with a function."""
        return replace(self, functions={**self.functions, function.name: function})

    def without_function(self, name: str) -> Catalog:
        """The catalog without a function."""
        return replace(self, functions={k: v for k, v in self.functions.items() if k != name})

    def with_query(self, query: QueryEntry) -> Catalog:
        """The catalog with a persistent query."""
        return replace(self, queries={**self.queries, query.query_id: query})

    def without_query(self, query_id: str) -> Catalog:
        """The catalog without a persistent query."""
        return replace(self, queries={k: v for k, v in self.queries.items() if k != query_id})

    def readers(self, name: str) -> list[QueryEntry]:
        """The queries that read a source."""
        return [query for query in self.queries.values() if name in query.sources]

    def writers(self, name: str) -> list[QueryEntry]:
        """The queries that write a source, its own included."""
        return [query for query in self.queries.values() if query.sink == name]
