"""SHOW QUERIES: what runs, persistent queries first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.explain import QueryView, query_view
from merganser.engine.statements.handlers import RunningQuery, Session, handles
from merganser.parser import ast


@dataclass(frozen=True, kw_only=True)
class RunningQueries(Answer):
    """Queries, a line each."""

    wire_type: ClassVar[str] = "queries"
    queries: tuple[RunningQuery, ...]

    def fields(self) -> dict[str, object]:
        return {"queries": [query_info(query) for query in self.queries]}

    def tables(self) -> Sequence[Table]:
        headers = (
            "Query ID",
            "Query Type",
            "Status",
            "Sink Name",
            "Sink Kafka Topic",
            "Query String",
        )
        rows = tuple(
            (
                query.query_id,
                query.kind,
                f"{query.state}:1",
                query.sink or "",
                query.sink_topic or "",
                one_line(query.statement),
            )
            for query in self.queries
        )
        footer = "For more about a query, run: EXPLAIN <Query ID>;"
        return [Table(headers, rows, footer=footer)]


@dataclass(frozen=True, kw_only=True)
class QueryDescriptions(Answer):
    """Queries with all there is to tell about each."""

    wire_type: ClassVar[str] = "query_descriptions"
    queries: tuple[QueryView, ...]

    def fields(self) -> dict[str, object]:
        return {"queryDescriptions": [query.info() for query in self.queries]}

    def tables(self) -> Sequence[Table]:
        return [table for query in self.queries for table in query.tables()]


@handles(ast.ListQueries)
def list_queries(statement: ast.ListQueries, session: Session) -> Answer:
    """Answers the running queries."""
    running = session.queries.running()
    if not statement.extended:
        return RunningQueries(statement_text=statement.text, queries=tuple(running))
    views = tuple(
        query_view(session, session.queries.explain_running(query.query_id), query)
        for query in running
        if query.kind == "PERSISTENT"
    )
    return QueryDescriptions(statement_text=statement.text, queries=views)


def query_info(query: RunningQuery) -> dict[str, object]:
    """A query as it stands in lists. ksqlDB counts a paused query as running in `state`."""
    return {
        "queryString": query.statement,
        "sinks": [query.sink] if query.sink else [],
        "sinkKafkaTopics": [query.sink_topic] if query.sink_topic else [],
        "id": query.query_id,
        "statusCount": {query.state: 1},
        "queryType": query.kind,
        "state": "RUNNING" if query.state == "PAUSED" else query.state,
    }


def one_line(statement: str) -> str:
    """A statement without line ends."""
    return statement.replace("\n", " ")
