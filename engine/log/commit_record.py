"""Commit records as bytes: the stored form that both logs share.

JSON, one object: `{"version": 1, "epoch": 7, "ranges": {"topic": {"0": [from, to]}},
"wall_clock_ms": …, "notes": {…}}`. Partition numbers are strings, as JSON's keys are.
"""

from __future__ import annotations

import orjson

from merganser.engine.log.protocol import Commit, TopicPartition
from merganser.errors import LogError

VERSION = 1


def encode_commit(commit: Commit) -> bytes:
    """The stored form; equal commits give equal bytes."""
    ranges: dict[str, dict[str, list[int]]] = {}
    for (topic, partition), (start, end) in sorted(commit.ranges.items()):
        ranges.setdefault(topic, {})[str(partition)] = [start, end]
    return orjson.dumps(
        {
            "version": VERSION,
            "epoch": commit.epoch,
            "ranges": ranges,
            "wall_clock_ms": commit.wall_clock_ms,
            "notes": dict(commit.notes),
        },
        option=orjson.OPT_SORT_KEYS,
    )


def decode_commit(data: bytes) -> Commit:
    """The commit that was stored.

    Raises:
        LogError: The bytes are no commit record of a version that this build knows.
    """
    try:
        found = orjson.loads(data)
        version = found["version"]
        if version == VERSION:
            return Commit(
                epoch=found["epoch"],
                ranges={
                    TopicPartition(topic, int(partition)): (start, end)
                    for topic, by_partition in found["ranges"].items()
                    for partition, (start, end) in by_partition.items()
                },
                wall_clock_ms=found["wall_clock_ms"],
                notes=found["notes"],
            )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LogError("a commit record cannot be read", retryable=False) from error
    raise LogError(
        f"a commit record has version {version}, this build knows {VERSION}", retryable=False
    )
