"""The door to the C library inside confluent-kafka, by its public API (`rdkafka.h`).

It is the library that the Python client has loaded, so that both have one version. What is bound
here serves the native consumer; producers, topics and groups go by the Python client.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import confluent_kafka.cimpl
from confluent_kafka import KafkaError, KafkaException

from merganser.engine.log.kafka_client import LOGGER, Setting
from merganser.engine.log.protocol import TopicPartition

_CONSUMER = 1  # RD_KAFKA_CONSUMER
_TEXT_BYTES = 512
_NO_CONSUMER_CLOSE = 8  # RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE: a forgotten client does not wait.

_INVALID = KafkaError._INVALID_ARG  # noqa: SLF001 - the library's own codes begin with an underscore
_FATAL = KafkaError._FATAL  # noqa: SLF001 - as above

_POINTER = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_INT = ctypes.c_int
_SIZE = ctypes.c_size_t
_LONG = ctypes.c_int64

_SIGNATURES: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "assign": (_INT, (_POINTER, _POINTER)),
    "conf_destroy": (None, (_POINTER,)),
    "conf_new": (_POINTER, ()),
    "conf_set": (_INT, (_POINTER, _TEXT, _TEXT, _TEXT, _SIZE)),
    "conf_set_error_cb": (None, (_POINTER, _POINTER)),
    "conf_set_log_cb": (None, (_POINTER, _POINTER)),
    "consume_batch_queue": (ctypes.c_ssize_t, (_POINTER, _INT, _POINTER, _SIZE)),
    "consumer_close": (_INT, (_POINTER,)),
    "destroy_flags": (None, (_POINTER, _INT)),
    "err2str": (_TEXT, (_INT,)),
    "fatal_error": (_INT, (_POINTER, _TEXT, _SIZE)),
    "get_watermark_offsets": (_INT, (_POINTER, _TEXT, ctypes.c_int32, _POINTER, _POINTER)),
    "header_cnt": (_SIZE, (_POINTER,)),
    "header_get_all": (_INT, (_POINTER, _SIZE, _POINTER, _POINTER, _POINTER)),
    "message_destroy": (None, (_POINTER,)),
    "message_errstr": (_TEXT, (_POINTER,)),
    "message_headers": (_INT, (_POINTER, _POINTER)),
    "message_timestamp": (_LONG, (_POINTER, _POINTER)),
    "name": (_TEXT, (_POINTER,)),
    "new": (_POINTER, (_INT, _POINTER, _TEXT, _SIZE)),
    "poll_set_consumer": (_INT, (_POINTER,)),
    "query_watermark_offsets": (
        _INT,
        (_POINTER, _TEXT, ctypes.c_int32, _POINTER, _POINTER, _INT),
    ),
    "queue_destroy": (None, (_POINTER,)),
    "queue_get_consumer": (_POINTER, (_POINTER,)),
    "set_log_queue": (_INT, (_POINTER, _POINTER)),
    "topic_name": (_TEXT, (_POINTER,)),
    "topic_partition_list_add": (_POINTER, (_POINTER, _TEXT, ctypes.c_int32)),
    "topic_partition_list_destroy": (None, (_POINTER,)),
    "topic_partition_list_new": (_POINTER, (_INT,)),
    "topic_partition_list_set_offset": (_INT, (_POINTER, _TEXT, ctypes.c_int32, _LONG)),
}

_LOG_LEVELS = {
    0: logging.CRITICAL,
    1: logging.CRITICAL,
    2: logging.CRITICAL,
    3: logging.ERROR,
    4: logging.WARNING,
    5: logging.INFO,
    6: logging.INFO,
    7: logging.DEBUG,
}

_LogCallback = ctypes.CFUNCTYPE(None, _POINTER, _INT, _TEXT, _TEXT)
_ErrorCallback = ctypes.CFUNCTYPE(None, _POINTER, _INT, _TEXT, _POINTER)


class MessageHead(ctypes.Structure):
    """The fields of `rd_kafka_message_t`."""

    _fields_ = (
        ("err", _INT),
        ("topic", _POINTER),
        ("partition", ctypes.c_int32),
        ("payload", _POINTER),
        ("len", _SIZE),
        ("key", _POINTER),
        ("key_len", _SIZE),
        ("offset", _LONG),
    )


class Library:
    """The functions, without their common prefix, and their addresses."""

    def __init__(self) -> None:
        # The client's module brings the symbols of the libraries it is linked with.
        self._loaded = ctypes.CDLL(confluent_kafka.cimpl.__file__)
        for name, (result, arguments) in _SIGNATURES.items():
            function = self._loaded[f"rd_kafka_{name}"]
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(name)

    def address(self, name: str) -> int:
        """Where a function begins, for compiled loops."""
        found = ctypes.cast(self._loaded[f"rd_kafka_{name}"], _POINTER).value
        assert found is not None
        return found


@cache
def library() -> Library:
    """The library.

    Raises:
        OSError, AttributeError: It cannot be loaded, or lacks a function.
    """
    return Library()


def error_of(code: int, text: str | None = None) -> KafkaError:
    """An error code as the Python client shows it."""
    return KafkaError(code, text or library().err2str(code).decode())


def raise_code(code: int) -> None:
    """Raises KafkaException for a code other than 0."""
    if code:
        raise KafkaException(error_of(code))


@contextmanager
def partition_list(positions: Mapping[TopicPartition, int]) -> Iterator[int]:
    """Positions as the library takes them: the address of a list that lives for the block."""
    lib = library()
    places: int = lib.topic_partition_list_new(len(positions))
    try:
        for place, position in positions.items():
            topic = place.topic.encode()
            lib.topic_partition_list_add(places, topic, place.partition)
            lib.topic_partition_list_set_offset(places, topic, place.partition, position)
        yield places
    finally:
        lib.topic_partition_list_destroy(places)


class Client:
    """A consuming client. Its calls release the interpreter's lock.

    The library calls back only from within calls: its log lines wait in a queue until then.
    """

    def __init__(
        self, settings: Mapping[str, Setting], on_error: Callable[[KafkaError], None]
    ) -> None:
        """Starts the client's threads.

        Raises:
            KafkaException: A setting is wrong.
        """
        self._lib = library()
        self._handle: int | None = None
        self._on_error = on_error
        # The library keeps their addresses.
        self._callbacks = _LogCallback(self._log), _ErrorCallback(self._error)
        conf = self._lib.conf_new()
        try:
            handle = self._made(conf, settings)
        except BaseException:
            self._lib.conf_destroy(conf)
            raise
        self._handle = handle  # Which owns the settings now.
        self._lib.set_log_queue(handle, None)

    @property
    def handle(self) -> int:
        """The address of the `rd_kafka_t`.

        Raises:
            RuntimeError: The client is closed.
        """
        if self._handle is None:
            raise RuntimeError("the client is closed")
        return self._handle

    def destroy(self) -> None:
        """Frees the client; again does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._lib.destroy_flags(handle, _NO_CONSUMER_CLOSE)

    def __del__(self) -> None:
        """Frees a client that was forgotten, as one that is beyond closing is."""
        if getattr(self, "_handle", None) is not None:
            self.destroy()

    def _made(self, conf: int, settings: Mapping[str, Setting]) -> int:
        """A client with these settings, to which they belong from then on."""
        text = ctypes.create_string_buffer(_TEXT_BYTES)
        for name, value in {**settings, "log.queue": True}.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            if self._lib.conf_set(conf, name.encode(), shown.encode(), text, _TEXT_BYTES):
                raise KafkaException(error_of(_INVALID, text.value.decode()))
        log, error = self._callbacks
        self._lib.conf_set_log_cb(conf, log)
        self._lib.conf_set_error_cb(conf, error)
        handle: int | None = self._lib.new(_CONSUMER, conf, text, _TEXT_BYTES)
        if not handle:
            raise KafkaException(error_of(_INVALID, text.value.decode()))
        return handle

    # ---- what the library calls ----

    def _log(self, handle: int, level: int, kind: bytes, line: bytes) -> None:
        LOGGER.log(
            _LOG_LEVELS.get(level, logging.INFO),
            "%s [%s] %s",  # As the Python client writes it.
            kind.decode(errors="replace"),
            self._lib.name(handle).decode(errors="replace"),
            line.decode(errors="replace"),
        )

    def _error(self, handle: int, code: int, reason: bytes, _opaque: int) -> None:
        fatal = code == _FATAL
        text = reason.decode(errors="replace")
        if fatal:
            buffer = ctypes.create_string_buffer(_TEXT_BYTES)
            code = self._lib.fatal_error(handle, buffer, _TEXT_BYTES)
            text = buffer.value.decode(errors="replace")
        self._on_error(KafkaError(code, text, fatal))
