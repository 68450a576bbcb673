"""What a function is: signatures, how DuckDB computes it, and examples that are tests.

To add a scalar function, make one entry in a family module under `scalar/`:

    SCALARS.add("MD5", ScalarFunction(
        scalar("(STRING) -> STRING", "md5({0})"),
        doc="Hex MD5 digest of the UTF-8 bytes of a string.",
        category="STRING",
        examples={"MD5('r1')": "7c92cf1eee8d99cc85f8355a3d6e4b86", "MD5(NULL)": None}))

An overload is computed by a DuckDB template (`{0}`, `{1}` … are the arguments' SQL, `{args}` all
of them), by a callable that makes the SQL from a `CallSite`, or by a Python function a row (see
`merganser.engine.functions.python_function`). Three questions are answered for each:

1. A NULL argument. `Nulls.NATURAL`: the SQL gives NULL by itself; `RETURN`: it would not, so the
   compiler guards it; `PASS`: the function gives NULL a meaning.
2. A primitive parameter (`INT!` in the signature): NULL there raises. The compiler does that.
3. Whether a call can raise otherwise: `fails`, a template of a predicate that is TRUE for such
   calls and never NULL; `{result}` is the SQL of the call. The SQL itself must give NULL there.

Source: parity/functions.md.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol, TypeVar

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression
from merganser.engine.functions.in_force import in_force
from merganser.engine.functions.signature import Signature, parse_signature
from merganser.engine.registry import Registry
from merganser.engine.types import SqlType
from merganser.errors import TypeMismatchError


class Nulls(Enum):
    """What a scalar function does with a NULL argument."""

    NATURAL = auto()
    RETURN = auto()
    PASS = auto()


@dataclass(frozen=True, slots=True)
class CallSite:
    """One call, as the SQL of a function is made for it.

    Attributes:
        sql: The arguments as DuckDB SQL; a lambda is `lambda x: …`.
        types: Their SQL types, after implicit conversion; a lambda's is its result's.
        literals: The value of each argument that is a literal, None for all others.
        returns: The type of the call.
        body_raises: For each lambda argument a lambda of the same parameters that tells whether
            its body raises, where it can; None for the others.
    """

    sql: tuple[str, ...]
    types: tuple[SqlType, ...]
    literals: tuple[object, ...]
    returns: SqlType
    body_raises: tuple[str | None, ...] = ()


ResultType = Callable[[tuple[SqlType, ...], tuple[object, ...]], SqlType]
"""The type of a call by its arguments' types and literal values. May raise TypeMismatchError."""

CallSql = str | Callable[[CallSite], str]


class FailureCount(Protocol):
    """How many calls of a function have raised; it never falls."""

    @property
    def count(self) -> int:
        """The number since the process began."""
        ...


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a scalar or table function and how it is computed.

    Attributes:
        duckdb: Template or maker of the SQL.
        nulls: Question 1 above.
        fails: Question 3 above; None if a call cannot raise.
        result: Computes the result type where the signature cannot say it (DECIMAL, maps).
        volatile: Gives another value at each call, so DuckDB's TRY refuses it.
        last: Gives way to an overload that fits equally well.
        failures: Counts the calls that raised, where the function does so itself: `fails` need be
            asked only if that has grown.
        reason: SQL of a text that tells why a call raises, NULL if it does not.
    """

    signature: Signature
    duckdb: CallSql
    nulls: Nulls = Nulls.NATURAL
    fails: CallSql | None = None
    result: ResultType | None = None
    volatile: bool = False
    last: bool = False
    failures: FailureCount | None = None
    reason: CallSql | None = None

    def sql(self, site: CallSite) -> str:
        """The call as DuckDB SQL, without the guards of the compiler."""
        return fill(self.duckdb, site)

    def fails_sql(self, site: CallSite, result: str) -> str | None:
        """The predicate that tells raising calls; `result` is the SQL of the call."""
        if self.fails is None:
            return None
        return fill(self.fails, site).replace("{result}", result)


_HOLE = re.compile(r"\{(\d+|args|type|given)\}")


def fill(template: CallSql, site: CallSite) -> str:
    """A template with the arguments put in; `{result}` stays for the caller.

    `{given}` is the predicate that no argument is NULL, `{type}` the DuckDB type of the result.
    """
    if not isinstance(template, str):
        return template(site)

    def put(hole: re.Match[str]) -> str:
        match hole.group(1):
            case "args":
                return ", ".join(site.sql)
            case "type":
                return physical_type(site.returns)
            case "given":
                return "(" + " AND ".join(f"({sql}) IS NOT NULL" for sql in site.sql) + ")"
            case index if int(index) < len(site.sql):
                return f"({site.sql[int(index)]})"
            case _:
                return hole.group(0)  # Braces of something else, such as a regular expression.

    return _HOLE.sub(put, template)


RAISES_IF_NULL = "({given} AND ({result}) IS NULL)"
"""`fails` of a function that gives NULL for given arguments only where it raises."""


def scalar(
    signature: str,
    duckdb: CallSql,
    *,
    nulls: Nulls = Nulls.NATURAL,
    fails: CallSql | None = None,
    result: ResultType | None = None,
) -> Overload:
    """An overload by the text of its signature."""
    return Overload(parse_signature(signature), duckdb, nulls, fails, result)


def volatile(overload: Overload) -> Overload:
    """The same, giving another value at each call."""
    return replace(overload, volatile=True)


def last(overload: Overload) -> Overload:
    """The same, giving way to an overload that fits equally well."""
    return replace(overload, last=True)


@dataclass(frozen=True, slots=True, init=False)
class ScalarFunction:
    """A scalar function: its overloads in order of preference, documentation and examples.

    Attributes:
        examples: SQL of a call → its value (a Python value); one of them has a NULL argument.
    """

    overloads: tuple[Overload, ...]
    doc: str
    category: str
    examples: Mapping[str, object] = field(hash=False)

    def __init__(
        self, *overloads: Overload, doc: str, category: str, examples: Mapping[str, object]
    ) -> None:
        object.__setattr__(self, "overloads", overloads)
        object.__setattr__(self, "doc", doc)
        object.__setattr__(self, "category", category)
        object.__setattr__(self, "examples", examples)


F = TypeVar("F")


def _of_users(kind: type[F]) -> Mapping[str, F]:
    """The functions of one kind that users wrote and that are in force."""
    found = in_force().functions
    return {n: user.entry for n, user in found.items() if isinstance(user.entry, kind)}


SCALARS: Registry[ScalarFunction] = Registry(
    "function", "merganser.engine.functions.scalar", more=lambda: _of_users(ScalarFunction)
)


@dataclass(frozen=True, slots=True, init=False)
class TableFunction:
    """A table function. The SQL of an overload is a list; each element becomes a row.

    A NULL or empty list gives no rows. The result type of an overload is one row's.

    Attributes:
        examples: SQL of a call → its rows.
    """

    overloads: tuple[Overload, ...]
    doc: str
    examples: Mapping[str, Sequence[object]] = field(hash=False)
    category: str = "TABLE"

    def __init__(
        self, *overloads: Overload, doc: str, examples: Mapping[str, Sequence[object]]
    ) -> None:
        object.__setattr__(self, "overloads", overloads)
        object.__setattr__(self, "doc", doc)
        object.__setattr__(self, "category", "TABLE")
        object.__setattr__(self, "examples", examples)


TABLES: Registry[TableFunction] = Registry(
    "table function", "merganser.engine.functions.table", more=lambda: _of_users(TableFunction)
)


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A call that raised, and the record that it was for where that is known."""

    reason: str
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Accumulator:
    """How one aggregate call is kept, as DuckDB SQL.

    The state of a group is one DuckDB value. A batch's rows of a group become a state by
    `partial`; states are combined by `merge`, older rows first. So any cut gives one result.

    Attributes:
        returns: SQL type of the result.
        state: DuckDB type of the state.
        partial: Aggregate expression over the rows of a group in one batch. `{0}`, `{1}`, … are
            the arguments; `"$seq"` orders the rows, so `list({0} ORDER BY "$seq")`.
        merge: Expression over `{old}` and `{new}`, two states, neither NULL.
        final: Expression over `{state}`: the result.
        empty: The state of no rows.
        undo: Expression over `{old}` and `{new}`: the state without the rows of `new`, for
            aggregates over tables. None: only over streams.
        combine: As `merge`, for states whose rows came in any order (of sessions that a row brings
            together); None: as `merge`.
        exchange: Expression over `{old}`, `{gone}` and `{new}`: the state without the rows of
            `gone` and then with those of `new`; a row may be in both. Only where it is not the
            same to merge first and undo then.
        undo_partial: What `undo` is given as `new`, in place of `partial`.
        failures: Takes the failures of its rows since the last time, in the thread that calls.
    """

    returns: SqlType
    state: str
    partial: str
    merge: str
    final: str
    empty: str
    undo: str | None = None
    undo_partial: str | None = None
    combine: str | None = None
    exchange: str | None = None
    failures: Callable[[], Sequence[CallFailure]] | None = None


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """An aggregate function.

    Attributes:
        signatures: For DESCRIBE FUNCTION, such as `(INT) -> INT`.
        bind: The accumulator for typed arguments (literal ones are `Literal`); raises
            TypeMismatchError if no signature fits. No implicit widening.
        examples: Calls on types (`TOPK(INT, 2)`), rows of the arguments that are types, and the
            result; tests check them in several cuts.
        limit_property: The property that bounds the result, if there is one.
        bind_limited: As `bind`, with that bound.
    """

    signatures: tuple[str, ...]
    bind: Callable[[Sequence[Expression]], Accumulator]
    doc: str
    category: str = "AGGREGATE"
    examples: tuple[tuple[str, tuple[tuple[object, ...], ...], object], ...] = ()
    limit_property: str | None = None
    bind_limited: Callable[[Sequence[Expression], int | None], Accumulator] | None = None

    def accumulator(
        self, arguments: Sequence[Expression], properties: Mapping[str, object]
    ) -> Accumulator:
        """The accumulator for a query with these properties. A negative limit is none."""
        given = properties.get(self.limit_property) if self.limit_property is not None else None
        if self.bind_limited is None or given is None:
            return self.bind(arguments)
        limit = int(str(given))
        return self.bind_limited(arguments, limit if limit >= 0 else None)


def _of_back_end() -> Mapping[str, AggregateFunction]:
    """DuckDB's own aggregates, whose module needs this one."""
    module = importlib.import_module("merganser.engine.functions.duckdb_aggregates")
    found: Mapping[str, AggregateFunction] = module.duckdb_aggregates()
    return found


AGGREGATES: Registry[AggregateFunction] = Registry(
    "aggregate function",
    "merganser.engine.functions.aggregate",
    more=lambda: {**_of_back_end(), **_of_users(AggregateFunction)},
)


def single_type(name: str, arguments: Sequence[Expression]) -> SqlType:
    """The type of the only argument of an aggregate.

    Raises:
        TypeMismatchError: There are more or less, or it is a NULL literal.
    """
    if len(arguments) != 1 or arguments[0].result_type == types.NULL:
        raise refuse(name, arguments, ())
    return arguments[0].result_type


def refuse(
    name: str, arguments: Sequence[Expression], signatures: Sequence[str]
) -> TypeMismatchError:
    """The error of an aggregate whose signatures do not fit the arguments."""
    found = ", ".join(str(argument.result_type) for argument in arguments)
    alternatives = ", ".join(f"{name}{signature}" for signature in signatures)
    return TypeMismatchError(
        f"function {name} does not accept parameters ({found})",
        detail=f"Valid alternatives are: {alternatives}" if alternatives else None,
    )
