"""The command topic: every statement that changed something, in order. It is the truth of names.

A restarted engine runs the statements again, without their effects on topics, and has its catalog
and its queries back. A record also holds what the statement found outside (partition counts of
topics), so that running it again gives the same plan whatever has happened since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson
import pyarrow as pa

from merganser.engine.log.protocol import OUTPUT_SCHEMA, Log, Output
from merganser.errors import LogError

VERSION = 1
_READ_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Command:
    """A statement as it was run.

    Attributes:
        sequence: Its number: the ids of queries hold it.
        topics: Topic name → partition count, as the statement saw them; None: not there.
    """

    sequence: int
    statement: str
    properties: Mapping[str, object] = field(default_factory=dict)
    topics: Mapping[str, int | None] = field(default_factory=dict)


class CommandLog:
    """Reads and writes the command topic of a service."""

    def __init__(self, log: Log, service_id: str) -> None:
        self.topic = f"_confluent-ksql-{service_id}_command_topic"
        self._log = log

    def open(self) -> None:
        """Makes the topic if it is not there."""
        if self._log.topic(self.topic) is None:
            config = {"cleanup.policy": "delete", "retention.ms": "-1"}
            self._log.create_topic(self.topic, 1, None, config)

    def read(self) -> Iterator[Command]:
        """All commands, oldest first.

        Raises:
            LogError: A record is of a newer build, or no command at all.
        """
        positions = self._log.start_positions(self.topic)
        ends = self._log.end_positions(self.topic)
        reader = self._log.reader(positions, headers=False)
        try:
            while any(reader.positions()[place] < end for place, end in ends.items()):
                for batch in reader.poll(_READ_ROWS, 1000):
                    for value in batch.records.column("value").to_pylist():
                        yield _decode(value)
        finally:
            reader.close()

    def append(self, command: Command) -> None:
        """Makes a command durable."""
        value = orjson.dumps(
            {
                "version": VERSION,
                "sequence": command.sequence,
                "statement": command.statement,
                "properties": dict(command.properties),
                "topics": dict(command.topics),
            }
        )
        records = pa.table(
            {
                "key": pa.array([None], pa.binary()),
                "value": pa.array([value], pa.binary()),
                "timestamp": pa.array([0], pa.int64()),
                "headers": pa.nulls(1, OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        self._log.append(Output(self.topic, records))


def _decode(value: bytes) -> Command:
    found = orjson.loads(value)
    if found.get("version") != VERSION:
        raise LogError(
            f"the command topic holds a command of version {found.get('version')}, "
            f"this build reads {VERSION}",
            retryable=False,
        )
    return Command(found["sequence"], found["statement"], found["properties"], found["topics"])
