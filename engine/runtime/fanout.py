"""Push queries that share one reader: plain SELECTs of one stream, from now on.

1. A thread reads the stream's topic once and decodes each batch once.
2. A few statements compute what all subscribers ask of it (`shared_plan.py`, `shared_batch.py`):
   each different column once, and conditions of one form together, so a thousand subscribers cost
   little more than ten.
3. A subscriber gets the rows that pass its condition, in a queue of its own that is bounded in
   bytes. Whose queue is full reads too slowly: it is dropped with an error, and the reader goes on.
   If all queues together hold too much, the one with the longest is dropped.

The reader begins with the first subscriber and ends with the last.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import structlog

from merganser.engine.answer import RowBatch
from merganser.engine.clock import Clock
from merganser.engine.duck import Duck
from merganser.engine.execution.operators.source import SourceOperator
from merganser.engine.execution.topology import Epoch
from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.plan.nodes import SourceNode
from merganser.engine.properties import PROPERTIES
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.runtime.shared_batch import SharedBatch, SharedStatements
from merganser.engine.runtime.shared_plan import SharedPlan
from merganser.errors import MerganserError, SlowReaderError

logger = structlog.get_logger(__name__)

BUFFER_MAX = "merganser.push.max.buffer.bytes"
BUFFERS_MAX = "merganser.push.max.buffers.bytes"
ROWS_MAX = 10_000  # Of one batch.
POLL_WAIT_MS = 100
STOP_SECONDS = 5.0  # A poll and a batch take less.


class SharedRows:
    """One subscriber's rows. Iterated by one thread; given to by the reader's.

    Attributes:
        query_id: As it is shown and closed by.
        waiting_bytes: In the queue.
        starts: Where it begins, per partition; None once the reader is past it.
    """

    def __init__(
        self,
        query_id: str,
        plan: SharedPlan,
        *,
        limit: int | None,
        buffer_max_bytes: int,
        on_end: Callable[[str], None],
    ) -> None:
        self.query_id = query_id
        self.plan = plan
        self.waiting_bytes = 0
        self.starts: Mapping[TopicPartition, int] | None = None
        self.on_leave: Callable[[SharedRows], None] = lambda _rows: None
        self.on_drop: Callable[[], None] = lambda: None
        self._limit = limit
        self._buffer_max_bytes = buffer_max_bytes
        self._on_end = on_end
        self._queue: deque[pa.Table] = deque()
        self._arrived = threading.Condition()
        self._closed = False
        self._error: MerganserError | None = None

    def give(self, rows: pa.Table) -> None:
        """Puts rows into the queue, or drops the subscriber if it is full."""
        size = rows.nbytes
        with self._arrived:
            if self._closed or self._error is not None:
                return
            if self._queue and self.waiting_bytes + size > self._buffer_max_bytes:
                self._fail(too_slow(self.waiting_bytes))
                return
            self._queue.append(rows)
            self.waiting_bytes += size
            self._arrived.notify()

    def fail(self, error: MerganserError) -> None:
        """Ends the query with an error; what waits is not given any more."""
        with self._arrived:
            self._fail(error)

    def _fail(self, error: MerganserError) -> None:
        if isinstance(error, SlowReaderError) and self._error is None:
            self.on_drop()
        self._error = self._error or error
        self._queue.clear()
        self.waiting_bytes = 0
        self._arrived.notify()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be given."""
        return self._closed or self._error is not None

    def close(self) -> None:
        """Ends the query."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        self._leave()

    def _leave(self) -> None:
        self.on_leave(self)
        self._on_end(self.query_id)

    def __iter__(self) -> Iterator[RowBatch]:
        left = self._limit
        try:
            while left != 0:
                rows = self._next()
                if rows is None:
                    return
                if left is not None:
                    rows = rows.slice(0, left)
                    left -= rows.num_rows
                yield RowBatch(rows)
        finally:
            self.close()

    def _next(self) -> pa.Table | None:
        with self._arrived:
            self._arrived.wait_for(lambda: self._queue or self._closed or self._error)
            if self._error is not None:
                raise self._error
            if not self._queue:
                return None
            rows = self._queue.popleft()
            self.waiting_bytes -= rows.nbytes
            return rows


def too_slow(waiting_bytes: int) -> SlowReaderError:
    """What a subscriber is told that does not keep up."""
    return SlowReaderError(
        f"the rows come faster than they are read: {waiting_bytes} bytes wait",
        hint=f"Read faster, ask for less, or raise {BUFFER_MAX}.",
    )


class FanOut:
    """One reader of a stream and its subscribers."""

    def __init__(self, node: SourceNode, duck: Duck, log: Log, clock: Clock, total: int) -> None:
        self._operator = SourceOperator(node, 0)
        self.topic = node.source.topic
        self._duck = duck
        self._log = log
        self._clock = clock
        self._total_max_bytes = total
        self._lock = threading.Lock()
        self._subscribers: dict[int, SharedRows] = {}
        self._statements: SharedStatements | None = None
        self._thread: threading.Thread | None = None
        self.is_over = False

    @property
    def subscriber_count(self) -> int:
        """How many read along."""
        return len(self._subscribers)

    @property
    def waiting_bytes(self) -> int:
        """In all queues."""
        return sum(rows.waiting_bytes for rows in list(self._subscribers.values()))

    def join(self, rows: SharedRows) -> bool:
        """Takes a subscriber in; False if the reader has ended.

        Its first rows are those behind the ends of the partitions at this moment. No batch is
        given out meanwhile, and what the reader has taken by now lies before those ends.
        """
        with self._lock:
            if self.is_over:
                return False
            ends = self._log.end_positions(self.topic)
            rows.starts = ends
            rows.on_leave = self._left
            self._subscribers[id(rows)] = rows
            self._statements = None
            if self._thread is None:
                name = f"fanout-{self.topic}"
                self._thread = threading.Thread(
                    target=self._run, args=[ends], name=name, daemon=True
                )
                self._thread.start()
        return True

    def _left(self, rows: SharedRows) -> None:
        with self._lock:
            if self._subscribers.pop(id(rows), None) is not None:
                self._statements = None

    def end(self, error: MerganserError | None) -> None:
        """Ends the reader and all subscribers."""
        with self._lock:
            self.is_over = True
            subscribers = list(self._subscribers.values())
        for rows in subscribers:
            if error is not None:
                rows.fail(error)
            else:
                rows.close()

    def wait(self, seconds: float) -> None:
        """Waits for the reader's thread to end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, positions: Mapping[TopicPartition, int]) -> None:
        error: MerganserError | None = None
        try:
            self._read(positions)
        except MerganserError as failed:
            logger.warning("shared reader failed", topic=self.topic, error=str(failed))
            error = failed
        except Exception as failed:
            logger.exception("shared reader failed", topic=self.topic)
            error = MerganserError(f"the reader of {self.topic} failed: {failed}")
        self.end(error)

    def _read(self, positions: Mapping[TopicPartition, int]) -> None:
        duck = self._duck.cursor()
        reader = self._log.reader(positions)
        try:
            while self._goes_on():
                inputs = ordered_inputs(reader.poll(ROWS_MAX, POLL_WAIT_MS))
                if inputs:
                    with self._lock:
                        self._give_out(duck, inputs)
                        self._past(reader.positions())
        finally:
            reader.close()
            duck.close()

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._subscribers:
                self.is_over = True
            return not self.is_over

    def _give_out(self, duck: Duck, inputs: Mapping[str, pa.Table]) -> None:
        subscribers = [rows for rows in self._subscribers.values() if not rows.is_over]
        if not subscribers:
            return
        if self._statements is None:
            source = self._operator.rows.source
            self._statements = SharedStatements([rows.plan for rows in subscribers], source)
        self._operator.run(Epoch(duck, inputs, "", {}, self._clock.now_ms()))
        batch = SharedBatch(self._statements, duck)
        for rows in subscribers:
            table = batch.rows(rows.plan, rows.starts)
            if table is not None and table.num_rows:
                rows.give(table)
        self._drop_longest()

    def _past(self, positions: Mapping[TopicPartition, int]) -> None:
        """Forgets the starts that the reader has come to: all that follows lies behind them."""
        for rows in self._subscribers.values():
            starts = rows.starts
            if starts and all(positions.get(at, 0) >= start for at, start in starts.items()):
                rows.starts = None

    def _drop_longest(self) -> None:
        total = self.waiting_bytes
        while total > self._total_max_bytes:
            longest = max(self._subscribers.values(), key=lambda rows: rows.waiting_bytes)
            if not longest.waiting_bytes:
                return
            total -= longest.waiting_bytes
            longest.fail(too_slow(longest.waiting_bytes))


@dataclass
class FanOuts:
    """The shared readers of an engine, one a stream.

    Attributes:
        dropped_count: Subscribers that read too slowly.
    """

    dropped_count: int = 0
    _readers: dict[SourceNode, FanOut] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(
        self,
        rows: SharedRows,
        *,
        duck: Duck,
        log: Log,
        clock: Clock,
        properties: Mapping[str, object],
    ) -> None:
        """Takes a subscriber in, with a reader of its stream."""
        rows.on_drop = self._dropped
        node = rows.plan.source
        while True:
            with self._lock:
                reader = self._readers.get(node)
                if reader is None or reader.is_over:
                    total = push_limit(BUFFERS_MAX, properties)
                    reader = self._readers[node] = FanOut(node, duck, log, clock, total)
            if reader.join(rows):
                return

    def _dropped(self) -> None:
        with self._lock:
            self.dropped_count += 1

    def close(self) -> None:
        """Ends all, and waits until nothing of theirs runs."""
        readers = self.readers()
        for reader in readers:
            reader.end(None)
        for reader in readers:
            reader.wait(STOP_SECONDS)

    def readers(self) -> list[FanOut]:
        """Those that read now."""
        with self._lock:
            self._readers = {n: r for n, r in self._readers.items() if not r.is_over}
            return list(self._readers.values())


def push_limit(name: str, properties: Mapping[str, object]) -> int:
    """A limit in bytes, as it is set or by default."""
    return max(int(str(properties.get(name, PROPERTIES[name].default))), 1)
