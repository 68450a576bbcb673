"""What the binder refuses, and how it says so; which types and overloads it chooses."""

from __future__ import annotations

import pytest

from merganser.engine import types
from merganser.engine.expression import Cast, Literal
from merganser.engine.plan.coercion import assign
from merganser.errors import NameTakenError, TypeMismatchError, UnknownNameError, UserError
from tests.expressions.evaluation import bind, type_of

_COLUMNS = {
    "I": "INT",
    "L": "BIGINT",
    "D": "DOUBLE",
    "N": "DECIMAL(4, 2)",
    "S": "STRING",
    "B": "BOOLEAN",
    "RAW": "BYTES",
    "T": "TIMESTAMP",
    "AI": "ARRAY<INT>",
    "M": "MAP<STRING, INT>",
    "ST": "STRUCT<X INT>",
}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("NOPE", UnknownNameError, "NOPE"),
        ("LENN(S)", UnknownNameError, "function LENN does not exist"),
        ("CAST(S AS NOPE)", UnknownNameError, "NOPE"),
        ("ST->Y", UnknownNameError, "Y"),
        ("I = S", TypeMismatchError, "operator = cannot compare `I` (INTEGER) with `S` (STRING)"),
        ("I = NULL", TypeMismatchError, "comparison with NULL"),
        ("B < TRUE", TypeMismatchError, "operator <"),
        ("AI > AI", TypeMismatchError, "operator >"),
        ("I + S", TypeMismatchError, "operator +"),
        ("S - S", TypeMismatchError, "operator -"),
        ("-S", TypeMismatchError, "cannot negate STRING"),
        ("I AND B", TypeMismatchError, "AND needs BOOLEAN"),
        ("NOT I", TypeMismatchError, "NOT needs BOOLEAN"),
        ("S LIKE I", TypeMismatchError, "LIKE needs STRING"),
        ("S LIKE 'a' ESCAPE 'ab'", UserError, ""),
        ("CASE WHEN B THEN 1 ELSE 'a' END", TypeMismatchError, "different types"),
        ("CASE WHEN B THEN NULL END", TypeMismatchError, "all results of CASE are NULL"),
        ("CAST(AI AS INT)", TypeMismatchError, "not supported"),
        ("CAST(RAW AS STRING)", TypeMismatchError, "not supported"),
        ("AI['a']", TypeMismatchError, "index"),
        ("S[1]", TypeMismatchError, "only ARRAY and MAP"),
        ("S->X", TypeMismatchError, "needs a STRUCT"),
        ("ARRAY[NULL]", TypeMismatchError, "NULLs only"),
        ("ARRAY[1, 'not a number']", TypeMismatchError, "operator does not exist"),
        ("ARRAY[I, S]", TypeMismatchError, "operator does not exist"),
        ("MAP('a' := 1, 'a' := 2)", TypeMismatchError, "twice"),
        ("STRUCT(X := NULL)", TypeMismatchError, "untyped NULL"),
        ("I IN (1, TRUE)", TypeMismatchError, "operator does not exist"),
        ("ABS(NULL)", TypeMismatchError, "ambiguous"),
        ("POWER(I, L)", TypeMismatchError, "ambiguous"),
        ("LEN(I)", TypeMismatchError, "function LEN does not accept parameters (INTEGER)"),
        ("COALESCE(I, L)", TypeMismatchError, "does not accept"),
        ("TRANSFORM(AI, x => x, y => y)", TypeMismatchError, "does not accept"),
        ("REDUCE(AI, 0, (acc, x) => 'a')", TypeMismatchError, "lambda must give INTEGER"),
        ("TRANSFORM(AI, I => I)", NameTakenError, "name of a column"),
        ("TRANSFORM(AI, x => REDUCE(AI, 0, (acc, x) => acc))", NameTakenError, "lambda around it"),
        ("DATEADD(DAY, 1, '2020-01-01')", UnknownNameError, "DAY"),
        ("SUM(SUM(I))", TypeMismatchError, "nested"),
        ("EXPLODE(EXPLODE(AI))", TypeMismatchError, "nested"),
        ("CASE WHEN B THEN EXPLODE(AI) END", TypeMismatchError, "inside CASE"),
        ("9223372036854775808", TypeMismatchError, "too large"),
        ("1E400", TypeMismatchError, "too large"),
        ("ROWTIME > 'yesterday'", TypeMismatchError, "not a timestamp"),
        ("CASE I WHEN 1 THEN 2 END", UserError, "CASE with an operand"),
    ],
)
def test_wrong_expressions_are_refused(text: str, error: type[UserError], message: str) -> None:
    with pytest.raises(error) as caught:
        bind(text, **_COLUMNS)
    assert message in caught.value.message
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("text", "hint"),
    [("LENN(S)", "LEN"), ("DATEADD(DAY, 1, '2020-01-01')", "DAYS"), ("I = S", "casts")],
)
def test_errors_hint_what_to_do(text: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        bind(text, **_COLUMNS)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12", "INTEGER"),
        ("-2147483648", "INTEGER"),
        ("2147483648", "BIGINT"),
        ("1.50", "DECIMAL(3, 2)"),
        ("0.5", "DECIMAL(2, 1)"),
        ("12.", "DECIMAL(2, 0)"),
        ("1E0", "DOUBLE"),
        ("I + L", "BIGINT"),
        ("I + N", "DECIMAL(13, 2)"),
        ("N / I", "DECIMAL(15, 13)"),
        ("N % N", "DECIMAL(4, 2)"),
        ("N + D", "DOUBLE"),
        ("S + S", "STRING"),
        ("S || 'a'", "STRING"),
        ("ABS(N)", "DECIMAL(4, 2)"),
        ("ROUND(N)", "DECIMAL(2, 0)"),
        ("GREATEST(N, 1.255)", "DECIMAL(5, 3)"),
        ("SQRT(N)", "DOUBLE"),
        ("ENTRIES(MAP('a' := N), TRUE)", "ARRAY<STRUCT<`K` STRING, `V` DOUBLE>>"),
        ("TRANSFORM(AI, x => CAST(x AS STRING))", "ARRAY<STRING>"),
        ("COUNT(*)", "BIGINT"),
        ("SUM(*)", "BIGINT"),
        ("TOPK(I, S, 2)", "ARRAY<STRUCT<`sort_col` INTEGER, `col0` STRING>>"),
        ("CASE WHEN B THEN NULL ELSE AI END", "ARRAY<INTEGER>"),
        ("STRUCT()", "STRUCT< >"),
    ],
)
def test_types_of_expressions(text: str, kind: str) -> None:
    assert bind(text, **_COLUMNS).result_type.sql() == kind


@pytest.mark.parametrize(
    ("text", "target", "fits"),
    [
        ("1", "BIGINT", True),
        ("1", "DECIMAL(5, 2)", True),
        ("1.5", "DOUBLE", True),
        ("1.5", "INT", False),
        ("'1'", "INT", False),
        ("1", "STRING", False),
        ("'2020-02-29'", "DATE", True),
        ("'AQI='", "BYTES", True),
        ("ARRAY[1]", "ARRAY<BIGINT>", True),
        ("STRUCT(X := 1)", "STRUCT<X BIGINT, Y STRING>", True),
        ("STRUCT(Z := 1)", "STRUCT<X BIGINT>", False),
        ("NULL", "ARRAY<INT>", True),
    ],
)
def test_values_for_a_column_convert_strictly(text: str, target: str, fits: bool) -> None:
    value, kind = bind(text), type_of(target)
    if fits:
        assert assign(value, kind).result_type == kind
    else:
        with pytest.raises(TypeMismatchError):
            assign(value, kind)


def test_implicit_conversions_are_written_out() -> None:
    converted = assign(bind("I", I="INT"), types.BIGINT)
    assert isinstance(converted, Cast)
    assert converted.implicit
    assert assign(bind("NULL"), types.BIGINT) == Literal(None, types.BIGINT)
