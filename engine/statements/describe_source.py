"""DESCRIBE: a stream or table, its columns and the queries around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.catalog import QueryEntry, Source
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.statements.explain import section
from merganser.engine.statements.handlers import RunningQuery, Session, handles
from merganser.engine.statements.list_queries import one_line, query_info
from merganser.engine.statements.shown_schema import field_info, field_table, labelled
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source with what surrounds it.

    Attributes:
        readers: The queries that read it.
        writers: The queries that write it.
        constraints: Names of the sources that were made from it, so that it cannot be dropped.
        partition_count: Of its topic; 0 if there is no such topic now.
        replica_count: Likewise.
        starts: The oldest position of each partition that a writer reads.
    """

    source: Source
    extended: bool
    readers: tuple[RunningQuery, ...]
    writers: tuple[RunningQuery, ...]
    constraints: tuple[str, ...]
    partition_count: int
    replica_count: int
    starts: dict[TopicPartition, int]

    @property
    def window_kind(self) -> str | None:
        """The kind of window in the key."""
        return self.source.window.kind if self.source.window else None

    def info(self) -> dict[str, object]:
        """The members of a sourceDescription."""
        source = self.source
        return {
            "name": source.name,
            "windowType": self.window_kind,
            "readQueries": [query_info(query) for query in self.readers],
            "writeQueries": [query_info(query) for query in self.writers],
            "fields": [field_info(column) for column in source.schema],
            "type": source.kind.upper(),
            "timestamp": source.timestamp.name if source.timestamp else "",
            "statistics": "",
            "errorStats": "",
            "extended": self.extended,
            "keyFormat": source.key_format.name,
            "valueFormat": source.value_format.name,
            "topic": source.topic,
            "partitions": self.partition_count,
            "replication": self.replica_count,
            "statement": source.statement,
            "queryOffsetSummaries": self._offsets() if self.extended else [],
            "sourceConstraints": list(self.constraints),
            "clusterStatistics": [],
            "clusterErrorStats": [],
        }

    def tables(self) -> list[Table]:
        """What a terminal shows."""
        source = self.source
        fields = field_table(source.schema, is_table=source.is_table, window=self.window_kind)
        if not self.extended:
            title = labelled([("Name", source.name)])
            footer = f"For more about it, run: DESCRIBE {source.name} EXTENDED;"
            return [replace(fields, title=title, footer=footer)]
        topic = (
            f"{source.topic} (partitions: {self.partition_count}, "
            f"replication: {self.replica_count})"
        )
        timestamp = source.timestamp.name if source.timestamp else "Not set - using <ROWTIME>"
        title = labelled(
            [
                ("Name", source.name),
                ("Type", source.kind.upper()),
                ("Timestamp field", timestamp),
                ("Key format", source.key_format.name),
                ("Value format", source.value_format.name),
                ("Kafka topic", topic),
                ("Statement", source.statement),
            ]
        )
        footer = "\n".join(self._sections())
        first = replace(fields, title=title, footer=footer)
        return [first, *self._pace_tables(), *self._offset_tables()]

    def _pace_tables(self) -> Iterator[Table]:
        """How those that write it get on; those that had nothing to do yet have nothing to tell."""
        for query in self.writers:
            if query.pace is not None and query.pace.records_in:
                title = labelled([("Runtime statistics", query.query_id)])
                yield Table(("Statistic", "Value"), query.pace.rows(), title=title)

    def _sections(self) -> Iterator[str]:
        kind = self.source.kind.upper()
        if self.constraints:
            yield section(f"Sources that have a DROP constraint on this {kind}", self.constraints)
        for title, queries in (
            (f"Queries that read from this {kind}", self.readers),
            (f"Queries that write from this {kind}", self.writers),
        ):
            if queries:
                lines = [f"{q.query_id} ({q.state}) : {one_line(q.statement)}" for q in queries]
                yield section(title, lines)

    def _offsets(self) -> list[dict[str, object]]:
        return [
            {"groupId": query.consumer_group, "topicSummaries": self._topic_summaries(query)}
            for query in self.writers
        ]

    def _topic_summaries(self, query: RunningQuery) -> list[dict[str, object]]:
        return [
            {
                "kafkaTopic": topic,
                "offsets": [
                    {
                        "partition": place.partition,
                        "logStartOffset": self.starts.get(place, 0),
                        "logEndOffset": end,
                        "consumerOffset": position,
                    }
                    for place, (position, end) in _read_of(query, topic)
                ],
            }
            for topic in sorted({place.topic for place, _ in _read_of(query)})
        ]

    def _offset_tables(self) -> Iterator[Table]:
        for query in self.writers:
            for topic in sorted({place.topic for place, _ in _read_of(query)}):
                read = _read_of(query, topic)
                rows = tuple(
                    (
                        str(place.partition),
                        str(self.starts.get(place, 0)),
                        str(end),
                        str(position),
                        str(end - position),
                    )
                    for place, (position, end) in read
                )
                title = labelled(
                    [
                        ("Consumer Group", query.consumer_group),
                        ("Kafka topic", topic),
                        ("Max lag", str(max(end - position for _, (position, end) in read))),
                    ]
                )
                headers = ("Partition", "Start Offset", "End Offset", "Offset", "Lag")
                yield Table(headers, rows, title=title)


@dataclass(frozen=True, kw_only=True)
class SourceDescription(Answer):
    """The answer to DESCRIBE of one source."""

    wire_type: ClassVar[str] = "sourceDescription"
    view: SourceView

    def fields(self) -> dict[str, object]:
        return {"sourceDescription": self.view.info()}

    def tables(self) -> Sequence[Table]:
        return self.view.tables()


@handles(ast.DescribeSource)
def describe_source(statement: ast.DescribeSource, session: Session) -> SourceDescription:
    """Answers for one source; a topic that is not there is told as a warning."""
    source = session.catalog.source(statement.name, statement.span)
    view = source_view(session, source, extended=statement.extended)
    return SourceDescription(
        statement_text=statement.text, view=view, warnings=missing_topics([view])
    )


def source_view(session: Session, source: Source, *, extended: bool) -> SourceView:
    """A source with what the session knows of its surroundings."""
    running = {query.query_id: query for query in session.queries.running()}
    readers = _running(session.catalog.readers(source.name), running)
    writers = _running(session.catalog.writers(source.name), running)
    topic = session.log.topic(source.topic)
    starts: dict[TopicPartition, int] = {}
    if extended:
        for name in {place.topic for query in writers for place, _ in _read_of(query)}:
            if session.log.topic(name) is not None:
                starts.update(session.log.start_positions(name))
    constraints = dict.fromkeys(query.sink for query in readers if query.sink)
    return SourceView(
        source=source,
        extended=extended,
        readers=readers,
        writers=writers,
        constraints=tuple(constraints),
        partition_count=topic.partition_count if topic else 0,
        replica_count=(topic.replicas[0] if topic.replicas else 1) if topic else 0,
        starts=starts,
    )


def missing_topics(views: Sequence[SourceView]) -> tuple[str, ...]:
    """Warnings for sources whose topic is not there."""
    return tuple(
        f'topic "{view.source.topic}" of {view.source.kind} {view.source.name} does not exist'
        for view in views
        if view.partition_count == 0
    )


def _running(
    entries: Sequence[QueryEntry], running: dict[str, RunningQuery]
) -> tuple[RunningQuery, ...]:
    return tuple(running[entry.query_id] for entry in entries if entry.query_id in running)


def _read_of(
    query: RunningQuery, topic: str | None = None
) -> list[tuple[TopicPartition, tuple[int, int]]]:
    """Where a query stands in the partitions that it has read of, of one topic or of all."""
    return [
        (place, (position, end))
        for place, (position, end) in sorted(query.positions.items())
        if position > 0 and topic in (None, place.topic)
    ]
