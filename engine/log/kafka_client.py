"""Settings and errors that all Kafka clients of this package share."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from confluent_kafka import KafkaError, KafkaException

from merganser.errors import FencedError, LogError

REPEAT_SECONDS = 30.0  # A client writes a line for each connection that it tries in vain.
KINDS_MAX = 1_000  # Each client is a kind of its own, and readers come and go.


class _Repeats(logging.Filter):
    """Lets one line of a kind pass, then none of that kind for half a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # A line begins with its kind and its client: `FAIL [rdkafka#consumer-2] …`.
        kind = record.getMessage().split("] ", 1)[0]
        now = time.monotonic()
        passes = now - self._passed_at.get(kind, -REPEAT_SECONDS) >= REPEAT_SECONDS
        if passes:
            if len(self._passed_at) >= KINDS_MAX:
                self._passed_at.clear()
            self._passed_at[kind] = now
        return passes


LOGGER = logging.getLogger("merganser.log.kafka")
"""Where the clients write their own log lines."""
LOGGER.addFilter(_Repeats())

REQUEST_SECONDS = 15.0  # For one answer of the cluster; longer than a leader election takes.

Setting = str | int | float | bool
Role = Literal["consumer", "producer", "admin"]
_ROLES: tuple[Role, ...] = ("consumer", "producer", "admin")

_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}
_LASTING = {
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - as above
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - as above
    KafkaError._INVALID_ARG,  # noqa: SLF001 - as above
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
}
"""Errors that waiting does not mend."""


def client_settings(
    settings: Mapping[str, str], role: Role, defaults: Mapping[str, Setting] | None = None
) -> dict[str, Setting]:
    """The settings of one client: defaults, then the user's for all, then those for its role.

    A name such as `producer.linger.ms` holds for producers only, and wins over `linger.ms`.
    """
    own = f"{role}."
    prefixes = tuple(f"{each}." for each in _ROLES)
    common = {name: value for name, value in settings.items() if not name.startswith(prefixes)}
    special = {
        name.removeprefix(own): value for name, value in settings.items() if name.startswith(own)
    }
    return {**(defaults or {}), **common, **special}


@contextmanager
def kafka_errors(doing: str) -> Iterator[None]:
    """Gives what Kafka refuses as a LogError that says what was being done."""
    try:
        yield
    except KafkaException as error:
        raise log_error(error.args[0], doing) from error
    except (RuntimeError, ValueError, TypeError) as error:
        # The client refuses a setting or argument, or was closed by another thread.
        raise LogError(f"{doing}: {error}", retryable=False) from error


def log_error(error: KafkaError, doing: str, *, retryable: bool | None = None) -> LogError:
    """An error of Kafka as ours. An unknown one is retryable."""
    code = error.code()
    text = f"{doing}: {error.str()}"
    if code in _FENCED:
        return FencedError(text, retryable=False)
    if retryable is None:
        retryable = code not in _LASTING and not error.fatal()
    return LogError(text, retryable=retryable, detail=f"Kafka's error is {error.name()}.")
