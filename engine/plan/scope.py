"""Which names an expression may use, and which columns they mean."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from merganser.engine.expression import ColumnRef
from merganser.engine.plan.nodes import SourceNode
from merganser.engine.schema import PSEUDO_COLUMNS
from merganser.engine.types import SqlType
from merganser.errors import Span, UnknownColumnError, UnknownNameError, UserError

WINDOW_BOUNDS = ("WINDOWSTART", "WINDOWEND")


@dataclass(frozen=True, slots=True)
class SourceScope:
    """The columns of a query's sources, bare or qualified.

    Attributes:
        nodes: The sources in written order.
        bounds: WINDOWSTART and WINDOWEND exist though no source is windowed (they come from the
            query's own window).
        extra: Names that belong to no source, such as the synthetic key of a full join.
        forbidden: Names that may not be used here.
        custom_types: What CREATE TYPE made.
        time_texts: A text that is compared with ROWTIME or a window bound means a time.
        window_calls: OVER may be used.
    """

    nodes: Sequence[SourceNode]
    bounds: bool = False
    extra: Mapping[str, ColumnRef] = field(default_factory=dict)
    allow_aggregates: bool = False
    allow_table_functions: bool = False
    forbidden: frozenset[str] = frozenset()
    custom_types: Mapping[str, SqlType] = field(default_factory=dict)
    time_texts: bool = False
    window_calls: bool = False

    def resolve(self, source: str | None, name: str, span: Span | None) -> ColumnRef:
        """The column that a name means.

        Raises:
            UnknownNameError: There is none.
            UserError: Several sources have it.
        """
        if name in self.forbidden:
            raise UserError(f"column {name} cannot be used here", span=span)
        if source is None and name in self.extra:
            return self.extra[name]
        nodes = [node for node in self.nodes if source in (None, node.alias)]
        if not nodes:
            raise UnknownNameError(
                f"'{source}' is not a source of this query",
                hint=f"The sources are {', '.join(node.alias for node in self.nodes)}.",
                span=span,
            )
        found = [ref for node in nodes if (ref := self._in(node, name)) is not None]
        if len(found) > 1:
            owners = " or ".join(f"{node.alias}.{name}" for node in nodes)
            raise UserError(f"column '{name}' is ambiguous: it could be {owners}", span=span)
        if found:
            return found[0]
        if name in WINDOW_BOUNDS and self.bounds:
            return ColumnRef(name, PSEUDO_COLUMNS[name])
        known = [inner for node in nodes for _, inner in node.columns]
        near = difflib.get_close_matches(name, known, n=1)
        place = f"'{source}.{name}'" if source else f"'{name}'"
        raise UnknownColumnError(
            f"column {place} cannot be resolved",
            hint=f"Did you mean {near[0]}?" if near else None,
            span=span,
        )

    def _in(self, node: SourceNode, name: str) -> ColumnRef | None:
        for outer, inner in node.columns:
            if inner == name:
                column = node.output.find(outer)
                assert column is not None
                return ColumnRef(outer, column.type)
        if len(self.nodes) == 1 and name in PSEUDO_COLUMNS:
            if name in WINDOW_BOUNDS and node.source.window is None:
                return None
            return ColumnRef(name, PSEUDO_COLUMNS[name])
        return None
