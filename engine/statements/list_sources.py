"""SHOW STREAMS, SHOW TABLES, DESCRIBE STREAMS, DESCRIBE TABLES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.catalog import Source
from merganser.engine.statements.describe_source import SourceView, missing_topics, source_view
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast


@dataclass(frozen=True, kw_only=True)
class StreamsList(Answer):
    """Streams, a line each."""

    wire_type: ClassVar[str] = "streams"
    title: ClassVar[str] = "Stream Name"
    sources: tuple[Source, ...]

    def fields(self) -> dict[str, object]:
        return {
            self.wire_type: [
                {
                    "type": source.kind.upper(),
                    "name": source.name,
                    "topic": source.topic,
                    "keyFormat": source.key_format.name,
                    "valueFormat": source.value_format.name,
                    "isWindowed": source.window is not None,
                }
                for source in self.sources
            ]
        }

    def tables(self) -> Sequence[Table]:
        headers = (self.title, "Kafka Topic", "Key Format", "Value Format", "Windowed")
        rows = tuple(
            (
                source.name,
                source.topic,
                source.key_format.name,
                source.value_format.name,
                str(source.window is not None).lower(),
            )
            for source in self.sources
        )
        return [Table(headers, rows)]


@dataclass(frozen=True, kw_only=True)
class TablesList(StreamsList):
    """Tables, a line each."""

    wire_type: ClassVar[str] = "tables"
    title: ClassVar[str] = "Table Name"


@dataclass(frozen=True, kw_only=True)
class SourceDescriptions(Answer):
    """Sources with all there is to tell about each."""

    wire_type: ClassVar[str] = "source_descriptions"
    views: tuple[SourceView, ...]

    def fields(self) -> dict[str, object]:
        return {"sourceDescriptions": [view.info() for view in self.views]}

    def tables(self) -> Sequence[Table]:
        return [table for view in self.views for table in view.tables()]


@handles(ast.ListSources)
def list_sources(statement: ast.ListSources, session: Session) -> Answer:
    """Answers streams or tables, by name."""
    sources = tuple(
        source
        for _, source in sorted(session.catalog.sources.items())
        if source.is_table == statement.is_table
    )
    if statement.extended or statement.describe:
        views = tuple(
            source_view(session, source, extended=statement.extended) for source in sources
        )
        return SourceDescriptions(
            statement_text=statement.text, views=views, warnings=missing_topics(views)
        )
    answer = TablesList if statement.is_table else StreamsList
    return answer(statement_text=statement.text, sources=sources)
