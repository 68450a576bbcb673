"""DuckDB's scalar functions by their names: which there are, what they give, what is refused."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from merganser.engine.functions.duckdb_scalars import duckdb_scalars
from merganser.engine.functions.scalar_calls import borrowed_functions, is_known
from merganser.errors import TypeMismatchError, UnknownNameError
from tests.expressions.evaluation import bind, evaluate

KNOWN = Path(__file__).with_name("duckdb_scalars.txt")

VALUES = [
    ("LEVENSHTEIN('duck', 'dock')", "BIGINT", 1),
    ("LOWER('ÄB')", "STRING", "äb"),
    ("`LEFT`('merganser', 3)", "STRING", "mer"),
    ("LIST_SUM(ARRAY[1, 2, 3])", "DECIMAL(38, 0)", Decimal(6)),
    ("SPLIT_PART('a-b-c', '-', 2)", "STRING", "b"),
    ("STRFTIME(CAST('2024-02-03' AS DATE), '%d.%m.%y')", "STRING", "03.02.24"),
    ("NULLIF(1, 1)", "INTEGER", None),
    ("NULLIF(2, NULL)", "INTEGER", 2),
    ("BIT_COUNT(7)", "INTEGER", 3),
    ("TO_JSON(ARRAY[1])", "STRING", "[1]"),
    ("JSON_TYPE('{\"a\": 1}')", "STRING", "OBJECT"),
    ("SHA256('a')", "STRING", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    (
        "TIME_BUCKET('5 minutes', CAST('2024-01-01T00:07:00' AS TIMESTAMP))",
        "TIMESTAMP",
        datetime(2024, 1, 1, 0, 5),  # noqa: DTZ001 (a TIMESTAMP has no zone)
    ),
    ("LEVENSHTEIN(CAST(NULL AS STRING), 'a')", "BIGINT", None),
    ("UPPER(LOWER(TRIM(' a ')))", "STRING", "A"),
]


@pytest.mark.parametrize(("text", "kind", "expected"), VALUES)
def test_value_and_type_are_duckdbs(text: str, kind: str, expected: object) -> None:
    result = evaluate(text)
    assert not result.failed
    assert result.type.sql() == kind
    assert result.value == expected


def test_a_call_that_raises_gives_null_and_is_told() -> None:
    row = {"D": ("STRING", "no date")}
    result = evaluate("STRPTIME(D, '%Y-%m-%d')", **row)
    assert (result.value, result.failed) == (None, True)
    good = evaluate("STRPTIME(D, '%Y-%m-%d')", D=("STRING", "2024-02-03"))
    assert (good.failed, good.type.sql()) == (False, "TIMESTAMP")


def test_null_of_a_function_is_no_failure() -> None:
    result = evaluate("TRY_STRPTIME(D, '%Y-%m-%d')", D=("STRING", "no date"))
    assert (result.value, result.failed) == (None, False)


def test_lists_and_structs_come_back_as_the_languages() -> None:
    assert evaluate("MAP_ENTRIES(M)[1]->KEY", M=("MAP<STRING, INT>", {"a": 7})).value == "a"
    kept = evaluate("LIST_REVERSE(A)[1]->`low`", A=("ARRAY<STRUCT<`low` INT>>", [{"low$7": 5}]))
    assert kept.value == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LEVENSHTEIN('a')", "does not accept parameters \\(STRING\\)"),
        ("LEVENSHTEIN(ARRAY[1], 'a')", "does not accept parameters"),
        ("UPPER(UUID())", "takes no value that is another one at each call"),
        ("LIST_UNIQUE(ARRAY[1], x => x)", "takes no lambdas"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TypeMismatchError, match=message) as caught:
        bind(text)
    assert caught.value.span is not None


REFUSED = """NOW TODAY CURRENT_LOCALTIME AGE AGO CURRENT_DATE GET_CURRENT_TIME UUIDV7
    GEN_RANDOM_UUID SETSEED LIST_AGGREGATE CURRENT_SETTING GETENV GETVARIABLE VERSION STATS
    CURRENT_DATABASE READ_TEXT READ_BLOB READ_CSV GLOB PARQUET_SCAN SNIFF_CSV QUERY NEXTVAL CURRVAL
    SETVAL TXID_CURRENT WRITE_LOG SLEEP_MS PG_SLEEP ERROR JSON_SERIALIZE_SQL JSON_SERIALIZE_PLAN
    JSON_EXECUTE_SERIALIZED_SQL PG_GET_VIEWDEF HAS_TABLE_PRIVILEGE COL_DESCRIPTION
    WAVG LIST_TRANSFORM TO_DAYS NO_SUCH_FUNCTION"""
"""Clock, chance, settings, files, catalogue, side effects, SQL inside SQL, lambdas."""


@pytest.mark.parametrize("name", REFUSED.split())
def test_nothing_but_pure_functions_can_be_called(name: str) -> None:
    assert name not in duckdb_scalars()
    with pytest.raises(UnknownNameError, match=f"function {name} does not exist"):
        bind(f"`{name}`('a')")


def test_the_list_is_the_one_that_was_read_through() -> None:
    """A new DuckDB may bring functions that are not pure: read them, then list them here."""
    names = list(duckdb_scalars())
    known = KNOWN.read_text(encoding="utf-8").split()
    assert sorted(set(names) - set(known)) == []
    assert len(known) > 300


def test_functions_of_the_language_go_first() -> None:
    assert {"LPAD", "REPLACE", "CONCAT_WS", "MD5"} <= set(duckdb_scalars())
    assert not any(map(is_known, borrowed_functions()))
