"""What the answers of `POST /ksql` look like as text.

Answers in `LAYOUTS` look as in ksqlDB's shell, whichever server gave them. Any other prints as the
server says, or else as its members: so no new statement and no plugin's needs a change here.
Source: parity/cli-and-ops.md, 1.6; wire recordings of the shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from merganser.cli.render.cells import cell_text
from merganser.cli.render.describe import (
    describe_function,
    describe_query,
    describe_source,
    schema_text,
)
from merganser.cli.render.jsontext import Json
from merganser.cli.render.table import label, one_line, table_lines

Entity = Mapping[str, Json]
Layout = Callable[[Entity, int], list[str]]

TABLES = "$tables"
"""Member in which a Merganser server tells, if asked, what a terminal should show."""

_NOT_CONTENT = ("@type", "statementText", "warnings", TABLES)


def entity_lines(entity: Entity, terminal_width: int) -> list[str]:
    """One answer as lines, its warnings behind."""
    layout = LAYOUTS.get(str(entity.get("@type")), _any)
    lines = layout(entity, terminal_width)
    warnings = members(entity, "warnings")
    return lines + [f"WARNING: {warning.get('message')}" for warning in warnings]


def members(entity: Entity, name: str) -> list[dict[str, Json]]:
    """A list of objects in an answer; empty where it is missing."""
    value = entity.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def answers_lines(entities: Sequence[Entity], terminal_width: int) -> list[str]:
    """The answers of one request. Each of several is headed by its statement."""
    lines: list[str] = []
    for entity in entities:
        lines.append("")
        if len(entities) > 1:
            lines.extend(str(entity.get("statementText", "")).splitlines())
        lines.extend(entity_lines(entity, terminal_width))
    return lines


# ------------------------------------------------------------------ one message


def _message(text: object, width: int) -> list[str]:
    first = str(text).split("\n", 1)[0]
    return table_lines(["Message"], [[first]], width)


def _status(entity: Entity, width: int) -> list[str]:
    status = entity.get("commandStatus")
    return _message(status.get("message") if isinstance(status, dict) else "", width)


def _warning(entity: Entity, width: int) -> list[str]:
    return _message(entity.get("message", ""), width)


def _terminated(entity: Entity, width: int) -> list[str]:
    query_id = entity.get("queryId")
    done = entity.get("wasTerminated") is not False
    return _message(
        f'Terminated query "{query_id}"' if done else f'Query "{query_id}" was not running', width
    )


def _assert_topic(entity: Entity, _width: int) -> list[str]:
    found = "exists" if entity.get("exists") else "does not exist"
    return [f"Topic {entity.get('topicName')} {found}."]


def _assert_schema(entity: Entity, _width: int) -> list[str]:
    words = ["Schema"]
    if entity.get("subject") is not None:
        words.append(f"with subject {entity['subject']}")
    if entity.get("id") is not None:
        words.append(f"{'id' if len(words) > 1 else 'with id'} {entity['id']}")
    words.append("exists." if entity.get("exists") else "does not exist.")
    return [" ".join(words)]


# ------------------------------------------------------------------ lists


def _sources(kind: str) -> Layout:
    def lines(entity: Entity, width: int) -> list[str]:
        rows = sorted(
            [
                str(source.get("name")),
                str(source.get("topic")),
                str(source.get("keyFormat")),
                str(source.get("valueFormat")),
                cell_text(source.get("isWindowed")),
            ]
            for source in members(entity, f"{kind.lower()}s")
        )
        heads = [f"{kind} Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"]
        return table_lines(heads, rows, width)

    return lines


def _queries(entity: Entity, width: int) -> list[str]:
    heads = ["Query ID", "Query Type", "Status", "Sink Name", "Sink Kafka Topic", "Query String"]
    rows = [
        [
            str(query.get("id")),
            str(query.get("queryType")),
            _status_count(query.get("statusCount")),
            _joined(query.get("sinks")),
            _joined(query.get("sinkKafkaTopics")),
            one_line(str(query.get("queryString", ""))),
        ]
        for query in members(entity, "queries")
    ]
    footer = "For detailed information on a query run: EXPLAIN <Query ID>;"
    return [*table_lines(heads, rows, width), footer]


def _status_count(counts: Json) -> str:
    if not isinstance(counts, dict):
        return ""
    return ",".join(f"{status}:{count}" for status, count in counts.items())


def _joined(names: Json) -> str:
    return ", ".join(str(name) for name in names) if isinstance(names, list) else ""


def _properties(entity: Entity, width: int) -> list[str]:
    overridden, defaults = entity.get("overwrittenProperties"), entity.get("defaultProperties")
    in_session = set(overridden) if isinstance(overridden, list) else set()
    untouched = set(defaults) if isinstance(defaults, list) else set()
    rows = []
    for item in members(entity, "properties"):
        name, value = str(item.get("name")), item.get("value")
        origin = "SESSION" if name in in_session else "" if name in untouched else "SERVER"
        rows.append(
            [name, str(item.get("scope", "")), origin, "NULL" if value is None else str(value)]
        )
    heads = ["Property", "Scope", "Default override", "Effective Value"]
    return table_lines(heads, sorted(rows), width)


def _topics(entity: Entity, width: int) -> list[str]:
    extended = entity.get("@type") == "kafka_topics_extended"
    heads = ["Kafka Topic", "Partitions", "Partition Replicas"]
    if extended:
        heads += ["Consumers", "ConsumerGroups"]
    rows = []
    for topic in members(entity, "topics"):
        replicas = topic.get("replicaInfo")
        counts = [str(count) for count in replicas] if isinstance(replicas, list) else []
        uniform = len(set(counts)) == 1
        shown = counts[0] if uniform else "[" + ", ".join(counts) + "]"
        row = [str(topic.get("name")), str(len(counts)), shown]
        if extended:
            row += [str(topic.get("consumerCount")), str(topic.get("consumerGroupCount"))]
        rows.append(row)
    return table_lines(heads, sorted(rows), width)


def _functions(entity: Entity, width: int) -> list[str]:
    found = sorted(
        (str(function.get("category", "")), str(function.get("name")))
        for function in members(entity, "functions")
    )
    rows: list[list[str]] = []
    last: str | None = None
    for category, name in found:
        if last not in {None, category}:
            rows.append(["", ""])
        rows.append([name, category])
        last = category
    footer = "For detailed information about a function run: DESCRIBE FUNCTION <Function Name>;"
    return [*table_lines(["Function Name", "Category"], rows, width), footer]


def _types(entity: Entity, width: int) -> list[str]:
    types = entity.get("types")
    found = types.items() if isinstance(types, dict) else []
    rows = sorted([name, schema_text(schema)] for name, schema in found)
    return table_lines(["Type Name", "Schema"], rows, width)


def _variables(entity: Entity, width: int) -> list[str]:
    rows = [[str(v.get("name")), str(v.get("value"))] for v in members(entity, "variables")]
    return table_lines(["Variable Name", "Value"], rows, width)


def _connectors(entity: Entity, width: int) -> list[str]:
    fields = ("name", "type", "className", "state")
    rows = [[str(c.get(f)) for f in fields] for c in members(entity, "connectors")]
    return table_lines(["Connector Name", "Type", "Class", "Status"], rows, width)


def _connector_plugins(entity: Entity, width: int) -> list[str]:
    fields = ("className", "type", "version")
    rows = [[str(p.get(f)) for f in fields] for p in members(entity, "connectorsPlugins")]
    return table_lines(["Class", "Type", "Version"], rows, width)


# ------------------------------------------------------------------ descriptions


def _source(entity: Entity, width: int) -> list[str]:
    description = entity.get("sourceDescription")
    return describe_source(description, width) if isinstance(description, dict) else []


def _all_sources(entity: Entity, width: int) -> list[str]:
    return _separated(
        describe_source(source, width) for source in members(entity, "sourceDescriptions")
    )


def _query(entity: Entity, width: int) -> list[str]:
    description = entity.get("queryDescription")
    return describe_query(description, width) if isinstance(description, dict) else []


def _all_queries(entity: Entity, width: int) -> list[str]:
    return _separated(
        describe_query(query, width) for query in members(entity, "queryDescriptions")
    )


def _separated(parts: Iterable[list[str]]) -> list[str]:
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines else part
    return lines


def _any(entity: Entity, width: int) -> list[str]:
    """What a Merganser server says that the answer looks like; else its members by name."""
    tables = members(entity, TABLES)
    if not tables:
        return [
            label(name, cell_text(value))
            for name, value in entity.items()
            if name not in _NOT_CONTENT
        ]
    return _separated(_given(table, width) for table in tables)


def _given(table: Mapping[str, Json], width: int) -> list[str]:
    headers, rows = table.get("headers"), table.get("rows")
    lines = str(table.get("title") or "").splitlines()
    if isinstance(headers, list) and isinstance(rows, list) and headers:
        texts = [[cell_text(cell) for cell in row] for row in rows if isinstance(row, list)]
        lines += table_lines([str(header) for header in headers], texts, width)
    return lines + str(table.get("footer") or "").splitlines()


LAYOUTS: Mapping[str, Layout] = {
    "currentStatus": _status,
    "warning_entity": _warning,
    "terminate_query": _terminated,
    "streams": _sources("Stream"),
    "tables": _sources("Table"),
    "queries": _queries,
    "properties": _properties,
    "kafka_topics": _topics,
    "kafka_topics_extended": _topics,
    "function_names": _functions,
    "type_list": _types,
    "variables": _variables,
    "connector_list": _connectors,
    "connector_plugins_list": _connector_plugins,
    "sourceDescription": _source,
    "source_descriptions": _all_sources,
    "queryDescription": _query,
    "query_descriptions": _all_queries,
    "describe_function": describe_function,
    "assert_topic": _assert_topic,
    "assert_schema": _assert_schema,
}
