"""How far a system is: the committed positions of its group against the ends of its topics."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.load import PARTITION_COUNT

ANSWER_SECONDS = 10.0


class Progress:
    """Counts the records that a consumer group has not committed yet."""

    def __init__(self, bootstrap: str, group: str, topics: list[str]) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
        self._places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in range(PARTITION_COUNT)
        ]
        self._ends = [
            self._consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)[1]
            for place in self._places
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def left(self) -> int:
        """Records without a committed position behind them; while nobody answers, all."""
        try:
            committed = self._consumer.committed(self._places, timeout=ANSWER_SECONDS)
        except KafkaException:
            return sum(self._ends)
        return sum(
            end - max(place.offset, 0) for end, place in zip(self._ends, committed, strict=True)
        )
