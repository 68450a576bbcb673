"""What an open task holds, and how it catches up with the log.

The state may be behind the log by the epochs of a crash, or be lost: the recorded epochs are run
again with their recorded ranges and clock readings, outputs suppressed. A state that contradicts
the log is thrown away first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from merganser.engine.duck import Duck, DuckError
from merganser.engine.execution.topology import Epoch, Topology
from merganser.engine.log.protocol import Commit, Log, Publisher, TopicPartition
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.state.state_file import StateFile, StatePoint
from merganser.errors import InternalError

REPLAY_COMMIT_EPOCHS = 64  # State commits while replaying: each costs an fsync.
Ranges = Mapping[TopicPartition, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How far the input partitions are, by number, as the wall clock saw it at one epoch.

    It decides what holds the watermark back, so it is noted in the commit record and a replay does
    not look again.

    Attributes:
        behind: Have records that are still to be read.
        quiet: Have had none for long.
    """

    behind: frozenset[int] = frozenset()
    quiet: frozenset[int] = frozenset()

    def notes(self) -> dict[str, object]:
        """As it stands in a commit record; empty where there is nothing to say."""
        found = {"behind": sorted(self.behind), "quiet": sorted(self.quiet)}
        return {name: numbers for name, numbers in found.items() if numbers}

    @classmethod
    def of(cls, notes: Mapping[str, object]) -> Pace:
        """From a commit record."""
        numbers = {name: notes.get(name) or [] for name in ("behind", "quiet")}
        assert all(isinstance(value, list) for value in numbers.values())
        return cls(frozenset(numbers["behind"]), frozenset(numbers["quiet"]))  # type: ignore[call-overload]  # lists, as asserted.


NO_PACE = Pace()


@dataclass(frozen=True, slots=True)
class Runs:
    """What a session runs, and under which names. See `QuerySpec`."""

    query_id: str
    producer_id: str
    topology: Topology
    state_alias: str
    from_earliest: bool
    exactly_once: bool
    keeps_dead: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """What running an epoch gave."""

    context: Epoch
    rows: pa.Table


class TaskSession:
    """What an open task holds: connection, state, publisher, reader positions."""

    def __init__(
        self, runs: Runs, duck: Duck, log: Log, state_path: Path | None, *, discard: str | None
    ) -> None:
        """Takes the query over. With `discard`, the reason, the state begins anew."""
        self._runs = runs
        self._log = log
        with ExitStack() as undo:
            self.publisher: Publisher = log.publisher(
                runs.producer_id, exactly_once=runs.exactly_once
            )
            undo.callback(self.publisher.close)
            self.duck = duck.cursor()
            undo.callback(self.duck.close)
            self._state = StateFile(self.duck, runs.state_alias, state_path, discard=discard)
            undo.callback(self._state.close)
            self.point: StatePoint = self._state.point()
            if (reason := _contradiction(self.point, self.publisher.last_commit())) is not None:
                self._state.rebuild(reason)
                self.point = self._state.point()
            runs.topology.prepare(self.duck, runs.state_alias)
            undo.pop_all()
        self.positions: dict[TopicPartition, int] = {
            TopicPartition(topic, partition): position
            for topic, partitions in self.point.positions.items()
            for partition, position in partitions.items()
        }
        self._in_transaction = False
        self.uncommitted_epochs = 0

    @property
    def rebuilt_because(self) -> str | None:
        """Why the state file was thrown away, if it was."""
        return self._state.rebuilt_because

    def catch_up(self, now_ms: int) -> None:
        """Replays what the log has recorded and the state has not; records the start if new."""
        last = self.publisher.last_commit()
        if last is None:
            self._record_start(now_ms)
            return
        assert last.epoch >= self.point.epoch, "the state is ahead of the log"
        if last.epoch == self.point.epoch:
            return
        starts: dict[TopicPartition, int] = {}
        for topic in {source.topic for source in self._runs.topology.sources}:
            starts.update(self._log.start_positions(topic))
        reader = self._log.reader(starts)
        try:
            for commit in self.publisher.commits(self.point.epoch):
                filled = {p: r for p, r in commit.ranges.items() if r[0] < r[1]}
                batches = reader.read(filled) if filled else []
                pace = Pace.of(commit.notes)
                self.run(ordered_inputs(batches), commit.ranges, commit.wall_clock_ms, pace)
                if self.point.epoch != commit.epoch:
                    raise InternalError(f"replay of {self._runs.query_id} lost count of epochs")
                if self.uncommitted_epochs >= REPLAY_COMMIT_EPOCHS:
                    self.commit_state()
            self.commit_state()
        finally:
            reader.close()

    def _record_start(self, now_ms: int) -> None:
        """Epoch 0 reads nothing: it makes the start positions part of the truth."""
        ranges: dict[TopicPartition, tuple[int, int]] = {}
        for source in self._runs.topology.sources:
            earliest = source.is_table or self._runs.from_earliest
            start = (
                self._log.start_positions(source.topic)
                if earliest
                else self._log.end_positions(source.topic)
            )
            for place, position in start.items():
                known = ranges.get(place)
                first = position if known is None else min(position, known[0])
                ranges[place] = (first, first)
        self.run({}, ranges, now_ms, NO_PACE)
        self.publisher.publish(Commit(self.point.epoch, ranges, now_ms), [])
        self.commit_state()

    def run(self, inputs: Mapping[str, pa.Table], ranges: Ranges, now_ms: int, pace: Pace) -> Ran:
        """Runs the topology on an epoch's records; the state stays uncommitted."""
        if not self._in_transaction:
            self.duck.execute("BEGIN")
            self._in_transaction = True
        # What UNIX_TIMESTAMP() gives is fixed for the epoch, so a replay gives it again.
        self.duck.execute(f"SET VARIABLE now_ms = {now_ms}")
        context = Epoch(
            self.duck,
            inputs,
            self._runs.state_alias,
            self.point.times,
            now_ms,
            pace.behind,
            pace.quiet,
            keeps_dead=self._runs.keeps_dead,
        )
        rows = self._runs.topology.run(context)
        self.point.epoch += 1
        for place, (_, end) in ranges.items():
            self.positions[place] = end
            self.point.positions.setdefault(place.topic, {})[place.partition] = end
        self.uncommitted_epochs += 1
        return Ran(context, rows)

    def commit_state(self) -> None:
        """Step 5: makes the state of all epochs since the last commit durable."""
        if not self._in_transaction:
            return
        self._state.write_point(self.duck, self.point)
        self.duck.execute("COMMIT")
        self._in_transaction = False
        self.uncommitted_epochs = 0
        self._runs.topology.maintain(self.duck, self._runs.state_alias)

    def close(self) -> None:
        """Drops what is uncommitted and lets go of everything, whatever state it is in."""
        with ExitStack() as ends:
            ends.callback(self.duck.close)
            ends.callback(self._state.close)
            ends.callback(self._roll_back)
            ends.callback(self.publisher.close)

    def _roll_back(self) -> None:
        """A commit that failed has ended its transaction already, and DuckDB refuses."""
        if self._in_transaction:
            self._in_transaction = False
            with suppress(DuckError):
                self.duck.execute("ROLLBACK")


def _contradiction(point: StatePoint, last: Commit | None) -> str | None:
    """What shows that a state is not made of the epochs in the log; None if nothing does."""
    if point.epoch < 0:
        return None
    if last is None:
        return f"the log has no commit of this query, the state is at epoch {point.epoch}"
    if last.epoch < point.epoch:
        return f"the state is at epoch {point.epoch}, the log at {last.epoch}"
    if last.epoch == point.epoch and any(
        point.positions.get(place.topic, {}).get(place.partition) != end
        for place, (_, end) in last.ranges.items()
    ):
        return f"the state and the log have read other records by epoch {last.epoch}"
    return None
