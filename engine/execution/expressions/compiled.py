"""What compiling gives: the public result and the fragments that it is put together from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """An expression as DuckDB SQL over a physical row.

    Attributes:
        sql: The value; NULL where ksqlDB would have raised.
        failed: A predicate, never NULL: on this row ksqlDB would have written an error to the
            processing log. None if that cannot happen.

    """

    sql: str
    failed: str | None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of an expression.

    An operator raises if its operand does. Only some places catch what an operand raises, log it
    and go on with NULL: CAST, arguments of functions, items of constructors, `->`.
    Source: parity/functions.md, section 0 (ksql.nested.error.set.null).

    Attributes:
        sql: The value; NULL where it raises.
        raises: A predicate, never NULL: evaluating this raises. None if it cannot.
        logged: A predicate, never NULL: something inside raised and was caught. None if it cannot.
        nullable: Whether the value may be NULL at all.

    """

    sql: str
    raises: str | None = None
    logged: str | None = None
    nullable: bool = True

    def caught(self) -> Fragment:
        """The same as an operand of something that goes on with NULL."""
        if self.raises is None:
            return self
        return Fragment(self.sql, None, either(self.raises, self.logged))


def either(*predicates: str | None) -> str | None:
    """The disjunction of predicates that are never NULL; None counts as FALSE."""
    known = list(dict.fromkeys(predicate for predicate in predicates if predicate is not None))
    if not known:
        return None
    return known[0] if len(known) == 1 else "(" + " OR ".join(known) + ")"


def both(*predicates: str | None) -> str | None:
    """The conjunction of predicates that are never NULL; None counts as FALSE."""
    known = [predicate for predicate in predicates if predicate is not None]
    if len(known) < len(predicates):
        return None
    return "(" + " AND ".join(known) + ")"


def is_null(sql: str) -> str:
    """The predicate that a value is NULL."""
    return f"({sql} IS NULL)"
