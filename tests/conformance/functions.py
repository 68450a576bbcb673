"""The functions that only ksqlDB's own tests have, for the cases that call them.

They are added to the product's registries in worker processes only, so that no other test sees
them. In a scalar call that raises the column is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.function import (
    AGGREGATES,
    SCALARS,
    TABLES,
    Accumulator,
    AggregateFunction,
    CallSite,
    CallSql,
    Nulls,
    Overload,
    ScalarFunction,
    TableFunction,
    scalar,
)
from merganser.engine.functions.java_text import java_text_sql
from merganser.engine.functions.python_function import python
from merganser.engine.types import (
    BIGINT,
    DOUBLE,
    INTEGER,
    STRING,
    ArrayType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import TypeMismatchError


class _EverySecondCall:
    """Gives NULL at the 1st, 3rd, 5th … call and its argument at the others."""

    def __init__(self) -> None:
        self.call_count = 0

    def __call__(self, value: str | None) -> str | None:
        self.call_count += 1
        return None if self.call_count % 2 else value


_every_second_call = _EverySecondCall()


def reset_calls() -> None:
    """Starts the count of calls anew: each case has its own."""
    _every_second_call.call_count = 0


def register_test_functions() -> None:
    """Adds the functions; before the first look at the registries, and once a process."""
    _register_scalars()
    _register_tables()
    for name, bind in _AGGREGATES.items():
        AGGREGATES.add(name, AggregateFunction((), bind, doc="Only for tests."))


def _passing(signature: str, sql: CallSql) -> Overload:
    return scalar(signature, sql, nulls=Nulls.PASS)


def _register_scalars() -> None:
    def add(name: str, *overloads: Overload) -> None:
        SCALARS.add(
            name, ScalarFunction(*overloads, doc="Only for tests.", category="TEST", examples={})
        )

    add(
        "TEST_UDF",
        _passing("(INT!, STRING) -> STRING", "'doStuffIntString'"),
        _passing("(BIGINT!, STRING) -> STRING", "'doStuffLongString'"),
        _passing("(BIGINT!, BIGINT!, STRING) -> STRING", "'doStuffLongLongString'"),
        _passing("(BIGINT!...) -> STRING", "'doStuffLongVarargs'"),
        scalar("(STRUCT<A STRING>) -> STRING", "struct_extract({0}, 'A')"),
        _passing("() -> STRUCT<A STRING>", "struct_pack(\"A\" := 'foo')"),
    )
    add(
        "BAD_UDF",
        scalar("(INT!) -> STRING", "CAST(NULL AS VARCHAR)", fails="TRUE"),
        scalar(
            "(BOOLEAN!) -> INT",
            "CASE WHEN {0} THEN NULL ELSE 0 END",
            fails="coalesce({0}, FALSE)",
        ),
        python(
            "$test_bad_udf",
            "(STRING) -> STRING",
            _every_second_call,
            nulls=Nulls.PASS,
            raises=False,
        ),
    )
    for name, kind in (("WHENCONDITION", "BOOLEAN"), ("WHENRESULT", "INT")):
        add(
            name,
            scalar(
                f"({kind}!, BOOLEAN!) -> {kind}",
                "CASE WHEN {1} THEN {0} END",
                fails="NOT coalesce({1}, TRUE)",
            ),
        )


_SEVEN = ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "DECIMAL", "STRUCT<A STRING>")


def _texts(site: CallSite) -> str:
    """The seven arguments, or the first value of each array or map, as Java text: a list in SQL."""
    texts = []
    for sql, kind in zip(site.sql, site.types, strict=True):
        match kind:
            case ArrayType(element):
                texts.append(java_text_sql(f"({sql})[1]", element))
            case MapType(_, value):
                texts.append(java_text_sql(f"map_values({sql})[1]", value))
            case _:
                texts.append(java_text_sql(sql, kind))
    return f"[{', '.join(texts)}]"


def _register_tables() -> None:
    def add(name: str, *overloads: Overload) -> None:
        TABLES.add(name, TableFunction(*overloads, doc="Only for tests.", examples={}))

    add(
        "THROWING_UDTF",
        scalar(
            "(BOOLEAN!) -> BOOLEAN",
            "CASE WHEN {0} THEN NULL ELSE [FALSE] END",
            fails="coalesce({0}, FALSE)",
        ),
    )
    letters = "ABCDEFG"  # Seven types, whatever they are: a DECIMAL inside has its own scale.
    arrays = ", ".join(f"ARRAY<{letter}>" for letter in letters)
    maps = ", ".join(f"MAP<{'K' if letter == 'A' else 'STRING'}, {letter}>" for letter in letters)
    add(
        "TEST_UDTF",
        *(scalar(f"({kind}!) -> {kind}", "[{0}]") for kind in ("INT", "BIGINT", "BOOLEAN")),
        *(_passing(f"({kind}) -> {kind}", "[{0}]") for kind in ("DOUBLE", "STRING")),
        _passing("(STRUCT<A STRING>) -> STRUCT<A STRING>", "[{0}]"),
        _passing("(DECIMAL) -> DECIMAL(30, 10)", "[CAST({0} AS DECIMAL(30, 10))]"),
        *(
            _passing(f"({parameters}) -> STRING", _texts)
            for parameters in (", ".join(_SEVEN), arrays, maps)
        ),
    )


# ------------------------------------------------------------------ aggregates


def _types(arguments: Sequence[Expression]) -> list[SqlType]:
    return [argument.result_type for argument in arguments]


def _require(holds: bool, name: str, arguments: Sequence[Expression]) -> None:
    if not holds:
        found = ", ".join(map(str, _types(arguments)))
        raise TypeMismatchError(f"{name} does not accept ({found})")


def _sum(returns: SqlType, term: str, *, start: int = 0, undo: bool = False) -> Accumulator:
    state = physical_type(returns)
    return Accumulator(
        returns=returns,
        state=state,
        partial=f"CAST(coalesce(sum({term}), 0) AS {state})",
        merge="{old} + {new}",
        final=f"{{state}} + {start}" if start else "{state}",
        empty=f"CAST(0 AS {state})",
        undo="{old} - {new}" if undo else None,
    )


def _lengths(first: int, count: int) -> str:
    """The sum of number `{0}` and of the lengths of texts behind it; NULLs count 0."""
    texts = [f"coalesce(length({{{index}}}), 0)" for index in range(first, first + count)]
    return " + ".join(["coalesce({0}, 0)", *texts])


def _test_udaf(arguments: Sequence[Expression]) -> Accumulator:
    match _types(arguments):
        case [kind] if kind in (INTEGER, BIGINT):
            return _sum(BIGINT, "{0}", undo=True)
        case [kind] if kind == DOUBLE:
            return _sum(DOUBLE, "{0}")
        case [kind] if kind == StructType((StructField("A", INTEGER), StructField("B", INTEGER))):
            return _struct_sum(kind)
        case [kind, init] if kind == STRING and init == STRING:
            start = _literal("TEST_UDAF", arguments[1], STRING)
            return _sum(BIGINT, "coalesce(length({0}), 0)", start=len(str(start)))
        case _:
            _require(False, "TEST_UDAF", arguments)
            raise AssertionError


def _struct_sum(kind: SqlType) -> Accumulator:
    state = physical_type(kind)

    def pack(a: str, b: str) -> str:
        return f'CAST(struct_pack("A" := {a}, "B" := {b}) AS {state})'

    return Accumulator(
        returns=kind,
        state=state,
        partial=pack(
            "coalesce(sum(struct_extract({0}, 'A')), 0)",
            "coalesce(sum(struct_extract({0}, 'B')), 0)",
        ),
        merge=pack('{old}."A" + {new}."A"', '{old}."B" + {new}."B"'),
        final="{state}",
        empty=pack("0", "0"),
    )


def _literal(name: str, argument: Expression, kind: SqlType) -> object:
    if not isinstance(argument, Literal) or argument.result_type != kind:
        raise TypeMismatchError(f"{name} needs a literal {kind}, found {argument.result_type}")
    return argument.value


def _var_arg(arguments: Sequence[Expression]) -> Accumulator:
    number, *texts = _types(arguments) or [STRING]
    _require(number in (BIGINT, INTEGER) and set(texts) <= {STRING}, "VAR_ARG", arguments)
    return _sum(BIGINT, _lengths(1, len(texts)))


def _mid_var_arg(arguments: Sequence[Expression]) -> Accumulator:
    _require(len(arguments) >= 3, "MID_VAR_ARG", arguments)
    number, *texts = _types(arguments[:-2])
    _require(number in (BIGINT, INTEGER) and set(texts) <= {STRING}, "MID_VAR_ARG", arguments)
    starts = [_literal("MID_VAR_ARG", argument, INTEGER) for argument in arguments[-2:]]
    return _sum(BIGINT, _lengths(1, len(texts)), start=sum(int(str(value)) for value in starts))


def _with_start(name: str, row_types: Sequence[SqlType]) -> Callable[..., Accumulator]:
    """A sum over fixed columns; a literal number and texts behind them make its start."""

    def bind(arguments: Sequence[Expression]) -> Accumulator:
        count = len(row_types)
        _require(_types(arguments[:count]) == list(row_types), name, arguments)
        _require(len(arguments) > count, name, arguments)
        start = int(str(_literal(name, arguments[count], INTEGER)))
        texts = [_literal(name, argument, STRING) for argument in arguments[count + 1 :]]
        term = _lengths(1, row_types.count(STRING))
        if row_types[-1] == INTEGER:
            term += f" + coalesce({{{count - 1}}}, 0)"
        return _sum(BIGINT, term, start=start + sum(len(str(text)) for text in texts))

    return bind


def _appending(arguments: Sequence[Expression]) -> Accumulator:
    """Appends the first argument of each row in which no argument is NULL."""
    kind = ArrayType(arguments[0].result_type)
    state = physical_type(kind)
    given = " AND ".join(f"{{{index}}} IS NOT NULL" for index in range(len(arguments)))
    return Accumulator(
        returns=kind,
        state=state,
        partial=f'coalesce(list({{0}} ORDER BY "$seq") FILTER (WHERE {given}), '
        f"CAST([] AS {state}))",
        merge="list_concat({old}, {new})",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


def _generic_var_arg(arguments: Sequence[Expression]) -> Accumulator:
    _require(len(arguments) >= 2, "GENERIC_VAR_ARG", arguments)
    _require(len(set(_types(arguments[2:]))) <= 1, "GENERIC_VAR_ARG", arguments)
    return _appending(arguments)


def _obj_col_arg(arguments: Sequence[Expression]) -> Accumulator:
    _require(bool(arguments) and arguments[0].result_type == INTEGER, "OBJ_COL_ARG", arguments)
    return _appending(arguments)


_AGGREGATES: dict[str, Callable[[Sequence[Expression]], Accumulator]] = {
    "TEST_UDAF": _test_udaf,
    "VAR_ARG": _var_arg,
    "MID_VAR_ARG": _mid_var_arg,
    "MULTI_ARG": _with_start("MULTI_ARG", [BIGINT, STRING]),
    "FOUR_ARG": _with_start("FOUR_ARG", [BIGINT, STRING, STRING, STRING]),
    "FIVE_ARG": _with_start("FIVE_ARG", [BIGINT, STRING, STRING, STRING, INTEGER]),
    "GENERIC_VAR_ARG": _generic_var_arg,
    "OBJ_COL_ARG": _obj_col_arg,
}
