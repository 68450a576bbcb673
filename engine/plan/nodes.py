"""The logical plan: a tree of frozen nodes, engine-neutral.

Every node says its output `schema` (key columns first) and whether its rows are a stream's or a
table's changes. `check()` states the invariants; tests call it on every node after planning and
after every rewriting rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from merganser.engine.catalog import KeyWindow, Source
from merganser.engine.expression import (
    AggregateCall,
    ColumnRef,
    Expression,
    Ordering,
    TableCall,
    WindowCall,
)
from merganser.engine.schema import PSEUDO_COLUMNS, Role, Schema
from merganser.errors import InternalError


@dataclass(frozen=True, slots=True)
class PlanNode:
    """Base of all plan nodes."""

    @property
    def children(self) -> tuple[PlanNode, ...]:
        """Inputs, left to right."""
        return ()

    @property
    def schema(self) -> Schema:
        """The columns of the output."""
        raise NotImplementedError

    @property
    def is_table(self) -> bool:
        """Whether the rows are changes of a table."""
        raise NotImplementedError

    @property
    def window(self) -> KeyWindow | None:
        """The window that belongs to the key of the output."""
        return self.children[0].window

    @property
    def label(self) -> str:
        """One line for EXPLAIN."""
        raise NotImplementedError

    def walk(self) -> Iterator[PlanNode]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def expressions(self) -> tuple[Expression, ...]:
        """The expressions that are evaluated over the first child's rows."""
        return ()

    def check(self) -> None:
        """Raises InternalError if an invariant does not hold."""
        names = [column.name for column in self.schema]
        if len(names) != len(set(names)):
            raise InternalError(f"duplicate column names in {self.label}")
        for expression in self.expressions():
            known = self.children[0].schema
            for node in expression.walk():
                if isinstance(node, ColumnRef) and node.name not in PSEUDO_COLUMNS:
                    column = known.find(node.name)
                    if column is None or column.type != node.type:
                        raise InternalError(f"{node} is no column below {self.label}")


@dataclass(frozen=True, slots=True)
class SourceNode(PlanNode):
    """Reads a stream or table. In joins every column is named `ALIAS_NAME`.

    Attributes:
        columns: Output name → the source's column name, in order.
        strict_time: A record without a valid event time fails the query.
    """

    source: Source
    alias: str
    columns: tuple[tuple[str, str], ...]
    output: Schema
    strict_time: bool = False

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return self.source.is_table

    @property
    def window(self) -> KeyWindow | None:
        return self.source.window

    @property
    def label(self) -> str:
        return f"SOURCE {self.source.kind} {self.source.name} (topic {self.source.topic})"


@dataclass(frozen=True, slots=True)
class DerivedNode(SourceNode):
    """A sub-query, planned, in the place of a source; `source` describes its result."""

    child: PlanNode = field(kw_only=True)

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def label(self) -> str:
        return f"SUBQUERY {self.alias}"


@dataclass(frozen=True, slots=True)
class UnionNode(PlanNode):
    """UNION ALL: the rows of several streams of equal columns, as they arrive."""

    inputs: tuple[PlanNode, ...]
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return self.inputs

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return False

    @property
    def label(self) -> str:
        return "UNION ALL"

    def check(self) -> None:
        PlanNode.check(self)
        for child in self.inputs:
            if child.is_table or child.schema != self.output:
                raise InternalError(f"{child.label} does not fit into a UNION ALL")


@dataclass(frozen=True, slots=True)
class FilterNode(PlanNode):
    """WHERE or HAVING. Over a table, a row that stops matching becomes a tombstone."""

    child: PlanNode
    predicate: Expression

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.child.schema

    @property
    def is_table(self) -> bool:
        return self.child.is_table

    @property
    def label(self) -> str:
        return f"FILTER {self.predicate}"

    def expressions(self) -> tuple[Expression, ...]:
        return (self.predicate,)


@dataclass(frozen=True, slots=True)
class ProjectNode(PlanNode):
    """Computes the output columns. Key columns are the child's key columns, maybe renamed.

    `drops_key`: a transient query that selects no key still has the key for its changelog.
    """

    child: PlanNode
    items: tuple[tuple[str, Expression], ...]
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return self.child.is_table

    @property
    def label(self) -> str:
        return "PROJECT " + ", ".join(f"{item} AS {name}" for name, item in self.items)

    def expressions(self) -> tuple[Expression, ...]:
        return tuple(item for _, item in self.items)


@dataclass(frozen=True, slots=True)
class FlatMapNode(PlanNode):
    """Table functions side by side: rows = the longest list, shorter ones padded with NULL.

    Attributes:
        calls: Name of the added column → call.
    """

    child: PlanNode
    calls: tuple[tuple[str, TableCall], ...]
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return False

    @property
    def label(self) -> str:
        return "FLATMAP " + ", ".join(f"{call} AS {name}" for name, call in self.calls)

    def expressions(self) -> tuple[Expression, ...]:
        return tuple(call for _, call in self.calls)


@dataclass(frozen=True, slots=True)
class RunningNode(PlanNode):
    """Numbers a stream's rows by key and looks back in them, as they arrive.

    Attributes:
        partition: What the rows of one key have in common.
        calls: Name of the added column → call.
    """

    child: PlanNode
    partition: tuple[Expression, ...]
    calls: tuple[tuple[str, WindowCall], ...]
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return False

    @property
    def label(self) -> str:
        return "RUNNING " + ", ".join(f"{call} AS {name}" for name, call in self.calls)

    def expressions(self) -> tuple[Expression, ...]:
        return (*self.partition, *(call for _, call in self.calls))


@dataclass(frozen=True, slots=True)
class TopNode(PlanNode):
    """The first rows of each key in an order: a table of them by key and place.

    Attributes:
        partition: Name of each key column → expression.
        order: Never empty. Rows that are equal in it: a later one goes first if its first key is
            descending, else behind.
        limit: How many rows a key has at most.
        number: Name of the column of the place, counted from 1; in the key if there may be several.
    """

    child: PlanNode
    partition: tuple[tuple[str, Expression], ...]
    order: tuple[Ordering, ...]
    limit: int
    number: str
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return True

    @property
    def label(self) -> str:
        keys = ", ".join(f"{key} AS {name}" for name, key in self.partition)
        return f"TOP {self.limit} BY {keys} ORDER BY {', '.join(map(str, self.order))}"

    def expressions(self) -> tuple[Expression, ...]:
        return (*(key for _, key in self.partition), *self.order)


@dataclass(frozen=True, slots=True)
class RekeyNode(PlanNode):
    """PARTITION BY: new key columns; the old ones become value columns.

    Attributes:
        keys: Name of each new key column → expression. Empty: PARTITION BY NULL.
        keeps_null_values: Only key columns are used, so a NULL value keeps its new key.
    """

    child: PlanNode
    keys: tuple[tuple[str, Expression], ...]
    output: Schema

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return False

    @property
    def label(self) -> str:
        inner = ", ".join(f"{key} AS {name}" for name, key in self.keys) or "NULL"
        return f"PARTITION BY {inner}"

    def expressions(self) -> tuple[Expression, ...]:
        return tuple(key for _, key in self.keys)


@dataclass(frozen=True, slots=True)
class Window:
    """A window clause, resolved to milliseconds.

    Attributes:
        kind: TUMBLING, HOPPING or SESSION.
        size_ms: Size, or a session's gap.
        advance_ms: Size for TUMBLING.
        grace_ms: How late a row may be.
        retention_ms: How long a window can be queried, at least size + grace.
        loses_expired: EMIT FINAL loses windows that one record both closes and expires, as ksqlDB's
            window store does.
    """

    kind: str
    size_ms: int
    advance_ms: int
    grace_ms: int
    retention_ms: int
    loses_expired: bool = False

    @property
    def key_window(self) -> KeyWindow:
        """As it is carried in the key."""
        return KeyWindow(self.kind, None if self.kind == "SESSION" else self.size_ms)


@dataclass(frozen=True, slots=True)
class AggregateNode(PlanNode):
    """GROUP BY with aggregate calls; gives a table keyed by the group.

    Attributes:
        group: Name of each key column → expression.
        calls: Name of each aggregate's column → call.
        over: The window, if any.
        final: EMIT FINAL: one row per key and window, when it closes.
        limits: The query's properties that bound what a function collects.
    """

    child: PlanNode
    group: tuple[tuple[str, Expression], ...]
    calls: tuple[tuple[str, AggregateCall], ...]
    over: Window | None
    final: bool
    output: Schema
    limits: tuple[tuple[str, object], ...] = ()

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return True

    @property
    def window(self) -> KeyWindow | None:
        return self.over.key_window if self.over else self.child.window

    @property
    def label(self) -> str:
        over = ""
        if self.over:
            over = f" WINDOW {self.over.kind} size {self.over.size_ms} ms"
            if self.over.kind == "HOPPING":
                over += f" advance {self.over.advance_ms} ms"
            over += f" grace {self.over.grace_ms} ms" + (" FINAL" if self.final else "")
        keys = ", ".join(f"{key} AS {name}" for name, key in self.group)
        calls = ", ".join(f"{call} AS {name}" for name, call in self.calls)
        return f"AGGREGATE BY {keys}{over}: {calls}"

    def expressions(self) -> tuple[Expression, ...]:
        return tuple(key for _, key in self.group) + tuple(call for _, call in self.calls)


@dataclass(frozen=True, slots=True)
class JoinNode(PlanNode):
    """A join of any kind; `left` and `right` are evaluated over their own sides.

    Attributes:
        kind: INNER, LEFT, RIGHT or FULL.
        left_key, right_key: The two sides of the equality.
        before_ms, after_ms, grace_ms: WITHIN, for stream-stream joins; grace None if not given.
        foreign_key: A table-table join on an expression of the left side.
        key: Columns of the result's key; a synthetic one is added in front of the others.
    """

    left: PlanNode
    right: PlanNode
    kind: str
    left_key: Expression
    right_key: Expression
    output: Schema
    before_ms: int | None = None
    after_ms: int | None = None
    grace_ms: int | None = None
    foreign_key: bool = False
    synthetic_key: str | None = None

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.left, self.right)

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def is_table(self) -> bool:
        return self.left.is_table

    @property
    def label(self) -> str:
        sides = "-".join("table" if side.is_table else "stream" for side in self.children)
        name = "foreign-key table-table" if self.foreign_key else sides
        within = (
            f" WITHIN ({self.before_ms}, {self.after_ms}) ms" if self.before_ms is not None else ""
        )
        return f"{self.kind} {name} JOIN{within} ON {self.left_key} = {self.right_key}"


@dataclass(frozen=True, slots=True)
class SinkNode(PlanNode):
    """Writes the rows to a source's topic."""

    child: PlanNode
    sink: Source

    @property
    def children(self) -> tuple[PlanNode, ...]:
        return (self.child,)

    @property
    def schema(self) -> Schema:
        return self.sink.schema

    @property
    def is_table(self) -> bool:
        return self.child.is_table

    @property
    def label(self) -> str:
        return f"SINK {self.sink.kind} {self.sink.name} (topic {self.sink.topic})"

    def check(self) -> None:
        PlanNode.check(self)
        mine = [(c.name, c.type) for c in self.schema if c.role is not Role.HEADERS]
        below = [(c.name, c.type) for c in self.child.schema]
        if mine != below:
            raise InternalError(f"{self.label} has other columns than its input")


def explain(node: PlanNode, depth: int = 0) -> str:
    """The plan as indented text, a line a node, with its schema."""
    lines = [f"{'   ' * depth}{'> ' if depth else ''}[ {node.label} ] Schema: {node.schema.sql()}"]
    lines.extend(explain(child, depth + 1) for child in node.children)
    return "\n".join(lines)
