"""Generated expressions give what a row-by-row evaluator in plain Python gives."""

from __future__ import annotations

import pyarrow as pa
import pytest

from merganser.engine.execution.expressions.compile import compile_expression
from tests.expressions.evaluation import Column, bind, duck, value_of
from tests.expressions.fuzz.check import differences, same
from tests.expressions.fuzz.functions import alike
from tests.expressions.fuzz.texts import parsed, text_of

EXPRESSIONS = 400


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_generated_expression_differs(seed: int) -> None:
    found = [str(each) for each in differences(seed, EXPRESSIONS)]
    assert not found, f"seed {seed}:\n" + "\n".join(found)


def test_a_difference_is_seen() -> None:
    assert not same(1, 2)
    assert not same(1, 1.0)
    assert not same(None, 0)
    assert not same([1, None], [1, 2])
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert same(float("nan"), float("nan"))
    assert not alike(0.0, -0.0)
    assert parsed(" 7 ", "INT") == 7
    assert text_of([1, None], "ARRAY<INT>") == "[1, null]"


# ------------------------------------------------------------------ what the fuzz has found


def test_a_text_in_a_struct_that_is_no_number_fails_only_its_row() -> None:
    # DuckDB casts a struct's field for all rows of a batch, also those that CASE keeps out.
    structs = [{"Y": text, "W": 1e300} for text in ("b", "12", None)]
    kind = pa.struct([("Y", pa.string()), ("W", pa.float64())])
    duck().register("$structs", pa.table({"S": pa.array(structs, kind)}))
    for text, expected in (
        ("CAST(S->Y AS INT)", [None, 12, None]),
        ("CAST(S->Y AS DOUBLE)", [None, 12.0, None]),
        ("CAST(S->W AS INT)", [2**31 - 1] * 3),
    ):
        sql = compile_expression(bind(text, S="STRUCT<Y STRING, W DOUBLE>")).sql
        found = duck().rows(f'SELECT {sql} FROM "$structs"')
        assert [value for (value,) in found] == expected
    duck().unregister("$structs")


def test_array_join_takes_the_delimiter_of_a_column() -> None:
    for delimiter, joined in (("-", "a-null-b"), (None, "anullb")):
        text = value_of(
            "ARRAY_JOIN(A, D)", A=("ARRAY<STRING>", ["a", None, "b"]), D=("STRING", delimiter)
        )
        assert text == joined


def test_bytes_order_as_signed_numbers() -> None:
    assert value_of("A < B", A=("BYTES", b"\xff"), B=("BYTES", b"\x01")) is True
    assert value_of("A < B", A=("BYTES", b"\x02"), B=("BYTES", b"\x01")) is False


def test_nan_is_distinct_from_null() -> None:
    nan, null = ("DOUBLE", float("nan")), ("DOUBLE", None)
    assert value_of("A IS DISTINCT FROM B", A=nan, B=null) is True
    assert value_of("A IS NOT DISTINCT FROM B", A=nan, B=null) is False


def test_an_operand_just_long_enough_for_a_name_of_its_failure() -> None:
    text = "(CAST('582.6' AS DECIMAL(4,1)) + J) < (N * O)"
    assert value_of(text, J=("INT", 1), N=("DECIMAL(6,2)", 1), O=("DECIMAL(10,4)", 2)) is False


def test_texts_are_sorted_by_utf16_units() -> None:
    texts = ("ARRAY<STRING>", ["\uffee", None, "😀", "a"])
    assert value_of("ARRAY_SORT(A)", A=texts) == ["a", "😀", "\uffee", None]
    assert value_of("ARRAY_MAX(A)", A=texts) == "\uffee"
    assert value_of("LEAST(A[1], A[2], A[3])", A=texts) == "😀"


def test_nan_is_one_value_to_arrays_whatever_its_sign() -> None:
    nan = ("DOUBLE", float("nan"))
    assert value_of("ARRAY_REMOVE(ARRAY[A, 1E0], (- (A)))", A=nan) == [1.0]


@pytest.mark.parametrize("kind", ["DECIMAL(4,0)", "DECIMAL(20,0)"])
def test_nan_compares_with_any_decimal_alike(kind: str) -> None:
    columns: dict[str, Column] = {"A": (kind, 12), "B": ("DOUBLE", float("nan"))}
    assert value_of("A IS NOT DISTINCT FROM B", **columns) is True
    assert value_of("B IS DISTINCT FROM A", **columns) is False
    assert value_of("A = B", **columns) is False
    assert value_of("A <> B", **columns) is False
