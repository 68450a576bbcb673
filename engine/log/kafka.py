"""The log in a Kafka cluster."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from confluent_kafka import KafkaError, Message, Producer

from merganser.engine.log.kafka_admin import KafkaAdmin, missing
from merganser.engine.log.kafka_client import (
    LOGGER,
    REQUEST_SECONDS,
    Setting,
    client_settings,
    kafka_errors,
    log_error,
)
from merganser.engine.log.kafka_consumer import CLIENT_SETTING, consumer_named
from merganser.engine.log.kafka_publisher import (
    COMMITS_SUFFIX,
    PRODUCER_SETTINGS,
    KafkaPublisher,
    produce_output,
)
from merganser.engine.log.kafka_reader import KafkaReader
from merganser.engine.log.protocol import Output, Topic, TopicPartition
from merganser.errors import LogError

APPEND_SETTINGS: Mapping[str, Setting] = {
    **PRODUCER_SETTINGS,
    "linger.ms": 0,
}  # Few records, and somebody waits.


class KafkaLog:
    """Topics of a Kafka cluster. Any thread may call; see `Log` for the contract.

    `settings` are librdkafka's (`bootstrap.servers`, `security.protocol`, …). One that begins with
    `consumer.`, `producer.` or `admin.` holds for that kind of client only. `merganser.client` says
    by which consumer records are read, see `merganser.engine.log.kafka_consumer`.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Connects when first asked for something.

        Raises:
            LogError: A setting is wrong, not retryable.
        """
        self._settings = {name: value for name, value in settings.items() if name != CLIENT_SETTING}
        self._consumer = consumer_named(settings.get(CLIENT_SETTING, "auto"))
        self._admin = KafkaAdmin(self._settings)
        self._appending = threading.Lock()
        self._append_failures: list[LogError] = []
        self._append_producer: Producer | None = None

    # ---- topics ----

    def topics(self) -> list[Topic]:
        return self._admin.topics()

    def topic(self, name: str) -> Topic | None:
        return self._admin.topic(name)

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        self._admin.create(name, partition_count, replica_count, config)

    def delete_topic(self, name: str) -> None:
        self._admin.delete(name)

    def start_positions(self, topic: str) -> dict[TopicPartition, int]:
        return self._admin.oldest(topic)

    def end_positions(self, topic: str) -> dict[TopicPartition, int]:
        return self._admin.newest(topic)

    def positions_at(self, topic: str, timestamp_ms: int) -> dict[TopicPartition, int]:
        return self._admin.first_since(topic, timestamp_ms)

    # ---- reading and writing ----

    def reader(
        self, positions: Mapping[TopicPartition, int], *, headers: bool = True
    ) -> KafkaReader:
        for topic in sorted({place.topic for place in positions}):
            replicas = self._admin.replicas(topic)
            if replicas is None:
                raise missing(topic)
            for place in positions:
                if place.topic == topic and place.partition >= len(replicas):
                    raise LogError(
                        f'topic "{topic}" has no partition {place.partition}', retryable=False
                    )
        return KafkaReader(
            self._settings, positions, self._admin.check, headers=headers, consumer=self._consumer
        )

    def publisher(self, producer_id: str, *, exactly_once: bool = True) -> KafkaPublisher:
        return KafkaPublisher(
            self._settings,
            producer_id,
            self._admin,
            exactly_once=exactly_once,
            consumer=self._consumer,
        )

    def append(self, output: Output) -> None:
        doing = f'cannot write to topic "{output.topic}"'
        if self._admin.replicas(output.topic) is None:
            raise missing(output.topic)
        with self._appending, kafka_errors(doing):
            producer = self._appender()
            self._append_failures.clear()
            produce_output(producer, output)
            left = producer.flush(REQUEST_SECONDS)
            if left:
                # Later appends must not bring these records, of which the caller was told the loss.
                producer.purge()
                producer.flush(REQUEST_SECONDS)
                raise LogError(f"{doing}: no answer within {REQUEST_SECONDS} s", retryable=True)
            if self._append_failures:
                raise self._append_failures[0]

    def forget(self, producer_id: str) -> None:
        self._admin.delete(producer_id + COMMITS_SUFFIX)
        self._admin.delete_group(producer_id)

    def healthy(self) -> bool:
        return self._admin.healthy()

    def close(self) -> None:
        with self._appending:
            if self._append_producer is not None:
                self._append_producer.close()
                self._append_producer = None
        self._admin.close()

    def _appender(self) -> Producer:
        """The producer for single records, made when first needed."""
        if self._append_producer is None:
            config = client_settings(self._settings, "producer", APPEND_SETTINGS)
            self._append_producer = Producer(
                {**config, "on_delivery": self._on_append_failure}, logger=LOGGER
            )
        return self._append_producer

    def _on_append_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._append_failures.append(
                log_error(error, f'a record was refused by topic "{message.topic()}"')
            )
