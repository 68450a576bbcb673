"""Constructors, subscripts, fields, and where an inner failure stops."""

from __future__ import annotations

import pytest

from merganser.engine.execution.expressions.compile import compile_expression, compile_predicate
from tests.expressions.evaluation import bind, evaluate, value_of


@pytest.mark.parametrize(
    ("index", "expected"), [(1, 1), (3, 3), (-1, 3), (0, None), (4, None), (-4, None)]
)
def test_arrays_count_from_one_or_from_the_end(index: int, expected: object) -> None:
    assert value_of("A[B]", A=("ARRAY<INT>", [1, 2, 3]), B=("INT", index)) == expected


def test_null_index_fails() -> None:
    assert evaluate("A[B]", A=("ARRAY<INT>", [1]), B=("INT", None)).failed


def test_maps_give_null_for_other_keys() -> None:
    assert value_of("MAP('a' := 1)[A]", A=("STRING", "a")) == 1
    assert value_of("MAP('a' := 1)[A]", A=("STRING", "A")) is None
    assert value_of("MAP('a' := 1)[A]", A=("INT", 1)) is None


def test_null_key_of_a_map_is_the_text_null() -> None:
    assert value_of("MAP(A := 1)", A=("STRING", None)) == {"null": 1}


def test_fields() -> None:
    columns = {"A": ("STRUCT<X INT, `y` STRING>", {"X": 1, "y$1": "q"})}
    assert value_of("A->X", **columns) == 1
    assert value_of("A->`y`", **columns) == "q"
    assert value_of("A->X + 1", A=("STRUCT<X INT>", {"X": 1})) == 2
    assert value_of("A->X", A=("STRUCT<X INT>", None)) is None


@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        ("ARRAY[1, NULL, 2]", [1, None, 2], "ARRAY<INTEGER>"),
        ("ARRAY[NULL, 10, '2e1']", [None, 10, 20], "ARRAY<DECIMAL(10, 0)>"),
        ("ARRAY['a', 1, TRUE, 10.30]", ["a", "1", "true", "10.30"], "ARRAY<STRING>"),
        ("ARRAY[1, 5000000000]", [1, 5000000000], "ARRAY<BIGINT>"),
        ("MAP('a' := TRUE, 10 := 'no')", {"a": True, "10": False}, "MAP<STRING, BOOLEAN>"),
        ("STRUCT(X := 1, `y` := 'a')", {"X": 1, "y": "a"}, "STRUCT<`X` INTEGER, `y` STRING>"),
        (
            "ARRAY[STRUCT(X := 1), STRUCT(Y := 'a', X := 2)]",
            [{"X": 1, "Y": None}, {"X": 2, "Y": "a"}],
            "ARRAY<STRUCT<`X` INTEGER, `Y` STRING>>",
        ),
    ],
)
def test_constructors_find_a_common_type(text: str, expected: object, kind: str) -> None:
    found = evaluate(text)
    assert (found.value, found.type.sql()) == (expected, kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARRAY[1 / A, 2]", [None, 2]),
        ("STRUCT(X := 1 / A)", {"X": None}),
        ("MAP('a' := 1 / A)", {"a": None}),
        ("COALESCE(1 / A, 7)", 7),
        ("CONCAT('a', CAST(1 / A AS STRING))", "a"),
    ],
)
def test_inner_failures_give_null_and_are_told(text: str, expected: object) -> None:
    found = evaluate(text, A=("INT", 0))
    assert (found.value, found.failed) == (expected, True)
    assert evaluate(text, A=("INT", 1)).failed is False


def test_lambdas_see_columns_and_each_other() -> None:
    nested = ("ARRAY<ARRAY<INT>>", [[1, 2], [3]])
    assert value_of("TRANSFORM(A, r => TRANSFORM(r, c => c + B))", A=nested, B=("INT", 10)) == [
        [11, 12],
        [13],
    ]
    assert value_of("FILTER(A, r => ARRAY_CONTAINS(r, B))", A=nested, B=("INT", 3)) == [[3]]
    counts = "TRANSFORM(MAP('a' := B), (k, v) => CONCAT(k, '!'), (k, v) => v + 1)"
    assert value_of(counts, B=("INT", 1)) == {"a!": 2}
    assert value_of("REDUCE(MAP('a' := B), 0, (s, k, v) => s + v)", B=("INT", 5)) == 5


def test_maps_are_folded_in_the_order_of_javas_hashes() -> None:
    text = "REDUCE(MAP('nope' := A, 'sure, yeah' := 1, 'yes, thanks' := 1), '', (s, k, v) => s + k)"
    assert value_of(text, A=("INT", 1)) == "sure, yeahyes, thanksnope"


def test_failing_lambda_bodies() -> None:
    found = evaluate("TRANSFORM(A, e => 1 / e)", A=("ARRAY<INT>", [1, 0]))
    assert (found.value, found.failed) == (None, True)
    found = evaluate("TRANSFORM(A, e => CAST(e AS INT))", A=("ARRAY<STRING>", ["1", "x"]))
    assert (found.value, found.failed) == ([1, None], True)


def test_nested_calls_do_not_repeat_their_arguments_without_end() -> None:
    text = "S"
    for _ in range(8):
        text = f"LPAD(UCASE(TRIM(SUBSTRING({text}, 1, LEN(S)))), INSTR(S, 'a') + 2, 'x')"
    sql = compile_expression(bind(text, S="STRING"))
    assert len(sql.sql) < 40_000
    assert value_of(text, S=("STRING", "b a")) == value_of(text, S=("STRING", "B a"))
    chain = " AND ".join(f"A + {number} > 0" for number in range(30))
    assert len(compile_predicate(bind(chain, A="INT")).sql) < 20_000
    assert value_of(chain, A=("INT", 1)) is True
    assert evaluate(chain, A=("INT", None)).failed
