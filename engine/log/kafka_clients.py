"""Which consumers and producers a log uses: the native consumer where it can be had.

The native ones move records between librdkafka and Arrow in compiled loops, and want numba (the
extra `fast`). The others make a Python object of every record. The native producer publishes large
epochs for less and small ones later, and once it did not come back from a transaction: it serves
where it is asked for (decision 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from merganser.engine.log.kafka_client import LOGGER, Setting
from merganser.engine.log.kafka_consumer import ObjectConsumer
from merganser.engine.log.kafka_producer import ObjectProducer, OnFailure, RecordProducer
from merganser.engine.log.kafka_records import OnError, RecordConsumer
from merganser.errors import LogError

CLIENT_SETTING = "merganser.client"
"""`python`, `native`, or `auto`: the native consumer, if it can be had, and Python's producer."""


class _MakesConsumer(Protocol):
    def __call__(
        self, settings: Mapping[str, Setting], on_error: OnError, *, headers: bool
    ) -> RecordConsumer: ...


class _MakesProducer(Protocol):
    def __call__(
        self, settings: Mapping[str, Setting], on_failure: OnFailure
    ) -> RecordProducer: ...


@dataclass(frozen=True, slots=True)
class Clients:
    """How consumers and producers are made. Both raise KafkaException for a wrong setting."""

    name: str
    consumer: _MakesConsumer
    producer: _MakesProducer


PYTHON_CLIENTS = Clients("python", ObjectConsumer, ObjectProducer)


def clients_named(name: str) -> Clients:
    """The clients of this name, see `CLIENT_SETTING`.

    Raises:
        LogError: There are none of this name, or the native ones cannot be had.
    """
    match name:
        case "python":
            return PYTHON_CLIENTS
        case "native" | "auto":
            found = _native_clients()
            if name == "auto":
                consumer = found if isinstance(found, Clients) else PYTHON_CLIENTS
                return Clients("auto", consumer.consumer, PYTHON_CLIENTS.producer)
            if isinstance(found, Clients):
                return found
            raise LogError(
                f"the native Kafka client cannot be used: {found}",
                retryable=False,
                hint="Install numba: pip install 'merganser[fast]'.",
            )
        case _:
            raise LogError(
                f'{CLIENT_SETTING} is "{name}", but can be auto, native or python', retryable=False
            )


@cache
def _native_clients() -> Clients | Exception:
    """The native clients, or why they cannot be had."""
    try:
        from merganser.engine.log.native_consumer import NativeConsumer  # noqa: PLC0415 - slow
        from merganser.engine.log.native_producer import NativeProducer  # noqa: PLC0415 - slow
    except (ImportError, OSError, AttributeError) as error:
        LOGGER.info("without the native client: %s", error)
        return error
    return Clients("native", NativeConsumer, NativeProducer)
