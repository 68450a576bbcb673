"""Telling of records that a source leaves out: to the processing log, and as dead letters."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.execution.dead_letters import DeadLetter
from merganser.engine.execution.topology import FAILURES_MAX, Epoch, RecordFailure
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.format import Decoded, Decoder
from merganser.errors import EvaluationError

RECORD_BYTES_MAX = 64 * 2**20
"""A larger key or value is not decoded: its text and columns would take several times its size."""

NO_TIME = "the event time is missing, not a time, or negative"


@dataclass(frozen=True, slots=True)
class Half:
    """The key or the value of a batch, decoded."""

    target: str
    decoded: Decoded
    decoder: Decoder


def without_giants(epoch: Epoch, topic: str, records: pa.Table) -> pa.Table:
    """The records without those that are too large to be decoded, which are told of."""
    sizes = {
        target: pc.binary_length(records.column(target)).fill_null(0) for target in ("key", "value")
    }
    if all((pc.max(size).as_py() or 0) <= RECORD_BYTES_MAX for size in sizes.values()):
        return records
    too_large = {target: pc.greater(size, RECORD_BYTES_MAX) for target, size in sizes.items()}
    giant = pc.or_(too_large["key"], too_large["value"])
    for row in records.filter(giant).to_pylist():
        target = "key" if len(row["key"] or b"") > RECORD_BYTES_MAX else "value"
        size = len(row[target])
        reason = f"the {target} has {size} bytes, more than the {RECORD_BYTES_MAX} that are read"
        failure = _failure(topic, row, reason, target)
        epoch.fail([failure])
        _keep(epoch, topic, row, reason)
    return records.filter(pc.invert(giant))


def tell(epoch: Epoch, topic: str, batch: Batch, halves: tuple[Half, Half]) -> None:
    """Counts and explains the records that do not decode."""
    for half in halves:
        if half.decoded.failed is None:
            continue
        bad = epoch.duck.arrow(f"SELECT * FROM {batch.source} WHERE {half.decoded.failed}").select(
            _RECORD
        )
        epoch.failure_count += bad.num_rows
        kept = bad if epoch.keeps_dead else bad.slice(0, FAILURES_MAX)
        for number, row in enumerate(kept.to_pylist()):
            reason = half.decoder.reason(row[half.target] or b"")
            if number < FAILURES_MAX:
                epoch.failures.append(_failure(topic, row, reason, half.target))
            _keep(epoch, topic, row, reason)


def tell_untimed(epoch: Epoch, topic: str, untimed: pa.Table, *, strict: bool) -> None:
    """Counts and explains records without a valid event time.

    Raises:
        EvaluationError: There are some, and the query does not leave them out.
    """
    if untimed.num_rows and strict:
        row = untimed.slice(0, 1).to_pylist()[0]
        raise EvaluationError(
            f"the record at {topic}-{row['partition']}@{row['offset']} has no valid event time",
            hint="Unset ksql.timestamp.throw.on.invalid to leave such records out.",
        )
    epoch.failure_count += untimed.num_rows
    kept = untimed if epoch.keeps_dead else untimed.slice(0, FAILURES_MAX)
    for number, row in enumerate(kept.select(_RECORD).to_pylist()):
        if number < FAILURES_MAX:
            epoch.failures.append(
                RecordFailure(
                    "processing",
                    NO_TIME,
                    topic,
                    row["partition"],
                    row["offset"],
                    step="timestamp",
                    record=row["value"],
                )
            )
        _keep(epoch, topic, row, NO_TIME)


_RECORD = ["key", "value", "timestamp", "headers", "partition", "offset"]


def _failure(topic: str, row: dict[str, object], reason: str, target: str) -> RecordFailure:
    partition, offset, record = row["partition"], row["offset"], row[target]
    assert isinstance(partition, int)
    assert isinstance(offset, int)
    assert record is None or isinstance(record, bytes)
    return RecordFailure(
        "deserialization", reason, topic, partition, offset, target, "source", record=record
    )


def _keep(epoch: Epoch, topic: str, row: dict[str, object], reason: str) -> None:
    """Keeps the record as a dead letter, if they are wanted, and once."""
    place = topic, row["partition"], row["offset"]
    if not epoch.keeps_dead or place in epoch.dead:
        return
    headers = row["headers"] or []
    epoch.dead[place] = DeadLetter(  # type: ignore[index]  # what Arrow gives for a record
        *place,  # type: ignore[arg-type]
        reason,
        row["key"],  # type: ignore[arg-type]
        row["value"],  # type: ignore[arg-type]
        row["timestamp"],  # type: ignore[arg-type]
        [(header["key"], header["value"]) for header in headers],  # type: ignore[attr-defined]
    )
