"""Case records to stored records and back, by the source that lies on the topic."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

from merganser.engine.catalog import Catalog, FormatSpec, KeyWindow, Source
from tests.conformance.cases import CaseRecord, Window
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.codecs.table import codec
from tests.conformance.compare import Comparable
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import StoredRecord

_TIME_BYTES = 8
_SESSION_BYTES = 16


@dataclass(frozen=True, slots=True)
class ActualRecord:
    """A record that came out, decoded."""

    key: Comparable
    value: Comparable
    timestamp_ms: int
    window: Window | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def identity(self) -> str:
        """Key and window as text, for grouping."""
        return f"{self.key!r} {self.window!r}"


def source_on(catalog: Catalog, topic: str) -> Source:
    """The source that says how a topic's records are written: a sink before others.

    Raises:
        CaseFailure: No source lies on the topic.
    """
    found = [source for source in catalog.sources.values() if source.topic == topic]
    if not found:
        raise CaseFailure(Stage.OUTPUTS, f"no source lies on topic '{topic}'")
    return next((source for source in found if source.query_id is not None), found[0])


def key_side(source: Source) -> Side:
    """How the key of a source's records is written."""
    return _side(source, source.key_format, is_key=True)


def value_side(source: Source) -> Side:
    """How the value of a source's records is written."""
    return _side(source, source.value_format, is_key=False)


def _side(source: Source, spec: FormatSpec, *, is_key: bool) -> Side:
    return Side(
        topic=source.topic,
        is_key=is_key,
        columns=source.schema.key if is_key else source.schema.value,
        wrapped=spec.wrapped,
        properties=dict(spec.properties),
        binding=spec.binding,
    )


def encode(record: CaseRecord, source: Source) -> StoredRecord:
    """The record as it lies in the topic.

    Raises:
        CaseFailure: The format has no codec, or the case's JSON does not fit it.
    """
    try:
        key = codec(source.key_format.name).encode(record.key, key_side(source))
        value = codec(source.value_format.name).encode(record.value, value_side(source))
    except CodecError as error:
        raise CaseFailure(Stage.UNSUPPORTED, f"input cannot be written: {error}") from error
    if key is not None and record.window is not None:
        key += _window_bytes(record.window)
    headers = tuple(
        (name, None if text is None else base64.b64decode(text)) for name, text in record.headers
    )
    return StoredRecord(key, value, record.timestamp_ms or 0, headers)


def _window_bytes(window: Window) -> bytes:
    if window.kind == "session":
        return struct.pack(">qq", window.end_ms, window.start_ms)
    return struct.pack(">q", window.start_ms)


def decode(record: StoredRecord, source: Source) -> ActualRecord:
    """The record as it is compared.

    Raises:
        CaseFailure: The format has no codec, or the bytes are not in the sink's format.
    """
    try:
        key_bytes, window = _split_key(record.key, source.window)
        return ActualRecord(
            key=codec(source.key_format.name).decode(key_bytes, key_side(source)),
            value=codec(source.value_format.name).decode(record.value, value_side(source)),
            timestamp_ms=record.timestamp_ms,
            window=window,
            headers=record.headers,
        )
    except CodecError as error:
        raise CaseFailure(Stage.OUTPUTS, f"output cannot be read: {error}") from error


def _split_key(key: bytes | None, window: KeyWindow | None) -> tuple[bytes | None, Window | None]:
    if window is None or key is None:
        return key, None
    tail = _SESSION_BYTES if window.size_ms is None else _TIME_BYTES
    if len(key) < tail:
        raise CodecError(f"a windowed key has {len(key)} bytes: {key!r}")
    bare, end = key[:-tail], key[-tail:]
    if window.size_ms is None:
        end_ms, start_ms = struct.unpack(">qq", end)
        return bare, Window(start_ms, end_ms, "session")
    (start_ms,) = struct.unpack(">q", end)
    return bare, Window(start_ms, start_ms + window.size_ms, "time")
