"""What each format writes, to the byte."""

from __future__ import annotations

import pytest

from merganser.engine.schema import Column
from tests.formats.harness import encode, shared_duck
from tests.formats.type_notation import parse_columns, parse_type


def _written(
    name: str, columns: list[Column], values: str, *, wrapped: bool = True, delimiter: str = ","
) -> list[bytes | None]:
    """The payload of one row of SQL values, one for each column."""
    shown = ", ".join(f"{value} AS v{i}" for i, value in enumerate(values.split(" ; ")))
    shared_duck().execute(f"CREATE OR REPLACE TEMP TABLE shown AS SELECT {shown}")
    expressions = {column.name: f"v{i}" for i, column in enumerate(columns)}
    return encode(
        shared_duck(), name, columns, "shown", expressions, wrapped=wrapped, delimiter=delimiter
    )


@pytest.mark.parametrize(
    ("columns", "values", "text"),
    [
        ("A INT, b STRING", "1 ; 'x'", '{"A":1,"b":"x"}'),
        ("A INT, b STRING", "NULL::INT ; NULL::VARCHAR", '{"A":null,"b":null}'),
        ("a INT, A INT", "1 ; 2", '{"a":1,"A":2}'),
        ('a"b\\é INT', "1", '{"a\\"b\\\\é":1}'),
        ("A STRING", r"'é😀/" + '"' + r"\' || chr(1) || chr(10) || chr(31) || chr(127)",
         '{"A":"é😀/\\"\\\\\\u0001\\n\\u001F\x7f"}'),
        ("A BOOLEAN, B BIGINT", "TRUE ; 9223372036854775807", '{"A":true,"B":9223372036854775807}'),
        ("A DECIMAL(5, 2), B DECIMAL(4, 0)", "1.5::DECIMAL(5,2) ; 7::DECIMAL(4,0)",
         '{"A":1.50,"B":7}'),
        ("A DECIMAL(10, 8)", "0.00000001::DECIMAL(10,8)", '{"A":0.00000001}'),
        ("A BYTES", r"'\x01\x02'::BLOB", '{"A":"AQI="}'),
        ("A TIME, B DATE, C TIMESTAMP",
         "TIME '00:00:00.001' ; DATE '1969-12-31' ; TIMESTAMP '1969-12-31 23:59:59.999'",
         '{"A":1,"B":-1,"C":-1}'),
        ("A TIME, B DATE, C TIMESTAMP", "TIME '24:00' ; DATE 'infinity' ; TIMESTAMP 'infinity'",
         '{"A":86400000,"B":2147483647,"C":9223372036854775807}'),
        ("B DATE, C TIMESTAMP", "DATE '-infinity' ; TIMESTAMP '-infinity'",
         '{"B":-2147483648,"C":-9223372036854775808}'),
        ("A ARRAY<INT>", "[1, NULL]", '{"A":[1,null]}'),
        ("A ARRAY<DOUBLE>", "[1e10, NULL, 'NaN'::DOUBLE]", '{"A":[1.0E10,null,"NaN"]}'),
        ("A ARRAY<DOUBLE>", "[]::DOUBLE[]", '{"A":[]}'),
        ("A MAP<STRING, INT>", "MAP {'b': 1, 'a': NULL}", '{"A":{"b":1,"a":null}}'),
        ("A MAP<STRING, DECIMAL(3, 1)>", "MAP {'\"': 1.0::DECIMAL(3,1)}", '{"A":{"\\"":1.0}}'),
        ("A STRUCT<x INT, Y STRING>", "{'x$1': 1, 'Y': NULL::VARCHAR}",
         '{"A":{"x":1,"Y":null}}'),
        ("A STRUCT<x INT, X DOUBLE>", "{'x$1': 1, 'X': 2.5::DOUBLE}", '{"A":{"x":1,"X":2.5}}'),
        ("A STRUCT<D DATE>", "{'D': DATE '1970-01-02'}", '{"A":{"D":1}}'),
        ("A STRUCT<D DATE>", "NULL::STRUCT(D DATE)", '{"A":null}'),
    ],
)  # fmt: skip
def test_json(columns: str, values: str, text: str) -> None:
    assert _written("JSON", parse_columns(columns), values) == [text.encode()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.0", "0.0"),
        ("-0.0", "-0.0"),
        ("1.0", "1.0"),
        ("100.0", "100.0"),
        ("0.001", "0.001"),
        ("0.00099", "9.9E-4"),
        ("9999999.0", "9999999.0"),
        ("1e7", "1.0E7"),
        ("12345678.9", "1.23456789E7"),
        ("1e10", "1.0E10"),
        ("-1.5e-7", "-1.5E-7"),
        ("1e21", "1.0E21"),
        ("1.7976931348623157e308", "1.7976931348623157E308"),
        ("123456789012345680.0", "1.2345678901234568E17"),
    ],
)
def test_doubles_are_spelled_as_java_does(value: str, text: str) -> None:
    columns = parse_columns("A DOUBLE")
    double = f"CAST('{value}' AS DOUBLE)"
    assert _written("JSON", columns, double) == [f'{{"A":{text}}}'.encode()]
    assert _written("JSON", columns, double, wrapped=False) == [text.encode()]
    delimited = f'"{text}"' if text.startswith("-") else text
    assert _written("DELIMITED", columns, double, wrapped=False) == [delimited.encode()]


@pytest.mark.parametrize(
    ("value", "text"), [("NaN", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")]
)
def test_what_is_no_number_is_a_word(value: str, text: str) -> None:
    columns = parse_columns("A DOUBLE, B INT")
    values = f"CAST('{value}' AS DOUBLE) ; 1"
    assert _written("JSON", columns, values) == [f'{{"A":"{text}","B":1}}'.encode()]
    quoted = f'"{text}"' if text.startswith("-") else text
    assert _written("DELIMITED", columns, values, wrapped=False) == [f"{quoted},1".encode()]


@pytest.mark.parametrize(
    ("type_text", "value", "text"),
    [
        ("STRING", "'a'", b'"a"'),
        ("BIGINT", "7::BIGINT", b"7"),
        ("BOOLEAN", "FALSE", b"false"),
        ("ARRAY<STRING>", "['a', NULL]", b'["a",null]'),
        ("STRUCT<X INT>", "{'X': NULL::INT}", b'{"X":null}'),
        ("STRING", "NULL::VARCHAR", None),
    ],
)
def test_a_bare_json_value(type_text: str, value: str, text: bytes | None) -> None:
    columns = [Column("A", parse_type(type_text))]
    assert _written("JSON", columns, value, wrapped=False) == [text]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        # The first field is quoted unless it starts with a letter or a digit of ASCII.
        ("'a' ; 'b'", "a,b"),
        ("'-1' ; '-1'", '"-1",-1'),
        ("'é' ; 'é'", '"é",é'),
        ("'_a' ; '_a'", '"_a",_a'),
        ("'' ; ''", '"",'),
        ("NULL::VARCHAR ; NULL::VARCHAR", ","),
        # Others only if they must be, or start below `$`, or end with a blank.
        ("'a' ; 'a,b'", 'a,"a,b"'),
        ("'a' ; 'q\"q'", 'a,"q""q"'),
        ("'a' ; 'line' || chr(10) || 'break'", 'a,"line\nbreak"'),
        ("'a' ; chr(13)", 'a,"\r"'),
        ("'a' ; ' b'", 'a," b"'),
        ("'a' ; 'b '", 'a,"b "'),
        ("'b ' ; '#'", '"b ","#"'),
        ("'a' ; '!'", 'a,"!"'),
        ("'a' ; '$'", "a,$"),
        ("'a;b' ; 'a;b'", "a;b,a;b"),
    ],
)
def test_delimited_quotes(values: str, text: str) -> None:
    columns = parse_columns("A STRING, B STRING")
    assert _written("DELIMITED", columns, values, wrapped=False) == [text.encode()]


def test_delimited_takes_any_delimiter() -> None:
    columns = parse_columns("A STRING, B INT, C STRING")
    values = "'a|b' ; -1 ; 'x y'"
    for delimiter, text in (
        ("|", '"a|b"|-1|x y'),
        ("SPACE", 'a|b -1 "x y"'),
        ("TAB", "a|b\t-1\tx y"),
        ("-", 'a|b-"-1"-x y'),
        ("é", "a|bé-1éx y"),
    ):
        written = _written("DELIMITED", columns, values, wrapped=False, delimiter=delimiter)
        assert written == [text.encode()]


@pytest.mark.parametrize(
    ("type_text", "value", "payload"),
    [
        ("INT", "-2", b"\xff\xff\xff\xfe"),
        ("BIGINT", "1::BIGINT", b"\0\0\0\0\0\0\0\x01"),
        ("DOUBLE", "1.5::DOUBLE", b"\x3f\xf8\0\0\0\0\0\0"),
        ("STRING", "'é'", "é".encode()),
        ("STRING", "''", b""),
        ("BYTES", r"'\x00\xFF'::BLOB", b"\0\xff"),
        ("INT", "NULL::INT", None),
        ("BYTES", "NULL::BLOB", None),
    ],
)
def test_kafka(type_text: str, value: str, payload: bytes | None) -> None:
    columns = [Column("A", parse_type(type_text))]
    assert _written("KAFKA", columns, value, wrapped=False) == [payload]


def test_none_writes_no_key() -> None:
    shared_duck().execute("CREATE OR REPLACE TEMP TABLE shown AS SELECT 1 AS v0")
    assert encode(shared_duck(), "NONE", [], "shown", wrapped=False) == [None]
