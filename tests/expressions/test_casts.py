"""CAST as Java converts: parsing, texts, narrowing, containers; failing gives NULL."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from tests.expressions.evaluation import evaluate, value_of

_MOMENT = dt.datetime(2020, 2, 29, 12, 30, 45, 678000)  # noqa: DTZ001 — without a zone.


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        (" 1 ", "INT", 1),
        ("+1", "INT", 1),
        ("\uff11", "INT", 1),
        ("1.5", "INT", None),
        ("1e3", "INT", None),
        ("", "INT", None),
        ("99999999999", "INT", None),
        ("99999999999", "BIGINT", 99999999999),
        ("9223372036854775808", "BIGINT", None),
        ("1_000", "INT", None),
        ("1d", "DOUBLE", 1.0),
        (".5", "DOUBLE", 0.5),
        ("1e3", "DOUBLE", 1000.0),
        ("NaN", "DOUBLE", None),
        ("0x1", "DOUBLE", None),
        ("1.555", "DECIMAL(4, 1)", Decimal("1.6")),
        ("2020", "DECIMAL(4, 1)", None),
        ("1e2", "DECIMAL(4, 1)", Decimal("100.0")),
        ("ye", "BOOLEAN", True),
        (" T ", "BOOLEAN", True),
        ("truee", "BOOLEAN", False),
        ("", "BOOLEAN", False),
        ("2020-02", "DATE", dt.date(2020, 2, 1)),
        ("2020-02-30", "DATE", None),
        ("12:30", "TIME", dt.time(12, 30)),
        ("12:30:45.678", "TIME", dt.time(12, 30, 45, 678000)),
        ("24:00", "TIME", None),
        ("2020", "TIMESTAMP", dt.datetime(2020, 1, 1)),  # noqa: DTZ001
        ("2020-02-29T12:30:45.678", "TIMESTAMP", _MOMENT),
        ("2020-02-29T13:30:45.678+0100", "TIMESTAMP", _MOMENT),
        ("2020-02-29T09:00:45.678-03:30", "TIMESTAMP", _MOMENT),
        ("2020-13", "TIMESTAMP", None),
        ("AQI=", "BYTES", b"\x01\x02"),
        ("A", "BYTES", None),
        ("", "BYTES", b""),
    ],
)
def test_text_is_parsed_as_in_java(text: str, target: str, expected: object) -> None:
    found = evaluate(f"CAST(A AS {target})", A=("STRING", text))
    assert found.value == expected
    assert found.failed is (expected is None)
    assert evaluate(f"CAST(A AS {target})", A=("STRING", None)).failed is False


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("BOOLEAN", True, "true"),
        ("INT", -7, "-7"),
        ("DOUBLE", 1.0, "1.0"),
        ("DOUBLE", 1e7, "1.0E7"),
        ("DOUBLE", 9999999.0, "9999999.0"),
        ("DOUBLE", 0.001, "0.001"),
        ("DOUBLE", 0.0001, "1.0E-4"),
        ("DOUBLE", 123456789.0, "1.23456789E8"),
        ("DOUBLE", -0.0, "-0.0"),
        ("DOUBLE", 5e-324, "4.9E-324"),
        ("DOUBLE", 1e-323, "9.9E-324"),
        ("DOUBLE", 2e-323, "2.0E-323"),
        ("DOUBLE", 1e23, "1.0E23"),
        ("DOUBLE", math.nan, "NaN"),
        ("DOUBLE", -math.inf, "-Infinity"),
        ("DECIMAL(6, 2)", Decimal("1.50"), "1.50"),
        ("DECIMAL(2, 2)", Decimal("-0.50"), "-0.50"),
        ("ARRAY<DECIMAL(2, 2)>", [Decimal("0.50")], "[0.50]"),
        ("DATE", dt.date(2020, 2, 29), "2020-02-29"),
        ("TIME", dt.time(12, 30), "12:30"),
        ("TIME", dt.time(12, 30, 5, 999000), "12:30:05"),
        ("TIMESTAMP", _MOMENT, "2020-02-29T12:30:45.678"),
        ("ARRAY<INT>", [1, None], "[1, null]"),
        ("ARRAY<DOUBLE>", [1e10], "[1.0E10]"),
        ("ARRAY<ARRAY<STRING>>", [["a"], [], None], "[[a], [], null]"),
        ("STRUCT<X INT, Y STRING>", {"X": 1, "Y": None}, "Struct{X=1}"),
        ("ARRAY<STRUCT<X DATE, Y TIMESTAMP>>",
         [{"X": dt.date(1970, 1, 2), "Y": dt.datetime(2020, 1, 1)}],  # noqa: DTZ001
         "[Struct{X=1970-01-02,Y=2020-01-01 00:00:00.0}]"),
        ("INT", None, None),
    ],
)  # fmt: skip
def test_values_become_javas_text(kind: str, value: object, expected: object) -> None:
    found = evaluate("CAST(A AS STRING)", A=(kind, value))
    assert (found.value, found.failed) == (expected, False)


@pytest.mark.parametrize(
    ("kind", "value", "target", "expected"),
    [
        ("DOUBLE", 1e20, "INT", 2**31 - 1),
        ("DOUBLE", -1e20, "BIGINT", -(2**63)),
        ("DOUBLE", math.nan, "INT", 0),
        ("DOUBLE", -1.9, "INT", -1),
        ("BIGINT", 5000000000, "INT", 705032704),
        ("BIGINT", -(2**63), "INT", 0),
        ("DECIMAL(38, 20)", Decimal("123456789012345678.12345678901234567890"), "INT", -1506741426),
        ("DECIMAL(6, 2)", Decimal("-1.55"), "BIGINT", -1),
        ("DECIMAL(6, 2)", Decimal("-1.55"), "DECIMAL(4, 1)", Decimal("-1.6")),
        ("DECIMAL(6, 2)", Decimal("9999.99"), "DECIMAL(4, 1)", None),
        ("DOUBLE", 2.555, "DECIMAL(4, 2)", Decimal("2.56")),
        ("DOUBLE", 1e-5, "DECIMAL(6, 5)", Decimal("0.00001")),
        ("DOUBLE", math.inf, "DECIMAL(4, 1)", None),
        ("INT", 2**31 - 1, "DECIMAL(4, 1)", None),
        ("DECIMAL(38, 20)", Decimal("0.1"), "DOUBLE", 0.1),
        ("DECIMAL(4, 2)", Decimal("1.50"), "DECIMAL(42, 5)", "1.50000"),
        ("TIMESTAMP", _MOMENT, "DATE", dt.date(2020, 2, 29)),
        ("TIMESTAMP", _MOMENT, "TIME", dt.time(12, 30, 45, 678000)),
        ("DATE", dt.date(2020, 2, 29), "TIMESTAMP", dt.datetime(2020, 2, 29)),  # noqa: DTZ001
        ("ARRAY<STRING>", ["1", "2"], "ARRAY<INT>", [1, 2]),
        ("ARRAY<STRING>", ["1", "x"], "ARRAY<INT>", None),
        ("ARRAY<DOUBLE>", [1.5, None], "ARRAY<INT>", [1, None]),
        ("STRUCT<X INT, Y STRING>", {"X": 1, "Y": "q"}, "STRUCT<Y STRING, Z INT>",
         {"Y": "q", "Z": None}),
    ],
)  # fmt: skip
def test_numbers_times_and_containers(
    kind: str, value: object, target: str, expected: object
) -> None:
    found = evaluate(f"CAST(A AS {target})", A=(kind, value))
    assert (found.value, found.failed) == (expected, expected is None)


def test_maps_are_cast_by_entry() -> None:
    found = value_of("CAST(MAP('a' := A) AS MAP<STRING, STRING>)", A=("DOUBLE", 1.5))
    assert found == {"a": "1.5"}
    assert value_of("CAST(MAP('a' := A) AS STRING)", A=("INT", None)) == "{a=null}"


def test_cast_catches_what_its_operand_raises() -> None:
    found = evaluate("CAST(1 / A AS STRING)", A=("INT", 0))
    assert (found.value, found.failed) == (None, True)
    found = evaluate("CAST(A AS INT) = 1", A=("STRING", "x"))
    assert (found.value, found.failed) == (False, True)
