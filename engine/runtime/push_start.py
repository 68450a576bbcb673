"""Where a push query begins: now, at the beginning, at a moment, or at offsets.

`merganser.push.from` says it: `latest`, `earliest`, a time (`2026-01-31T08:00:00Z`, or milliseconds
since 1970), or offsets by partition (`0:1500,1:1622`; partitions not named begin now). Without it
`auto.offset.reset` does. It is about streams: tables are always read from their beginning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.plan.build import PlannedQuery
from merganser.engine.properties import PUSH_FROM
from merganser.errors import PropertyError

_OFFSETS = re.compile(r"\d+\s*:\s*\d+(\s*,\s*\d+\s*:\s*\d+)*")


class StartKind(StrEnum):
    """What a start is told by."""

    LATEST = "latest"
    EARLIEST = "earliest"
    TIME = "time"
    OFFSETS = "offsets"


@dataclass(frozen=True, slots=True)
class PushStart:
    """Where to begin.

    Attributes:
        time_ms: For TIME: the first record of that time or later.
        offsets: For OFFSETS: by partition.
    """

    kind: StartKind
    time_ms: int = 0
    offsets: Mapping[int, int] = field(default_factory=dict)


def parse_start(text: str) -> PushStart:
    """Reads the property.

    Raises:
        PropertyError: It says nothing of the kind.
    """
    bare = text.strip()
    if bare.lower() in ("latest", "earliest"):
        return PushStart(StartKind(bare.lower()))
    if bare.isdecimal():
        return PushStart(StartKind.TIME, time_ms=int(bare))
    if _OFFSETS.fullmatch(bare):
        pairs = (pair.split(":") for pair in bare.split(","))
        return PushStart(StartKind.OFFSETS, offsets={int(p): int(o) for p, o in pairs})
    try:
        moment = datetime.fromisoformat(bare)
    except ValueError as error:
        raise PropertyError(
            f'{PUSH_FROM} is "{text}", but must be latest, earliest, a time or offsets',
            hint="Examples: 2026-01-31T08:00:00Z, 1769846400000, 0:1500,1:1622.",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return PushStart(StartKind.TIME, time_ms=round(moment.timestamp() * 1000))


def start_positions(planned: PlannedQuery, log: Log, start: PushStart) -> dict[TopicPartition, int]:
    """Where a query's sources are read from."""
    positions: dict[TopicPartition, int] = {}
    for source in planned.sources:
        if source.is_table:
            positions.update(log.start_positions(source.topic))
            continue
        for place, position in _stream_positions(source.topic, log, start).items():
            positions.setdefault(place, position)
    return positions


def _stream_positions(topic: str, log: Log, start: PushStart) -> dict[TopicPartition, int]:
    match start.kind:
        case StartKind.EARLIEST:
            return log.start_positions(topic)
        case StartKind.LATEST:
            return log.end_positions(topic)
        case StartKind.TIME:
            return log.positions_at(topic, start.time_ms)
        case StartKind.OFFSETS:
            first, ends = log.start_positions(topic), log.end_positions(topic)
            # One that is not there any more begins with the oldest that is.
            return {
                place: min(max(start.offsets.get(place.partition, end), first[place]), end)
                for place, end in ends.items()
            }
