"""The embedded log's tables in DuckDB: what is stored, and every statement over it.

`TOPICS`, one `RECORDS_<id>` a topic (so that a topic's records are read and dropped without
touching another's), `PARTITIONS` (positions that the records alone would not tell any more, once
old ones are cleaned away), `COMPACTIONS` and `COMMITS`. Records of a partition lie in offset order,
so that DuckDB's per-block minima and maxima of `offset` find a range without an index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa

from merganser.engine.duck import Duck, DuckError, literal
from merganser.engine.log.protocol import RECORD_SCHEMA, TopicPartition
from merganser.errors import CorruptFileError, LogError, StateFileError

FORMAT_VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS LOG.FORMAT (version INTEGER);
CREATE TABLE IF NOT EXISTS LOG.TOPICS (
    id INTEGER, name VARCHAR, partitions INTEGER, config VARCHAR);
CREATE TABLE IF NOT EXISTS LOG.PARTITIONS (
    topic INTEGER, "partition" INTEGER, "start" BIGINT, "end" BIGINT);
CREATE TABLE IF NOT EXISTS LOG.COMPACTIONS (
    topic INTEGER, "partition" INTEGER, at_ms BIGINT, "end" BIGINT);
CREATE TABLE IF NOT EXISTS LOG.COMMITS (producer VARCHAR, epoch BIGINT, record BLOB);
"""
_RECORD_COLUMNS = (
    '"partition" INTEGER, "offset" BIGINT, "timestamp" BIGINT, "key" BLOB, "value" BLOB, '
    '"headers" STRUCT("key" VARCHAR, "value" BLOB)[]'
)
_HEADERS_TYPE = RECORD_SCHEMA.field("headers").type


@dataclass(slots=True)
class StoredTopic:
    """A topic and its positions, as committed.

    Attributes:
        starts: Per partition the oldest position.
        ends: Per partition the position behind the newest record.
        unclean_count: Records appended since the topic was last compacted.
    """

    id: int
    name: str
    config: dict[str, str]
    starts: list[int]
    ends: list[int]
    unclean_count: int = field(default=0)

    @property
    def table(self) -> str:
        """Where the records are."""
        return f"LOG.RECORDS_{self.id}"


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets [start, end) of one partition."""

    partition: int
    start: int
    end: int


class RecordStore:
    """Statements over one log, on one connection. For one thread at a time.

    Raises:
        LogError: DuckDB or the disk refused, not retryable.
    """

    def __init__(self, duck: Duck) -> None:
        self._duck = duck

    @classmethod
    def open(cls, path: Path | None) -> RecordStore:
        """Opens or makes the log of a file, or a new one in memory."""
        with log_errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            duck = Duck.memory()
            # A checkpoint stops writers for 0.3 s; at DuckDB's 16 MB it halves the append rate.
            duck.execute("SET checkpoint_threshold = '256MB'")
            duck.attach("LOG", path)
            duck.execute(f"BEGIN; {_TABLES} COMMIT")  # One write to the disk, not five.
            versions = duck.rows("SELECT version FROM LOG.FORMAT")
            if not versions:
                duck.execute(f"INSERT INTO LOG.FORMAT VALUES ({FORMAT_VERSION})")
            elif versions != [(FORMAT_VERSION,)]:
                raise LogError(
                    f"the log file has format {versions[0][0]}, this build knows {FORMAT_VERSION}",
                    retryable=False,
                )
        return cls(duck)

    def cursor(self) -> RecordStore:
        """The same log on a connection of its own, for another thread."""
        with log_errors():
            return RecordStore(self._duck.cursor())

    def close(self) -> None:
        """Closes this connection."""
        self._duck.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes what is written inside durable together, or nothing of it."""
        with log_errors():
            self._duck.execute("BEGIN")
            try:
                yield
                self._duck.execute("COMMIT")
            except BaseException:
                # DuckDB has already rolled back where the COMMIT itself did not succeed.
                with suppress(DuckError, StateFileError):
                    self._duck.execute("ROLLBACK")
                raise

    # ---- topics ----

    def topics(self) -> list[StoredTopic]:
        """All topics with their positions, found from the records."""
        with log_errors():
            kept = {
                (topic, partition): (start, end)
                for topic, partition, start, end in self._duck.rows(
                    'SELECT topic, "partition", "start", "end" FROM LOG.PARTITIONS'
                )
            }
            found = []
            for row in self._duck.rows("SELECT id, name, partitions, config FROM LOG.TOPICS"):
                topic_id, name, count, config = row
                assert isinstance(topic_id, int)
                assert isinstance(count, int)
                bounds = [kept.get((topic_id, partition), (0, 0)) for partition in range(count)]
                topic = StoredTopic(
                    topic_id,
                    str(name),
                    orjson.loads(str(config)),
                    [_integer(start) for start, _ in bounds],
                    [_integer(end) for _, end in bounds],
                )
                for partition, end, records in self._duck.rows(
                    f'SELECT "partition", max("offset") + 1, count(*) '
                    f"FROM {topic.table} GROUP BY ALL"
                ):
                    index = _integer(partition)
                    topic.ends[index] = max(topic.ends[index], _integer(end))
                    topic.unclean_count += _integer(records)
                found.append(topic)
            return found

    def create(self, topic: StoredTopic) -> None:
        """Stores a new topic. In a transaction."""
        self._duck.execute(f"CREATE TABLE {topic.table} ({_RECORD_COLUMNS})")
        self._duck.execute(
            "INSERT INTO LOG.TOPICS VALUES (?, ?, ?, ?)",
            [topic.id, topic.name, len(topic.ends), orjson.dumps(topic.config).decode()],
        )

    def drop(self, topic: StoredTopic) -> None:
        """Deletes a topic. In a transaction."""
        self._duck.execute(f"DROP TABLE {topic.table}")
        self._duck.execute("DELETE FROM LOG.TOPICS WHERE id = ?", [topic.id])
        self._duck.execute("DELETE FROM LOG.PARTITIONS WHERE topic = ?", [topic.id])
        self._duck.execute("DELETE FROM LOG.COMPACTIONS WHERE topic = ?", [topic.id])

    # ---- records ----

    def insert(self, topic: StoredTopic, records: pa.Table) -> None:
        """Stores records that have their partition and offset. In a transaction."""
        self._duck.register("incoming", records)
        try:
            self._duck.execute(
                f"INSERT INTO {topic.table} SELECT "
                '"partition", "offset", "timestamp", "key", "value", "headers" FROM incoming'
            )
        finally:
            self._duck.unregister("incoming")

    def select(self, topic: StoredTopic, ranges: Sequence[Range], *, headers: bool) -> pa.Table:
        """The records of these ranges, ascending by offset within each partition."""
        columns = '"key", "value", "timestamp", "partition", "offset"'
        if headers:
            columns += ', "headers"'
        sql = " UNION ALL ".join(
            f"SELECT {columns} FROM {topic.table} WHERE {_condition(group)}"
            for group in _overlapping(ranges)
        )
        with log_errors():
            found = self._duck.arrow(sql)
        if not headers:
            found = found.append_column("headers", pa.nulls(found.num_rows, _HEADERS_TYPE))
        return found.select(RECORD_SCHEMA.names).cast(RECORD_SCHEMA)

    def first_since(self, topic: StoredTopic, timestamp_ms: int) -> dict[int, int]:
        """Per partition the offset of the first record with that timestamp or later, if any."""
        with log_errors():
            return {
                _integer(partition): _integer(offset)
                for partition, offset in self._duck.rows(
                    f'SELECT "partition", min("offset") FROM {topic.table} '
                    'WHERE "timestamp" >= ? GROUP BY ALL',
                    [timestamp_ms],
                )
            }

    # ---- cleaning ----

    def expire(self, topic: StoredTopic, starts: Sequence[int]) -> None:
        """Deletes the records before these positions. In a transaction."""
        for partition, start in enumerate(starts):
            if start > topic.starts[partition]:
                self._duck.execute(
                    f'DELETE FROM {topic.table} WHERE "partition" = ? AND "offset" < ?',
                    [partition, start],
                )
        self._keep_positions(topic, starts)

    def compact(self, topic: StoredTopic, now_ms: int, delete_retention_ms: int) -> None:
        """Keeps the newest record of each key. In a transaction.

        A tombstone goes once it stood through a compaction that is `delete_retention_ms` old, so
        that every reader had that long to see it (KIP-534).
        """
        self._duck.execute(
            f"DELETE FROM {topic.table} AS r USING (SELECT "
            f'"partition", "key", max("offset") AS newest FROM {topic.table} GROUP BY ALL) AS n '
            'WHERE r."partition" = n."partition" AND r."key" = n."key" AND r."offset" < n.newest'
        )
        self._duck.execute(
            f"DELETE FROM {topic.table} AS r USING (SELECT "
            '"partition", max("end") AS seen FROM LOG.COMPACTIONS '
            "WHERE topic = ? AND at_ms <= ? GROUP BY ALL) AS c "
            'WHERE r."partition" = c."partition" AND r."value" IS NULL AND r."offset" < c.seen',
            [topic.id, now_ms - delete_retention_ms],
        )
        self._duck.execute(
            "DELETE FROM LOG.COMPACTIONS WHERE topic = ? AND at_ms <= ?",
            [topic.id, now_ms - delete_retention_ms],
        )
        for partition, end in enumerate(topic.ends):
            self._duck.execute(
                "INSERT INTO LOG.COMPACTIONS VALUES (?, ?, ?, ?)",
                [topic.id, partition, now_ms, end],
            )
        self._keep_positions(topic, topic.starts)

    def _keep_positions(self, topic: StoredTopic, starts: Sequence[int]) -> None:
        self._duck.execute("DELETE FROM LOG.PARTITIONS WHERE topic = ?", [topic.id])
        for partition, start in enumerate(starts):
            self._duck.execute(
                "INSERT INTO LOG.PARTITIONS VALUES (?, ?, ?, ?)",
                [topic.id, partition, start, topic.ends[partition]],
            )

    # ---- commit records ----

    def add_commit(self, producer_id: str, epoch: int, record: bytes) -> None:
        """Stores a commit record. In a transaction."""
        self._duck.execute("INSERT INTO LOG.COMMITS VALUES (?, ?, ?)", [producer_id, epoch, record])

    def last_commit(self, producer_id: str) -> bytes | None:
        """The newest commit record of a producer."""
        with log_errors():
            rows = self._duck.rows(
                "SELECT arg_max(record, epoch) FROM LOG.COMMITS WHERE producer = ?", [producer_id]
            )
        record = rows[0][0]
        return record if isinstance(record, bytes) else None

    def commits(self, producer_id: str, after_epoch: int, limit: int) -> list[bytes]:
        """The commit records with a larger epoch, in order, at most `limit`."""
        with log_errors():
            rows = self._duck.rows(
                "SELECT record FROM LOG.COMMITS WHERE producer = ? AND epoch > ? "
                "ORDER BY epoch LIMIT ?",
                [producer_id, after_epoch, limit],
            )
        return [record for (record,) in rows if isinstance(record, bytes)]

    def forget(self, producer_id: str) -> None:
        """Deletes the commit records of a producer. In a transaction."""
        self._duck.execute("DELETE FROM LOG.COMMITS WHERE producer = ?", [producer_id])


@contextmanager
def log_errors() -> Iterator[None]:
    """Gives what DuckDB or the disk refuses as a LogError."""
    try:
        yield
    except CorruptFileError as error:
        # State can be made again from the log; the log cannot.
        raise LogError(error.message, retryable=False) from error
    except StateFileError as error:
        raise LogError(error.message, retryable=error.retryable) from error
    except (DuckError, OSError) as error:
        raise LogError(str(error), retryable=False) from error


def by_topic(
    ranges: Mapping[TopicPartition, tuple[int, int]],
) -> dict[str, list[Range]]:
    """The ranges that hold anything, by topic."""
    found: dict[str, list[Range]] = {}
    for (topic, partition), (start, end) in ranges.items():
        if end > start:
            found.setdefault(topic, []).append(Range(partition, start, end))
    return found


def _overlapping(ranges: Sequence[Range]) -> list[list[Range]]:
    """Ranges in groups that overlap in offsets, so that one scan of few blocks serves a group."""
    groups: list[list[Range]] = []
    end = -1
    for each in sorted(ranges, key=lambda item: item.start):
        if groups and each.start <= end:
            groups[-1].append(each)
        else:
            groups.append([each])
        end = max(end, each.end)
    return groups


def _condition(group: Sequence[Range]) -> str:
    """A condition for a group of ranges.

    The outer bounds are what skips blocks. Most rows then pass by the core that all ranges share,
    and only those at the edges are looked at range by range, which costs twice as much.
    """
    low, high = min(each.start for each in group), max(each.end for each in group)
    core_start, core_end = max(each.start for each in group), min(each.end for each in group)
    partitions = sorted(each.partition for each in group)
    if partitions[-1] - partitions[0] == len(partitions) - 1:
        of_group = f'"partition" BETWEEN {literal(partitions[0])} AND {literal(partitions[-1])}'
    else:
        of_group = f'"partition" IN ({", ".join(map(literal, partitions))})'
    outer = f'"offset" >= {literal(low)} AND "offset" < {literal(high)} AND {of_group}'
    if (low, high) == (core_start, core_end):
        return outer
    core = f'("offset" >= {literal(core_start)} AND "offset" < {literal(core_end)})'
    edges = " OR ".join(
        f'("partition" = {literal(each.partition)} AND "offset" >= {literal(each.start)} '
        f'AND "offset" < {literal(each.end)})'
        for each in group
    )
    return f"{outer} AND ({core} OR {edges})"


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value
