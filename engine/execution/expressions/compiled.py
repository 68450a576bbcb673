"""What compiling gives: the public result and the fragments that it is put together from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merganser.engine.functions.function import FailureCount

_LONG = 64  # Letters from which a repeated operand gets a name; naming costs some 35 ns a row.


@dataclass(frozen=True, slots=True)
class Watch:
    """Functions in an expression that count their failures themselves.

    Attributes:
        counts: While none of them grows, no row has failed by these functions.
        otherwise: The predicate that a row fails by something else; None if it cannot.
        reason: SQL of a text that tells why a function fails on a row.
    """

    counts: tuple[FailureCount, ...]
    otherwise: str | None
    reason: str

    @property
    def count(self) -> int:
        """How often they have failed; it never falls."""
        return sum(each.count for each in self.counts)


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """An expression as DuckDB SQL over a physical row.

    Attributes:
        sql: The value; NULL where ksqlDB would have raised.
        failed: A predicate, never NULL: on this row ksqlDB would have written an error to the
            processing log. None if that cannot happen.
        watch: Tells when `failed` need not be asked.

    """

    sql: str
    failed: str | None
    watch: Watch | None = None


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


class Lets:
    """Names for operands that an operator mentions more than once.

    Nested calls would else repeat their operands again and again: five functions in one another
    were 400 kB of SQL and took seconds to plan. DuckDB has no LET; a lambda over a list of one
    element is one.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def let(self, operands: Sequence[Fragment], build: Callable[[Sequence[Fragment]], str]) -> str:
        """What `build` makes of the operands, long ones that it repeats evaluated once."""
        variable = f'"$l{next(self._numbers)}"'
        named = [
            self._named(operand, f"{variable}.v{index}_", f"{variable}.r{index}_")
            for index, operand in enumerate(operands)
        ]
        text = build(named)
        fields: list[str] = []
        for operand, name in zip(operands, named, strict=True):
            for part, sql in ((name.sql, operand.sql), (name.raises, operand.raises)):
                if part is None or sql is None or not part.startswith(f"{variable}."):
                    continue
                if text.count(part) > 1:
                    fields.append(f"{part.removeprefix(variable + '.')} := {sql}")
                else:
                    text = text.replace(part, sql)
        if not fields:
            return text
        return (
            f"list_extract(list_transform([struct_pack({', '.join(fields)})], "
            f"lambda {variable}: {text}), 1)"
        )

    @staticmethod
    def _named(operand: Fragment, value_name: str, raises_name: str) -> Fragment:
        """The operand by its names, short parts as they are."""
        sql = value_name if _is_worth_a_name(operand.sql) else operand.sql
        raises = operand.raises
        if raises == is_null(operand.sql):
            raises = is_null(sql)
        elif raises is not None and len(raises) > _LONG:
            raises = raises_name
        return Fragment(sql, raises, operand.logged, operand.nullable)


def _is_worth_a_name(sql: str) -> bool:
    """Whether an operand is long, and a value; lambdas are none."""
    return len(sql) > _LONG and not sql.startswith("lambda ")
