"""CASE is lazy; a condition that raises or is NULL makes the whole raise."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.execution.expressions.compiled import Fragment, both, either, is_null


def case_fragment(
    branches: Sequence[tuple[Fragment, Fragment]], default: Fragment | None, kind: str
) -> Fragment:
    """A searched CASE over conditions and results; `kind` is the DuckDB type of the result."""
    parts: list[str] = []
    raises: list[str] = []
    logged: list[str] = []
    for condition, result in branches:
        if condition.nullable:
            parts.append(f"WHEN {is_null(condition.sql)} THEN NULL")
            raises.append(f"WHEN {is_null(condition.sql)} THEN TRUE")
        parts.append(f"WHEN {condition.sql} THEN {result.sql}")
        raises.append(f"WHEN {condition.sql} THEN {result.raises or 'FALSE'}")
        seen = either(condition.logged, both(condition.sql, result.logged))
        seen = f"coalesce({seen}, FALSE)" if seen is not None else "FALSE"
        logged.append(f"WHEN {condition.sql} THEN {seen}")
    last = default or Fragment("NULL")
    sql = f"CASE {' '.join(parts)} ELSE {last.sql} END"
    return Fragment(
        f"CAST({sql} AS {kind})" if default is None else sql,
        _predicate(raises, last.raises),
        _predicate(logged, last.logged),
    )


def _predicate(branches: list[str], default: str | None) -> str | None:
    """A CASE over predicates, or None if all are FALSE."""
    if default is None and all(branch.endswith("THEN FALSE") for branch in branches):
        return None
    return f"CASE {' '.join(branches)} ELSE {default or 'FALSE'} END"
