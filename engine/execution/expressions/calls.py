"""Function calls: the guards that the compiler puts around a function's own SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merganser.engine.execution.expressions.compiled import Fragment, either, is_null
from merganser.engine.expression import Call, Expression, Literal, TableCall
from merganser.engine.functions.function import (
    TABLES,
    CallSite,
    Nulls,
    Overload,
    fill,
)
from merganser.engine.functions.scalar_calls import overload_of


@dataclass(frozen=True, slots=True)
class CallParts:
    """The SQL of one call over its arguments, however they are named."""

    node: Call | TableCall
    overload: Overload
    body_raises: tuple[str | None, ...]

    def _site(self, arguments: Sequence[Fragment]) -> CallSite:
        given = self.node.arguments
        return CallSite(
            tuple(argument.sql for argument in arguments),
            tuple(argument.result_type for argument in given),
            tuple(a.value if isinstance(a, Literal) else None for a in given),
            self.node.type,
            self.body_raises,
        )

    def value(self, arguments: Sequence[Fragment]) -> str:
        """The call, NULL where it raises."""
        raw = self.overload.sql(self._site(arguments))
        guard = self._missing(arguments)
        if self.overload.nulls is Nulls.RETURN:
            guard = either(*(is_null(a.sql) for a in arguments if a.nullable))
        return raw if guard is None else f"CASE WHEN {guard} THEN NULL ELSE {raw} END"

    def fails(self, arguments: Sequence[Fragment]) -> str:
        """The predicate that the call raises; empty if it cannot."""
        missing = self._missing(arguments)
        site = self._site(arguments)
        fails = self.overload.fails_sql(site, self.overload.sql(site))
        if fails is None or missing is None:
            return fails or missing or ""
        # Not OR: it would call the function for rows that have no argument to give it.
        return f"CASE WHEN {missing} THEN TRUE ELSE {fails} END"

    def reason(self, arguments: Sequence[Fragment]) -> str:
        """SQL of a text that tells why the call raises; NULL if it does not."""
        reason = self.overload.reason
        return "NULL" if reason is None else fill(reason, self._site(arguments))

    def _missing(self, arguments: Sequence[Fragment]) -> str | None:
        """The predicate that a primitive parameter gets NULL."""
        parameters = self.overload.signature.parameters_for(len(arguments))
        assert parameters is not None
        return either(
            *(
                is_null(argument.sql)
                for parameter, argument in zip(parameters, arguments, strict=True)
                if parameter.primitive and argument.nullable
            )
        )


def counting_calls(expression: Expression) -> list[tuple[Call | TableCall, Overload]]:
    """The calls in an expression of functions that count their failures."""
    found: list[tuple[Call | TableCall, Overload]] = []
    for node in expression.walk():
        if isinstance(node, Call | TableCall):
            overload = (
                overload_of(node)
                if isinstance(node, Call)
                else TABLES[node.name].overloads[node.overload]
            )
            if overload.failures is not None:
                found.append((node, overload))
    return found
