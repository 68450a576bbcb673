"""Which consumer a log reads by: the native one where it can be had.

It moves records from librdkafka to Arrow in compiled loops, and wants numba (the extra `fast`). The
other one makes a Python object of every record (decision 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Protocol

from merganser.engine.log.kafka_client import LOGGER, Setting
from merganser.engine.log.kafka_records import OnError, RecordConsumer
from merganser.engine.log.object_consumer import ObjectConsumer
from merganser.errors import LogError

CLIENT_SETTING = "merganser.client"
"""`native`, `python`, or `auto`: native if it can be had."""


class MakesConsumer(Protocol):
    """Makes a consumer. Raises KafkaException for a wrong setting."""

    def __call__(
        self, settings: Mapping[str, Setting], on_error: OnError, *, headers: bool
    ) -> RecordConsumer: ...


def consumer_named(name: str) -> MakesConsumer:
    """The consumer of this name, see `CLIENT_SETTING`.

    Raises:
        LogError: There is none of this name, or the native one cannot be had.
    """
    match name:
        case "python":
            return ObjectConsumer
        case "native" | "auto":
            found = _native_consumer()
            if not isinstance(found, Exception):
                return found
            if name == "auto":
                return ObjectConsumer
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
def _native_consumer() -> MakesConsumer | Exception:
    """The native consumer, or why it cannot be had."""
    try:
        from merganser.engine.log.native_consumer import NativeConsumer  # noqa: PLC0415 - slow
    except (ImportError, OSError, AttributeError) as error:
        LOGGER.info("without the native client: %s", error)
        return error
    return NativeConsumer
