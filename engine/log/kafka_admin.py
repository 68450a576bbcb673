"""Topics, positions and consumer groups of a Kafka cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

import confluent_kafka
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # does not mark its exports
    AdminClient,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from merganser.engine.log.kafka_client import (
    LOGGER,
    REQUEST_SECONDS,
    client_settings,
    kafka_errors,
)
from merganser.engine.log.protocol import Topic, TopicPartition
from merganser.errors import LogError

HEALTHY_SECONDS = 2.0
SETTLE_SECONDS_MAX = 30.0  # For a topic to appear or to go everywhere.
_LOOK_SECONDS = 0.05

_SETTLING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
"""What a broker answers until it knows its part in a new or moved partition or group."""

T = TypeVar("T")


class KafkaAdmin:
    """What a cluster tells of its topics. Any thread may call.

    Raises:
        LogError: The cluster refused (not retryable) or did not answer (retryable).
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        with kafka_errors("cannot make a Kafka client"):
            self._client = AdminClient(client_settings(settings, "admin"), logger=LOGGER)
        self._closing = threading.Event()

    def topics(self) -> list[Topic]:
        """All topics with their settings, by name."""
        with kafka_errors("cannot list the topics"):
            found = self._client.list_topics(timeout=REQUEST_SECONDS).topics
        names = sorted(name for name, topic in found.items() if topic.error is None)
        configs = self._configs(names)
        return [
            Topic(
                name,
                len(found[name].partitions),
                tuple(len(part.replicas) for _, part in sorted(found[name].partitions.items())),
                configs.get(name, {}),
            )
            for name in names
        ]

    def topic(self, name: str) -> Topic | None:
        """One topic with its settings, if it exists."""
        replicas = self.replicas(name)
        if replicas is None:
            return None
        return Topic(name, len(replicas), replicas, self._configs([name]).get(name, {}))

    def replicas(self, name: str) -> tuple[int, ...] | None:
        """The replica count of each partition, if the topic exists."""
        with kafka_errors(f'cannot describe topic "{name}"'):
            future = self._client.describe_topics(
                TopicCollection([name]), request_timeout=REQUEST_SECONDS
            )[name]
            try:
                found = future.result()
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return None
                raise
        return tuple(len(partition.replicas) for partition in found.partitions)

    def check(self, names: set[str]) -> None:
        """Asks, within two seconds, whether topics are there; raises LogError if one is not."""
        with kafka_errors("Kafka does not answer"):
            futures = self._client.describe_topics(
                TopicCollection(sorted(names)), request_timeout=HEALTHY_SECONDS
            )
            for name, future in futures.items():
                try:
                    future.result()
                except KafkaException as error:
                    if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise missing(name) from error
                    raise

    def create(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        """Creates a topic, if it does not exist, and waits until its positions can be read."""
        doing = f'cannot create topic "{name}"'
        new = NewTopic(
            name,
            num_partitions=partition_count,
            replication_factor=-1 if replica_count is None else replica_count,
            config=dict(config),
        )
        with kafka_errors(doing):
            future = self._client.create_topics([new], request_timeout=REQUEST_SECONDS)[name]
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        self._until(doing, lambda: self.replicas(name) is not None)
        self.newest(name)

    def delete(self, name: str) -> None:
        """Deletes a topic, if it exists, and waits until it is gone."""
        doing = f'cannot delete topic "{name}"'
        with kafka_errors(doing):
            future = self._client.delete_topics([name], request_timeout=REQUEST_SECONDS)[name]
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
        self._until(doing, lambda: self.replicas(name) is None)

    def oldest(self, topic: str) -> dict[TopicPartition, int]:
        """The first position of each partition."""
        return self._offsets(topic, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # theirs

    def newest(self, topic: str) -> dict[TopicPartition, int]:
        """The position behind the last committed record of each partition."""
        return self._offsets(topic, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # theirs

    def first_since(self, topic: str, timestamp_ms: int) -> dict[TopicPartition, int]:
        """Per partition the offset of the first record of that time or later; else the end."""
        found = self._offsets(topic, OffsetSpec.for_timestamp(timestamp_ms))
        ends = found if min(found.values()) >= 0 else self.newest(topic)
        return {place: ends[place] if first < 0 else first for place, first in found.items()}

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[TopicPartition, int]:
        """Per partition the committed offset that a specification names; -1 if there is none."""
        replicas = self.replicas(topic)
        if replicas is None:
            raise missing(topic)
        doing = f'cannot read the positions of topic "{topic}"'
        wanted = {
            confluent_kafka.TopicPartition(topic, partition): spec
            for partition in range(len(replicas))
        }

        def ask() -> dict[TopicPartition, int]:
            futures = self._client.list_offsets(
                wanted,
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=REQUEST_SECONDS,
            )
            return {
                TopicPartition(topic, place.partition): future.result().offset
                for place, future in futures.items()
            }

        return self._retried(doing, ask)

    def delete_group(self, group_id: str) -> None:
        """Deletes a consumer group with its positions; a missing one is no error."""

        def ask() -> None:
            futures = self._client.delete_consumer_groups(
                [group_id], request_timeout=REQUEST_SECONDS
            )
            try:
                futures[group_id].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                    raise

        self._retried(f'cannot delete consumer group "{group_id}"', ask)

    def healthy(self) -> bool:
        """Whether the cluster answers now."""
        try:
            future = self._client.describe_cluster(request_timeout=HEALTHY_SECONDS)
            return bool(future.result(HEALTHY_SECONDS).nodes)
        except (KafkaException, TimeoutError):
            return False

    def close(self) -> None:
        """Ends the waits of other threads."""
        self._closing.set()

    def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}
        with kafka_errors("cannot read the settings of topics"):
            futures: Mapping[ConfigResource, Future[Mapping[str, ConfigEntry]]] = (
                self._client.describe_configs(resources, request_timeout=REQUEST_SECONDS)
            )
            found = {}
            for resource, future in futures.items():
                try:
                    entries = future.result()
                except KafkaException as error:
                    # The topic went meanwhile, or its settings are not ours to see.
                    LOGGER.debug("no settings of topic %s: %s", resource.name, error)
                    continue
                found[str(resource.name)] = {
                    name: str(entry.value)
                    for name, entry in entries.items()
                    if entry.value is not None
                }
            return found

    def _retried(self, doing: str, ask: Callable[[], T]) -> T:
        """Asks again while the broker in charge does not know its part yet."""
        until = time.monotonic() + SETTLE_SECONDS_MAX
        while True:
            try:
                return ask()
            except KafkaException as error:
                settling = error.args[0].code() in _SETTLING
                if not settling or time.monotonic() > until or self._closing.wait(_LOOK_SECONDS):
                    with kafka_errors(doing):
                        raise

    def _until(self, doing: str, reached: Callable[[], bool]) -> None:
        until = time.monotonic() + SETTLE_SECONDS_MAX
        while not reached():
            if time.monotonic() > until or self._closing.wait(_LOOK_SECONDS):
                raise LogError(f"{doing}: not done within {SETTLE_SECONDS_MAX} s", retryable=True)


def missing(topic: str) -> LogError:
    """The error for a topic that is not there."""
    return LogError(f'topic "{topic}" does not exist', retryable=False)
