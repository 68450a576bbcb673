"""A compiled query: the steps that an epoch runs, in order.

A topology is a pure function: the same input batches in the same epochs, from the same state, give
the same state and the same outputs. It reads no clock; what the wall clock decided is in the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import pyarrow as pa

from merganser.engine.catalog import Source
from merganser.engine.duck import FEW_ROWS, VALUE_ERRORS, Duck, identifier
from merganser.engine.execution.dead_letters import DeadLetter
from merganser.engine.schema import Schema
from merganser.errors import EvaluationError

INPUT_SEQ = "seq"


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """One record or row that could not be used, for the processing log.

    Attributes:
        kind: `deserialization`, `processing` or `serialization`.
        target: `key` or `value` for (de)serialisation.
        step: Which part of the query.
        cause: What raised, and where.
        record: The bytes that did not decode.
    """

    kind: str
    message: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    target: str | None = None
    step: str = ""
    cause: tuple[str, ...] = ()
    record: bytes | None = None


@dataclass(slots=True)
class Epoch:
    """What one epoch works with.

    Attributes:
        inputs: Topic → records (RECORD_SCHEMA and `seq` INT64), ordered by `seq`.
        state: Alias of the attached state database.
        times: Operator → partition → stream time, carried from epoch to epoch.
        behind: Partition numbers with records that are still to be read.
        quiet: Partition numbers that have had none for so long that they hold nothing back.
        late: Rows dropped as late, in this epoch.
        failures: Found in this epoch, at most FAILURES_MAX with details.
        failure_count: All of them.
        keeps_dead: Whether records that cannot be used are wanted as they are.
        dead: They, by topic, partition and offset.
        later: What is to be done when the result has been fetched, which is when it is computed.
    """

    duck: Duck
    inputs: Mapping[str, pa.Table]
    state: str
    times: dict[str, dict[int, int]]
    wall_clock_ms: int
    behind: frozenset[int] = frozenset()
    quiet: frozenset[int] = frozenset()
    late: int = 0
    failures: list[RecordFailure] = field(default_factory=list)
    failure_count: int = 0
    keeps_dead: bool = False
    dead: dict[tuple[str, int, int], DeadLetter] = field(default_factory=dict)
    later: list[Callable[[Epoch], None]] = field(default_factory=list)

    @property
    def has_headers(self) -> bool:
        """Whether any record of the epoch has headers: most have none, and that is cheaper."""
        return any(
            len(chunk.flatten()) > 0
            for records in self.inputs.values()
            for chunk in records.column("headers").chunks
        )

    @property
    def is_small(self) -> bool:
        """Whether planning statements takes longer than running them, so that plans are kept."""
        count: int = sum(records.num_rows for records in self.inputs.values())
        return count <= FEW_ROWS

    def fail(self, failures: Sequence[RecordFailure]) -> None:
        """Notes failures, all that there are."""
        self.failures += failures
        self.failure_count += len(failures)

    def table(self, name: str) -> str:
        """A state table's qualified name."""
        return f"{identifier(self.state)}.main.{identifier(name)}"

    def keep(self, name: str, query: str) -> None:
        """Makes the rows of a query readable under a name until the name is used again.

        Through Arrow: what a temporary table held would take memory until the state commits.
        """
        self.duck.register(name, self.duck.arrow(query))


FAILURES_MAX = 1000  # Details of more failures in one epoch than anybody reads.


class Step(Protocol):
    """One statement or a few that an epoch runs."""

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates the state tables if they are not there."""
        ...

    def run(self, epoch: Epoch) -> None:
        """Does the step's part of an epoch."""
        ...


@runtime_checkable
class Maintained(Protocol):
    """A step whose state is looked after between transactions."""

    def maintain(self, duck: Duck, state: str) -> None:
        """Does what changes no row: indexes."""
        ...


class StateTable(Protocol):
    """A table, or some, in the state of a query."""

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates it, if it is not there."""
        ...

    def maintain(self, duck: Duck, state: str) -> None:
        """Does what changes no row."""
        ...


class StatefulStep:
    """A step whose state is in tables of its own."""

    _states: tuple[StateTable, ...]

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates the state tables."""
        for table in self._states:
            table.prepare(duck, state)

    def maintain(self, duck: Duck, state: str) -> None:
        """Looks after the state tables."""
        for table in self._states:
            table.maintain(duck, state)


class Result(Protocol):
    """The last part of a topology: it reads what the steps have left."""

    def fetch(self, epoch: Epoch) -> pa.Table:
        """The result of the epoch, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """A relation's rows as they are."""

    relation: str

    def fetch(self, epoch: Epoch) -> pa.Table:
        """The rows."""
        return epoch.duck.arrow(f"SELECT * FROM {self.relation}")


@dataclass(frozen=True, slots=True)
class Materialization:
    """A table's rows in the state, for pull queries: SQL with `{state}` for the alias."""

    sql: str
    schema: Schema
    windowed: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """The steps of a query.

    Attributes:
        sources: Inputs by topic (several sources may share one).
        output: Gives the result after the steps: of a sink, columns `key`, `value`, `timestamp`,
            `headers`; else the result columns, `$rowtime` and `$tombstone`.
        sink: The source that is written; None for push queries.
        checks_run: The steps also looked for failed rows.
    """

    steps: tuple[Step, ...]
    sources: tuple[Source, ...]
    output: Result
    sink: Source | None
    materialization: Materialization | None = None

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates state tables in the attached database."""
        for step in self.steps:
            step.prepare(duck, state)

    def maintain(self, duck: Duck, state: str) -> None:
        """Looks after the state, between two transactions."""
        for step in self.steps:
            if isinstance(step, Maintained):
                step.maintain(duck, state)

    def run(self, epoch: Epoch) -> pa.Table:
        """Runs an epoch and gives its output rows, in order.

        Raises:
            EvaluationError: A sum or another state outgrows its type.
        """
        try:
            for step in self.steps:
                step.run(epoch)
            result = self.output.fetch(epoch)
        except VALUE_ERRORS as error:
            raise EvaluationError(f"a value does not fit its type: {error}") from error
        for look in epoch.later:
            look(epoch)
        return result
