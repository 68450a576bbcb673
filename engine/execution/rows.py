"""What flows between operators: SQL that gives the rows of the current epoch.

Operators without state do not run anything: they wrap the SQL of their input, so that a run of them
becomes one fused statement. Operators with state run a step and hand on the temporary table that
it left.

Every row has engine columns beside the SQL columns: `$rowtime` (event time, ms), `$partition`,
`$offset` (of the input record), `$seq` (order in the epoch), `$headers`, `$tombstone`; windowed
rows have `$window_start` and `$window_end`; retracting rows have `$sign`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.compiled import CompiledExpression, Watch
from merganser.engine.schema import Schema


class Changes(StrEnum):
    """What rows mean.

    STREAM: each row is an event; `$tombstone` marks a record without value.
    UPSERT: each row is its key's new row; `$tombstone` marks a deletion.
    RETRACT: `$sign` −1 takes an old row away, +1 puts a row; an update is −1 then +1, with
        consecutive `$seq`.
    """

    STREAM = "stream"
    UPSERT = "upsert"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class ErrorCheck:
    """A place where rows can fail: `failed` over `source` finds them.

    Attributes:
        step: Name for the processing log.
        expression: As SQL of the user's language.
        watch: Tells when there is nothing to find.
    """

    source: str
    failed: str
    step: str
    expression: str
    watch: Watch | None = None

    @classmethod
    def of(
        cls, source: str, compiled: CompiledExpression, step: str, expression: object
    ) -> tuple[ErrorCheck, ...]:
        """What looks for the rows with a value on which an expression fails, if it can fail."""
        if compiled.failed is None:
            return ()
        watch = compiled.watch
        if watch is not None and watch.otherwise is not None:
            watch = replace(watch, otherwise=_live(watch.otherwise))
        return (cls(source, _live(compiled.failed), step, str(expression), watch),)


def _live(failed: str) -> str:
    return f'NOT "$tombstone" AND ({failed})'


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the epoch at one point of the topology.

    Attributes:
        source: What stands behind FROM: a temporary table or a bracketed SELECT.
        schema: The SQL columns.
        windowed: Rows have window columns.
        ordered: The rows come in `$seq` order as they are.
        checks: Where rows can have failed on the way here since the last step.
    """

    source: str
    schema: Schema
    changes: Changes
    windowed: bool = False
    ordered: bool = True
    checks: tuple[ErrorCheck, ...] = field(default=())

    @property
    def engine_columns(self) -> tuple[str, ...]:
        """The engine columns of these rows, quoted."""
        names = ["$rowtime", "$partition", "$offset", "$seq", "$headers", "$tombstone"]
        if self.windowed:
            names += ["$window_start", "$window_end"]
        if self.changes is Changes.RETRACT:
            names.append("$sign")
        return tuple(identifier(name) for name in names)

    def select(
        self, columns: Iterable[str], *, where: str | None = None, schema: Schema | None = None
    ) -> Rows:
        """These rows with other SQL columns (`expression AS name`), engine columns kept."""
        inner = ", ".join([*columns, *self.engine_columns])
        tail = f" WHERE {where}" if where else ""
        return replace(
            self,
            source=f"(SELECT {inner} FROM {self.source}{tail})",
            schema=schema or self.schema,
        )

    def filter(self, predicate: str) -> Rows:
        """The rows for which a predicate is true."""
        return replace(self, source=f"(SELECT * FROM {self.source} WHERE {predicate})")

    def checked(self, *checks: ErrorCheck) -> Rows:
        """These rows, with more places to look for failed rows."""
        return replace(self, checks=self.checks + checks)


def column_list(schema: Schema) -> str:
    """The SQL columns, quoted, comma between."""
    return ", ".join(identifier(column.name) for column in schema)
