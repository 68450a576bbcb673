"""EXPLAIN: how a statement would run, or how a query does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.handlers import Explanation, RunningQuery, Session, handles
from merganser.engine.statements.shown_schema import field_info, field_table, labelled
from merganser.errors import UnknownNameError, UnsupportedError
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class QueryView:
    """A query with all there is to tell about it.

    Attributes:
        running: How it runs, if it does.
        consumer_group: The group that it reads with, or would.
        host: Where it runs, `host:port`.
    """

    explanation: Explanation
    running: RunningQuery | None
    consumer_group: str
    host: str

    def info(self) -> dict[str, object]:
        """The members of a queryDescription."""
        about, running = self.explanation, self.running
        return {
            "id": about.query_id,
            "statementText": about.statement,
            "windowType": about.window_kind,
            "fields": [field_info(column) for column in about.schema],
            "sources": list(about.sources),
            "sinks": list(about.sinks),
            "topology": about.topology,
            "executionPlan": about.plan,
            "overriddenProperties": dict(running.properties) if running else {},
            "ksqlHostQueryStatus": {self.host: _wire_state(running)} if running else {},
            "queryType": about.kind,
            "queryErrors": [
                {"timestamp": when, "errorMessage": message, "type": blame}
                for when, message, blame in (running.errors if running else ())
            ],
            "tasksMetadata": _tasks(running) if running else [],
            "consumerGroupId": self.consumer_group,
            "state": None if running is None else _wire_state(running),
        }

    def tables(self) -> list[Table]:
        """What a terminal shows."""
        about, running = self.explanation, self.running
        lines = [
            ("ID", about.query_id),
            ("Query Type", about.kind),
            ("SQL", about.statement),
        ]
        if running is not None:
            lines.append(("Host Query Status", f"{{{self.host}={running.state}}}"))
        fields = field_table(about.schema, is_table=False, window=about.window_kind)
        parts = [replace(fields, title=labelled(lines), footer="\n".join(self._sections()))]
        if running is not None and (pace := running.pace) is not None and pace.records_in:
            title = _heading("Runtime statistics")
            parts.append(Table(("Statistic", "Value"), pace.rows(), title=title))
        if running is not None and running.properties:
            rows = tuple((name, str(value)) for name, value in running.properties.items())
            title = _heading("Overridden Properties")
            parts.append(Table(("Property", "Value"), rows, title=title))
        if running is not None and running.errors:
            parts.append(_error_table(running))
        return parts

    def _sections(self) -> Iterable[str]:
        about = self.explanation
        yield section("Sources that this query reads from", about.sources)
        if about.sinks:
            yield section("Sinks that this query writes to", about.sinks)
        yield f"{_heading('Execution plan')}\n{about.plan.rstrip()}\n"
        yield f"{_heading('Processing topology')}\n{about.topology.rstrip()}\n"


@dataclass(frozen=True, kw_only=True)
class QueryDescription(Answer):
    """The answer to EXPLAIN."""

    wire_type: ClassVar[str] = "queryDescription"
    view: QueryView

    def fields(self) -> dict[str, object]:
        return {"queryDescription": self.view.info()}

    def tables(self) -> Sequence[Table]:
        return self.view.tables()


@handles(ast.Explain)
def explain(statement: ast.Explain, session: Session) -> QueryDescription:
    """Answers for a running query by its id, else plans the statement without running it."""
    if statement.query_id is not None:
        query_id = statement.query_id.upper()
        running = {query.query_id.upper(): query for query in session.queries.running()}
        found = running.get(query_id)
        if found is None or found.kind != "PERSISTENT":
            raise UnknownNameError(
                f"query {statement.query_id} does not exist",
                hint="SHOW QUERIES lists the persistent queries.",
                span=statement.span,
            )
        about = session.queries.explain_running(found.query_id)
        view = query_view(session, about, found)
    elif isinstance(
        statement.statement, ast.QueryStatement | ast.CreateAsSelect | ast.InsertSelect
    ):
        view = query_view(session, session.queries.explain(statement.statement, session), None)
    else:
        raise UnsupportedError(
            "only queries can be explained",
            hint="EXPLAIN takes a query id, SELECT, CREATE … AS SELECT or INSERT INTO … SELECT.",
            span=statement.span,
        )
    return QueryDescription(statement_text=statement.text, view=view)


def query_view(session: Session, about: Explanation, running: RunningQuery | None) -> QueryView:
    """A query with what the session knows of its surroundings."""
    group = running.consumer_group if running else ""
    if not group:
        part = "query_" if about.kind == "PERSISTENT" else "transient_"
        group = f"_confluent-ksql-{session.service_id}{part}{about.query_id}"
        if about.kind != "PERSISTENT":
            group += f"_{session.clock.now_ms()}"  # Each run has its own.
    statement = about.statement.rstrip().removesuffix(";") + ";"
    return QueryView(replace(about, statement=statement), running, group, session.host)


def section(title: str, names: Iterable[str]) -> str:
    """A titled list, as terminals show it."""
    return "\n".join([_heading(title), *names, ""])


def _heading(title: str) -> str:
    return f"{title}\n{'-' * len(title)}"


def _wire_state(running: RunningQuery) -> str:
    return "RUNNING" if running.state == "PAUSED" else running.state


def _tasks(running: RunningQuery) -> list[dict[str, object]]:
    """Offsets by partition number, as ksqlDB's tasks have them."""
    offsets: defaultdict[int, list[dict[str, object]]] = defaultdict(list)
    for (topic, partition), (position, end) in sorted(running.positions.items()):
        offsets[partition].append(
            {
                "topicPartitionEntity": {"topic": topic, "partition": partition},
                "endOffset": end,
                "committedOffset": position,
            }
        )
    return [
        {"taskId": f"0_{partition}", "topicOffsets": found, "timeCurrentIdlingStarted": None}
        for partition, found in sorted(offsets.items())
    ]


def _error_table(running: RunningQuery) -> Table:
    rows = tuple((str(when), blame, message) for when, message, blame in running.errors)
    return Table(("Timestamp (ms)", "Type", "Error"), rows, title=_heading("Query errors"))
