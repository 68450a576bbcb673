"""From logical plan to topology.

Walks the plan from its leaves; stateless nodes wrap SQL, the others add a step. Tables are kept as
upserts until an operator needs the old rows too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from merganser.engine.catalog import Source
from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.aggregate import AggregateOperator
from merganser.engine.execution.operators.checks import CheckStep
from merganser.engine.execution.operators.foreign_key_join import ForeignKeyJoinOperator
from merganser.engine.execution.operators.running import RunningOperator
from merganser.engine.execution.operators.session import SessionOperator
from merganser.engine.execution.operators.sink import SinkOperator
from merganser.engine.execution.operators.source import SourceOperator
from merganser.engine.execution.operators.stateless import (
    filter_changes,
    filter_rows,
    flat_map_rows,
    project_rows,
    rekey_rows,
)
from merganser.engine.execution.operators.stream_stream_join import StreamStreamJoinOperator
from merganser.engine.execution.operators.stream_table_join import StreamTableJoinOperator
from merganser.engine.execution.operators.subquery import derived_rows, union_rows
from merganser.engine.execution.operators.table_state import (
    RetractOperator,
    StoreOperator,
    UpsertOperator,
)
from merganser.engine.execution.operators.table_table_join import TableTableJoinOperator
from merganser.engine.execution.operators.top import TopOperator
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.execution.topology import Materialization, Selection, Step, Topology
from merganser.engine.expression import Arithmetic, Cast, ColumnRef, Negate
from merganser.engine.plan.nodes import (
    AggregateNode,
    DerivedNode,
    FilterNode,
    FlatMapNode,
    JoinNode,
    PlanNode,
    ProjectNode,
    RekeyNode,
    RunningNode,
    SinkNode,
    SourceNode,
    TopNode,
    UnionNode,
)
from merganser.errors import InternalError

STRIDE_BITS = 36  # With the 26 of an epoch's largest `$seq` no more than a BIGINT has.


def compile_plan(plan: PlanNode, *, keep: bool = False) -> Topology:
    """The topology of a plan that ends in a sink or, for push queries, in a projection.

    `keep`: a table without a sink is kept in the state, for pull queries.

    Raises:
        UnsupportedError: An operator that this build does not have.
    """
    joins = [node for node in plan.walk() if isinstance(node, JoinNode)]
    compiler = _Compiler(nested=tuple(j.left for j in joins if _is_stream_join(j.left)))
    if isinstance(plan, SinkNode):
        return compiler.persistent(plan)
    return compiler.push(plan, keep=keep)


@dataclass
class _Compiler:
    steps: list[Step] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    nested: tuple[PlanNode, ...] = ()

    @property
    def stride(self) -> int:
        """What a stream join below another join leaves between two rows' `$seq`."""
        return 1 << STRIDE_BITS // max(len(self.nested), 1)

    def persistent(self, plan: SinkNode) -> Topology:
        # A session that goes and comes again at once is told as both.
        sessions = any(
            isinstance(node, AggregateNode)
            and node.over is not None
            and node.over.kind == "SESSION"
            for node in plan.walk()
        )
        rows = self.upserts(self.rows(plan.child), coalesce=not sessions)
        self.check(rows)
        materialization = self._aggregated(plan.child) if plan.is_table else None
        if plan.is_table and materialization is None:
            store = StoreOperator(rows, len(self.steps))
            self.steps.append(store)
            materialization = store.materialization
        rekeyed = any(isinstance(node, RekeyNode | AggregateNode | TopNode) for node in plan.walk())
        sink = SinkOperator(plan.sink, rows, passes_keys=not rekeyed and not plan.is_table)
        return Topology(tuple(self.steps), tuple(self.sources), sink, plan.sink, materialization)

    def _aggregated(self, node: PlanNode) -> Materialization | None:
        """The rows of a table that an aggregation's own state holds already; else None.

        Values of functions are kept as they were given: some change with the clock.
        """
        if not isinstance(node, ProjectNode) or not isinstance(node.child, AggregateNode):
            return None
        operator = self.steps[-1]
        plain = all(
            isinstance(part, ColumnRef | Cast | Arithmetic | Negate)
            for _, item in node.items
            for part in item.walk()
        )
        if not plain or not isinstance(operator, AggregateOperator) or not operator.holds_result:
            return None
        inner = operator.materialization
        columns = [f"{compile_expression(e).sql} AS {identifier(name)}" for name, e in node.items]
        columns.append('"$rowtime"')
        if inner.windowed:
            columns += ['"$window_start"', '"$window_end"']
        sql = f"SELECT {', '.join(columns)} FROM ({inner.sql})"
        return Materialization(sql, node.schema, inner.windowed)

    def push(self, plan: PlanNode, *, keep: bool) -> Topology:
        rows = self.upserts(self.rows(plan))
        self.check(rows)
        materialization: Materialization | None = None
        if keep:
            store = StoreOperator(rows, len(self.steps))
            self.steps.append(store)
            materialization = store.materialization
        order = '"$seq", "$window_start"' if rows.windowed else '"$seq"'
        output = rows.source if rows.ordered else f"(SELECT * FROM {rows.source} ORDER BY {order})"
        result = Selection(output)
        return Topology(tuple(self.steps), tuple(self.sources), result, None, materialization)

    def rows(self, node: PlanNode, *, retract: bool = False) -> Rows:
        """Compiles a subtree; with `retract` a table's old rows come along."""
        match node:
            case FilterNode() if not retract and _over_foreign_key_join(node):
                rows = filter_changes(node, self.rows(node.child))
            case FilterNode():
                rows = filter_rows(node, self.rows(node.child, retract=node.is_table))
            case ProjectNode():
                rows = project_rows(node, self.rows(node.child, retract=retract))
            case DerivedNode():
                rows = derived_rows(node, self.rows(node.child, retract=retract))
            case AggregateNode():
                child = self.rows(node.child, retract=node.child.is_table)
                rows = self._aggregate(node, child, retract=retract)
            case JoinNode():
                rows = self._join(node, retract=retract)
            case _:
                rows = self._fresh_rows(node)
        if retract and rows.changes is Changes.UPSERT:
            step = RetractOperator(rows, len(self.steps))
            return self._add(step, step.rows)
        return rows

    def _fresh_rows(self, node: PlanNode) -> Rows:
        """The rows of a node that knows of no old ones."""
        match node:
            case SourceNode():
                return self._source(node)
            case UnionNode():
                return union_rows(node, [self.rows(child) for child in node.inputs])
            case RekeyNode():
                return rekey_rows(node, self.rows(node.child))
            case FlatMapNode():
                return flat_map_rows(node, self.rows(node.child))
            case RunningNode():
                running = RunningOperator(node, self.rows(node.child), len(self.steps))
                return self._add(running, running.rows)
            case TopNode():
                top = TopOperator(node, self.rows(node.child), len(self.steps))
                return self._add(top, top.rows)
            case _:
                raise InternalError(f"no operator for {node.label}")

    def upserts(self, rows: Rows, *, coalesce: bool = True) -> Rows:
        """Rows without retractions."""
        if rows.changes is not Changes.RETRACT:
            return rows
        step = UpsertOperator(rows, len(self.steps), coalesce=coalesce)
        return self._add(step, step.rows)

    def check(self, rows: Rows) -> None:
        """Looks for failed rows behind everything that came before."""
        if rows.checks:
            self.steps.append(CheckStep(rows.checks))

    def _add(self, step: Step, rows: Rows) -> Rows:
        self.steps.append(step)
        return rows

    def _source(self, node: SourceNode) -> Rows:
        self.sources.append(node.source)
        operator = SourceOperator(node, len(self.steps))
        return self._add(operator, operator.rows)

    def _aggregate(self, node: AggregateNode, child: Rows, *, retract: bool) -> Rows:
        index = len(self.steps)
        operator: AggregateOperator
        if node.over is not None and node.over.kind == "SESSION":
            operator = SessionOperator(node, child, index)
        else:
            operator = AggregateOperator(node, child, index, retract=retract)
        return self._add(operator, operator.rows)

    def _side(self, node: PlanNode) -> Rows:
        """A side of a join. Of a table that a sub-query filters, all that does not pass is gone.

        So no version of a row is left out, and `$seq` stays what it is on the other side.
        """
        match node:
            case DerivedNode():
                return derived_rows(node, self._side(node.child))
            case ProjectNode():
                return project_rows(node, self._side(node.child))
            case FilterNode() if node.is_table:
                return filter_changes(node, self._side(node.child))
            case _:
                return self.upserts(self.rows(node))

    def _join(self, node: JoinNode, *, retract: bool) -> Rows:
        left, right = self._side(node.left), self._side(node.right)
        below = [join for join in node.left.walk() if _is_stream_join(join)]
        if below:  # Both sides' `$seq` has to be of one measure.
            scaled = f'"$seq" * {self.stride ** len(below)} AS "$seq"'
            right = replace(right, source=f"(SELECT * REPLACE ({scaled}) FROM {right.source})")
        index = len(self.steps)
        operator: TableTableJoinOperator | ForeignKeyJoinOperator | StreamStreamJoinOperator
        if not node.right.is_table:
            stride = self.stride if node in self.nested else None
            operator = StreamStreamJoinOperator(node, left, right, index, stride=stride)
        elif not node.left.is_table:
            lookup = StreamTableJoinOperator(node, left, right, index)
            return self._add(lookup, lookup.rows)
        elif node.foreign_key:
            operator = ForeignKeyJoinOperator(node, left, right, index)
        else:
            operator = TableTableJoinOperator(node, left, right, index, retract=retract)
        return self._add(operator, operator.rows)


def _is_stream_join(node: PlanNode) -> bool:
    return isinstance(node, JoinNode) and not node.right.is_table


def _over_foreign_key_join(node: PlanNode) -> bool:
    """Whether rows come from a foreign-key join, which keeps no result that could be compared."""
    while isinstance(node, FilterNode | ProjectNode | DerivedNode):
        node = node.child
    return isinstance(node, JoinNode) and node.foreign_key
