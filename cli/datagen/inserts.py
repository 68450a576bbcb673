"""Made-up records by INSERT INTO … VALUES, for servers whose log cannot be reached."""

from __future__ import annotations

from merganser.cli.datagen.schemas import Row, Value
from merganser.cli.datagen.stream import Order
from merganser.parser.words import name_sql, string_sql
from merganser.server.client import Client

STATEMENTS_MAX = 500  # In one request: more gain nothing, and a server need not take endless ones.


class StatementWriter:
    """Inserts into the stream that reads the topic; it is declared if the server has none."""

    def __init__(self, client: Client, order: Order, topic: str, partitions: int) -> None:
        self._client = client
        self._stream = name_sql(_stream_name(client, topic) or order.schema.name.upper())
        self._columns = order.schema.columns_of(order.value_format)
        client.execute(
            order.schema.create_stream(
                self._stream,
                topic,
                order.value_format,
                order.key,
                None if _has_topic(client, topic) else partitions,
            )
        )

    def append(self, records: list[tuple[Row, int]]) -> None:
        """Inserts rows, each at its event time.

        Raises:
            ServerError: The server refused one.
        """
        for start in range(0, len(records), STATEMENTS_MAX):
            statements = map(self._insert, records[start : start + STATEMENTS_MAX])
            self._client.execute("\n".join(statements))

    def _insert(self, record: tuple[Row, int]) -> str:
        row, event_time_ms = record
        names = ", ".join(["ROWTIME", *self._columns])
        values = ", ".join([str(event_time_ms), *(_literal(row[name]) for name in self._columns)])
        return (
            f"INSERT INTO {self._stream} ({names}) "  # noqa: S608 (every value is a literal)
            f"VALUES ({values});"
        )


def _stream_name(client: Client, topic: str) -> str | None:
    """Finds a stream that the server has on the topic already."""
    for entity in client.execute("SHOW STREAMS;"):
        for stream in entity.get("streams", []):
            if stream.get("topic") == topic:
                return str(stream["name"])
    return None


def _has_topic(client: Client, topic: str) -> bool:
    topics = [entry for entity in client.execute("SHOW TOPICS;") for entry in entity["topics"]]
    return any(entry["name"] == topic for entry in topics)


def _literal(value: Value) -> str:
    match value:
        case bool():
            return str(value).upper()
        case str():
            return string_sql(value)
        case dict():
            fields = ", ".join(f"{name} := {_literal(field)}" for name, field in value.items())
            return f"STRUCT({fields})"
        case _:
            return str(value)
