"""Descriptions of sources, queries and functions as text.

Source: parity/cli-and-ops.md, 1.6; wire recordings of the shell.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from merganser.cli.render.jsontext import Json
from merganser.cli.render.table import label, one_line, table_lines

TYPE_WIDTH = 16  # What key and header marks are aligned behind.
SECTION_RULE = "-" * 35


def schema_text(schema: Json) -> str:
    """A type as the shell names it: `VARCHAR(STRING)`, `ARRAY<…>`, `STRUCT<A INTEGER>`."""
    if not isinstance(schema, dict):
        return str(schema)
    name = str(schema.get("type"))
    member, parameters = schema.get("memberSchema"), schema.get("parameters")
    match name:
        case "STRING":
            text = "VARCHAR(STRING)"
        case "ARRAY":
            text = f"ARRAY<{schema_text(member)}>"
        case "MAP":
            text = f"MAP<STRING, {schema_text(member)}>"
        case "STRUCT":
            fields = (
                f"{field.get('name')} {schema_text(field.get('schema'))}"
                for field in _objects(schema.get("fields"))
            )
            text = f"STRUCT<{', '.join(fields)}>"
        case "DECIMAL" if isinstance(parameters, dict):
            text = f"DECIMAL({parameters.get('precision')}, {parameters.get('scale')})"
        case _:
            text = name
    return text


def describe_source(source: Mapping[str, Json], width: int) -> list[str]:
    """DESCRIBE, and with `extended` set DESCRIBE EXTENDED."""
    lines = [label("Name", source.get("name"))]
    if not source.get("extended"):
        hint = "For runtime statistics and query details run: DESCRIBE <Stream,Table> EXTENDED;"
        return [*lines, *_fields(source, width, table=source.get("type") == "TABLE"), hint]
    timestamp = source.get("timestamp") or "Not set - using <ROWTIME>"
    topic = (
        f"{source.get('topic')} (partitions: {source.get('partitions')}, "
        f"replication: {source.get('replication')})"
    )
    lines += [
        label("Type", source.get("type")),
        label("Timestamp field", timestamp),
        label("Key format", source.get("keyFormat")),
        label("Value format", source.get("valueFormat")),
        label("Kafka topic", topic),
        *label("Statement", source.get("statement")).splitlines(),
        "",
        *_fields(source, width, table=source.get("type") == "TABLE"),
        "",
        *_constraints(source),
        *_queries("read from", "readQueries", source),
        *_queries("write from", "writeQueries", source),
        *_statistics(source, width),
        *_consumer_groups(source, width),
    ]
    return lines


def describe_query(query: Mapping[str, Json], width: int) -> list[str]:
    """EXPLAIN."""
    statuses = query.get("ksqlHostQueryStatus")
    lines = [
        label("ID", query.get("id")),
        label("Query Type", query.get("queryType")),
        *label("SQL", query.get("statementText")).splitlines(),
    ]
    if isinstance(statuses, dict) and statuses:
        hosts = ", ".join(f"{host}={status}" for host, status in statuses.items())
        lines.append(label("Host Query Status", f"{{{hosts}}}"))
    lines += [
        "",
        *_fields(query, width, table=False),
        "",
        *_names("Sources that this query reads from:", query.get("sources")),
        *_names("Sinks that this query writes to:", query.get("sinks")),
        *_section("Execution plan", str(query.get("executionPlan") or "")),
        *_section("Processing topology", str(query.get("topology") or "")),
        *_overridden(query.get("overriddenProperties"), width),
    ]
    for error in _objects(query.get("queryErrors")):
        when = _moment(error.get("timestamp"))
        lines.append(f"Query error ({error.get('type')}, {when}): {error.get('errorMessage')}")
    return lines


def describe_function(entity: Mapping[str, Json], _width: int) -> list[str]:
    """DESCRIBE FUNCTION."""
    pairs = (
        ("Name", entity.get("name")),
        ("Author", entity.get("author")),
        ("Version", entity.get("version")),
        ("Overview", entity.get("description")),
        ("Type", entity.get("type")),
        ("Jar", entity.get("path")),
    )
    optional = {"Author", "Version"}
    lines = [_short_label(name, value) for name, value in pairs if value or name not in optional]
    lines.append("Variations  : ")
    for variation in _objects(entity.get("functions")):
        arguments = _objects(variation.get("arguments"))
        shown = ", ".join(_argument(argument).strip() for argument in arguments)
        lines += [
            "",
            f"\tVariation   : {entity.get('name')}({shown})",
            f"\tReturns     : {variation.get('returnType')}",
        ]
        if variation.get("description"):
            lines.append(f"\tDescription : {variation['description']}")
        lines += [
            f"\t{argument.get('name')!s:<11} : {argument['description']}"
            for argument in arguments
            if argument.get("description")
        ]
    return lines


def _short_label(name: str, value: Json) -> str:
    return f"{name:<11} : {'' if value is None else value}"


def _argument(argument: Mapping[str, Json]) -> str:
    many = "[]" if argument.get("isVariadic") else ""
    return f"{argument.get('name')} {argument.get('type')}{many}"


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _fields(source: Mapping[str, Json], width: int, *, table: bool) -> list[str]:
    window = source.get("windowType")
    rows = []
    for field in _objects(source.get("fields")):
        text = schema_text(field.get("schema"))
        mark = _mark(field, table=table)
        if mark:
            text = f"{text:<{TYPE_WIDTH}} {mark}"
            if window and field.get("type") == "KEY":
                text += f" (Window type: {window})"
        rows.append([str(field.get("name")), text])
    return table_lines(["Field", "Type"], rows, width)


def _mark(field: Mapping[str, Json], *, table: bool) -> str:
    if field.get("type") == "KEY":
        return "(primary key)" if table else "(key)"
    if field.get("type") == "HEADER":
        key = field.get("headerKey")
        return "(headers)" if key is None else f"(header('{key}'))"
    return ""


def _constraints(source: Mapping[str, Json]) -> list[str]:
    names = source.get("sourceConstraints")
    if not isinstance(names, list) or not names:
        return []
    title = "Sources that have a DROP constraint on this source"
    return [title, "-" * len(title), *(str(name) for name in names), ""]


def _queries(verb: str, member: str, source: Mapping[str, Json]) -> list[str]:
    queries = _objects(source.get(member))
    if not queries:
        return []
    found = [
        f"{query.get('id')} ({query.get('state')}) : {one_line(str(query.get('queryString')))}"
        for query in queries
    ]
    return [
        f"Queries that {verb} this {source.get('type')}",
        SECTION_RULE,
        *found,
        "",
        "For the plan and topology of a query run: EXPLAIN <Query ID>;",
        "",
    ]


def _statistics(source: Mapping[str, Json], width: int) -> list[str]:
    footer = f"(What this server did with the topic {source.get('topic')})"
    by_host = _objects(source.get("clusterStatistics")) + _objects(source.get("clusterErrorStats"))
    if not by_host:
        texts = [str(source.get("statistics") or ""), str(source.get("errorStats") or "")]
        return ["Local runtime statistics", "-" * 24, *texts, footer]
    rows = sorted(
        [
            str(entry.get("host")),
            str(entry.get("name")),
            f"{_amount(entry.get('value')):>10}",
            _moment(entry.get("timestamp")),
        ]
        for entry in by_host
    )
    heads = ["Host", "Metric", "Value", "Last Message"]
    return ["Runtime statistics by host", "-" * 25, *table_lines(heads, rows, width), footer]


def _amount(value: Json) -> str:
    return f"{float(value):.0f}" if isinstance(value, int | float) else str(value)


def _moment(epoch_ms: Json) -> str:
    if not isinstance(epoch_ms, int):
        return str(epoch_ms)
    moment = datetime.fromtimestamp(epoch_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _consumer_groups(source: Mapping[str, Json], width: int) -> list[str]:
    groups = _objects(source.get("queryOffsetSummaries"))
    if not groups:
        return []
    lines = ["", "Consumer Groups summary:"]
    for group in groups:
        lines += ["", label("Consumer Group", group.get("groupId"))]
        topics = _objects(group.get("topicSummaries"))
        if not topics:
            lines.append("<no offsets committed by this group yet>")
        for topic in topics:
            lines += _offsets(topic, width)
    return lines


def _offsets(topic: Mapping[str, Json], width: int) -> list[str]:
    rows, worst = [], 0
    for entry in _objects(topic.get("offsets")):
        start, end, at = (
            number if isinstance(number := entry.get(name), int) else 0
            for name in ("logStartOffset", "logEndOffset", "consumerOffset")
        )
        worst = max(worst, end - at)
        rows.append([str(entry.get("partition")), str(start), str(end), str(at), str(end - at)])
    heads = ["Partition", "Start Offset", "End Offset", "Offset", "Lag"]
    return [
        "",
        label("Kafka topic", topic.get("kafkaTopic")),
        label("Max lag", worst),
        "",
        *table_lines(heads, rows, width),
    ]


def _names(title: str, names: Json) -> list[str]:
    if not isinstance(names, list) or not names:
        return []
    shown = [str(name) for name in names]
    hint = "For a source's description run: DESCRIBE <Source> EXTENDED;"
    return [title, SECTION_RULE, *shown, "", hint, ""]


def _section(title: str, text: str) -> list[str]:
    if not text:
        return []
    return [f"{title:<20}", f"{'-' * len(title):<20}", *text.splitlines(), "", ""]


def _overridden(properties: Json, width: int) -> list[str]:
    if not isinstance(properties, dict) or not properties:
        return []
    rows = sorted([name, str(value)] for name, value in properties.items())
    table = table_lines(["Property", "Value"], rows, width)
    return ["Overridden Properties", "-" * 21, *table, ""]
