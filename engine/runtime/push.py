"""Push queries: a topology whose rows go to its caller. Nothing is committed anywhere.

A stream that is read without EMIT CHANGES is the same, ended at the offsets that were there when it
started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.answer import RowBatch
from merganser.engine.clock import Clock
from merganser.engine.duck import Duck, physical_name
from merganser.engine.execution.topology import Epoch, Topology
from merganser.engine.log.protocol import Log, TopicBatch, TopicPartition
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.schema import Schema

PUSH_ROWS_MAX = 10_000
POLL_WAIT_MS = 100


class PushRows:
    """The rows of a push query; iterating runs it, in the iterating thread.

    Attributes:
        query_id: As it is shown and closed by.
    """

    def __init__(  # noqa: PLR0913 — its parts are made by one function, `run_select`.
        self,
        query_id: str,
        topology: Topology,
        schema: Schema,
        *,
        duck: Duck,
        log: Log,
        clock: Clock,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int] | None = None,
        limit: int | None = None,
        drops_null_records: bool = False,
        on_end: Callable[[str], None] = lambda _query_id: None,
    ) -> None:
        self.query_id = query_id
        self._topology = topology
        self._schema = schema
        self._duck = duck
        self._log = log
        self._clock = clock
        self._positions = positions
        self._ends = ends
        self._limit = limit
        self._drops_null_records = drops_null_records
        self._on_end = on_end
        self._closed = threading.Event()

    def close(self) -> None:
        """Ends the query; the iteration ends within a poll."""
        self._closed.set()
        self._on_end(self.query_id)

    def __iter__(self) -> Iterator[RowBatch]:
        if self._limit == 0:
            self._on_end(self.query_id)
            return
        duck = self._duck.cursor()
        alias = f"push_{self.query_id}"
        duck.attach(alias, None)
        reader = self._log.reader(self._positions)
        times: dict[str, dict[int, int]] = {}
        left = self._limit
        try:
            self._topology.prepare(duck, alias)
            while not self._closed.is_set():
                batches = reader.poll(PUSH_ROWS_MAX, POLL_WAIT_MS)
                for inputs in self._epochs(batches):
                    epoch = Epoch(duck, inputs, alias, times, self._clock.now_ms())
                    batch = self._batch(self._topology.run(epoch), left)
                    if batch.rows.num_rows:
                        if left is not None:
                            left -= batch.rows.num_rows
                        yield batch
                    if left == 0:
                        return
                    if self._closed.is_set():
                        break
                if self._ends is not None and self._at_end(reader.positions()):
                    return
        finally:
            reader.close()
            duck.detach(alias)
            duck.close()
            self._on_end(self.query_id)

    def _epochs(self, batches: Sequence[TopicBatch]) -> Iterator[dict[str, pa.Table]]:
        """The records of a poll, cut into epochs.

        An epoch gives the last change of a key only, and a LIMIT counts changes: with one, each
        record gets an epoch. Streams have no changes.
        """
        if not batches:
            return
        inputs = self._cut(ordered_inputs(batches))
        if self._drops_null_records or self._limit is None:
            yield inputs
            return
        order = sorted(
            (seq, topic, index)
            for topic, table in inputs.items()
            for index, seq in enumerate(table.column("seq").to_pylist())
        )
        for _, topic, index in order:
            yield {topic: inputs[topic].slice(index, 1)}

    def _at_end(self, positions: Mapping[TopicPartition, int]) -> bool:
        assert self._ends is not None
        return all(positions.get(place, 0) >= end for place, end in self._ends.items())

    def _cut(self, inputs: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """Records that came after the end that was there at the start are left out."""
        if self._ends is None:
            return inputs
        cut = {}
        for topic, table in inputs.items():
            keep = pa.scalar(False)
            for place, end in self._ends.items():
                if place.topic == topic:
                    here = pc.and_(
                        pc.equal(table.column("partition"), place.partition),
                        pc.less(table.column("offset"), end),
                    )
                    keep = pc.or_(keep, here)
            cut[topic] = table.filter(keep)
        return cut

    def _batch(self, table: pa.Table, left: int | None) -> RowBatch:
        if self._drops_null_records and table.num_rows:
            table = table.filter(pc.invert(pc.fill_null(table.column("$tombstone"), False)))
        if left is not None:
            table = table.slice(0, left)
        columns = [table.column(physical_name(column.name)) for column in self._schema]
        rows = pa.Table.from_arrays(columns, names=[column.name for column in self._schema])
        gone = table.column("$tombstone").combine_chunks()
        has_gone = table.num_rows > 0 and bool(pc.any(gone).as_py())
        return RowBatch(rows, gone if has_gone else None)
