"""Where records go, told to the producer for whole batches.

A producer that has to ask its partitioner for each record takes a third more time: measured in
transactions of 100,000 records, 1.2 to 1.3 CPU seconds per million without and 0.9 with the
partition given, of which computing it takes 0.08.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pyarrow as pa

from merganser.engine.log.kafka_admin import KafkaAdmin
from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import Output

ROWS_MIN = 1_000  # Fewer records are no work for the producer.
GROWTH_SECONDS = 60.0  # Topics can get more partitions: so often it is asked how many there are.


class Partitioner:
    """Gives the records of outputs their partitions. For one thread."""

    def __init__(self, admin: KafkaAdmin) -> None:
        self._admin = admin
        self._counts: dict[str, tuple[int, float]] = {}
        self._turn = 0

    def placed(self, output: Output) -> Output:
        """The output with its partitions, or as it was where the producer finds them itself.

        Raises:
            LogError: Kafka does not answer.
        """
        row_count = output.records.num_rows
        if output.partitions is not None or row_count < ROWS_MIN:
            return output
        count = self._count(output.topic)
        if not count:
            return output
        found = partitions_of(output.records["key"], count, first_turn=self._turn)
        self._turn = (self._turn + row_count) % count
        return replace(output, partitions=pa.array(found))

    def _count(self, topic: str) -> int:
        """How many partitions a topic has; 0 if it is not there."""
        now = time.monotonic()
        count, asked_at = self._counts.get(topic, (0, 0.0))
        if not count or now - asked_at > GROWTH_SECONDS:
            count = len(self._admin.replicas(topic) or ())
            self._counts[topic] = count, now
        return count
