"""What a format writes, it reads back: every type, NULL, nesting, as key and as value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.exact import arrow_schema
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.schema import Column, Role
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from tests.formats.harness import decode, decode_in_sql, encode, make_decoder, shared_duck

SCALARS: dict[SqlType, Sequence[object]] = {
    BOOLEAN: [True, False],
    INTEGER: [0, 1, -1, 2**31 - 1, -(2**31)],
    BIGINT: [0, 7, -(2**63), 2**63 - 1, 2**53 + 1],
    DOUBLE: [0.0, 1.0, -1.5, 1e7, 123456789.125, 1e-3, 9.99e-4, 1e300, 5e-324, 0.1, math.inf],
    STRING: ["a", " ", "é😀", 'q"q', "a,b", "line\nbreak\r\t\x01\\", "null", "12", "[1]", "true"],
    BYTES: [b"\x00\xff", b"abc"],
    TIME: [0, 1_000, 86_399_999_000, 86_400_000_000],
    DATE: [0, -1, 18_321, 2_000_000_001],
    TIMESTAMP: [0, -1_000, 1_582_934_399_999_000, 2**63 - 1],
    DecimalType(7, 3): [Decimal("1.500"), Decimal("-1234.567"), Decimal("0.000")],
    DecimalType(38, 10): [Decimal("1234567890123456789012345678.0123456789")],
}
STRUCT = StructType((StructField("X", INTEGER), StructField("y", STRING), StructField("x", DOUBLE)))
NESTED: dict[SqlType, Sequence[object]] = {
    ArrayType(INTEGER): [[1, None, -2], []],
    ArrayType(DecimalType(5, 2)): [[Decimal("1.50"), None]],
    ArrayType(ArrayType(STRING)): [[["a", ""], [], None]],
    MapType(STRING, DOUBLE): [[("a", 1e10), ("", None), ('q"', -0.5)], []],
    MapType(STRING, STRUCT): [[("k", {"X": 1, "y$1": "a", "x$1": 1e-5})]],
    STRUCT: [{"X": 1, "y$1": "a", "x$1": 2.5}, {"X": None, "y$1": None, "x$1": None}],
    ArrayType(StructType((StructField("D", DATE), StructField("T", TIME)))): [
        [{"D": 1, "T": 2_000}, None]
    ],
    StructType((StructField("S", StructType((StructField("B", BYTES),))),)): [
        {"S": {"B": b"\x01"}},
        {"S": None},
    ],
}
KAFKA_TYPES = (INTEGER, BIGINT, DOUBLE, STRING, BYTES)
SUPPORTED = [
    *(("JSON", sql_type, values) for sql_type, values in {**SCALARS, **NESTED}.items()),
    *(("MSGPACK", sql_type, values) for sql_type, values in {**SCALARS, **NESTED}.items()),
    *(("DELIMITED", sql_type, values) for sql_type, values in SCALARS.items()),
    *(("KAFKA", sql_type, SCALARS[sql_type]) for sql_type in KAFKA_TYPES),
]


def _holds_map(sql_type: SqlType) -> bool:
    return "MAP<" in sql_type.sql()


def _load(duck: Duck, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Makes values, as Arrow takes them, the table `origin`."""
    schema = arrow_schema(duck, columns)
    arrays = [
        pa.array([row[index] for row in rows], type=field.type)
        for index, field in enumerate(schema)
    ]
    duck.register("arrow_origin", pa.Table.from_arrays(arrays, schema=schema))
    duck.execute("CREATE OR REPLACE TEMP TABLE origin AS SELECT * FROM arrow_origin")


def _spelled(duck: Duck, columns: Sequence[Column]) -> list[tuple[object, ...]]:
    casts = ", ".join(f"CAST({identifier(column.name)} AS VARCHAR)" for column in columns)
    return duck.rows(f"SELECT {casts} FROM origin")


@pytest.mark.parametrize("is_key", [False, True], ids=["value", "key"])
@pytest.mark.parametrize(("name", "sql_type", "values"), SUPPORTED, ids=lambda item: str(item)[:40])
def test_a_single_column_comes_back(
    name: str,
    sql_type: SqlType,
    values: Sequence[object],
    is_key: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_key and _holds_map(sql_type):
        pytest.skip("keys hold no maps")
    columns = [Column("A", sql_type, Role.KEY if is_key else Role.VALUE)]
    duck = shared_duck()
    _load(duck, columns, [(value,) for value in values])
    expected = _spelled(duck, columns)
    for wrapped in (False, True) if FORMATS[name].wraps else (False,):
        payloads = encode(duck, name, columns, "origin", wrapped=wrapped)
        decoder = make_decoder(name, columns, wrapped=wrapped, is_key=is_key)
        assert decode(duck, decoder, payloads) == expected
        assert decode_in_sql(monkeypatch, duck, decoder, payloads * 2) == expected * 2


@pytest.mark.parametrize("name", ["JSON", "DELIMITED"])
def test_all_columns_come_back_with_nulls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    types = {**SCALARS, **NESTED} if name == "JSON" else SCALARS
    columns = [Column(f"C{index}", sql_type) for index, sql_type in enumerate(types)]
    samples = list(types.values())
    rows: list[list[object]] = [
        [values[turn % len(values)] for values in samples] for turn in range(12)
    ]
    rows += [[None if index == turn else row for index, row in enumerate(rows[0])]
             for turn in range(len(columns))]  # fmt: skip
    rows.append([None] * len(columns))
    duck = shared_duck()
    _load(duck, columns, rows)
    payloads = encode(duck, name, columns, "origin")
    decoder = make_decoder(name, columns)
    assert decode(duck, decoder, payloads) == _spelled(duck, columns)
    assert decode_in_sql(monkeypatch, duck, decoder, payloads) == _spelled(duck, columns)


def test_several_key_columns_come_back() -> None:
    columns = [Column("A", INTEGER, Role.KEY), Column("b", STRING, Role.KEY)]
    duck = shared_duck()
    _load(duck, columns, [(1, "x"), (None, "y"), (2, None)])
    for name in ("JSON", "DELIMITED"):
        payloads = encode(duck, name, columns, "origin", wrapped=False)
        decoder = make_decoder(name, columns, wrapped=False, is_key=True)
        assert decode(duck, decoder, payloads) == [("1", "x"), (None, "y"), ("2", None)]


@pytest.mark.parametrize("name", ["JSON", "KAFKA"])
def test_a_bare_null_is_a_null_record(name: str) -> None:
    duck = shared_duck()
    columns = [Column("A", BIGINT)]
    _load(duck, columns, [(None,), (1,)])
    assert encode(duck, name, columns, "origin", wrapped=False)[0] is None


def _types() -> st.SearchStrategy[SqlType]:
    scalars = st.sampled_from(list(SCALARS))
    names = st.text("abAB é\"\\$'", min_size=1, max_size=4)

    def inside(inner: st.SearchStrategy[SqlType]) -> st.SearchStrategy[SqlType]:
        fields = st.lists(st.tuples(names, inner), min_size=1, max_size=3, unique_by=lambda f: f[0])
        return (
            inner.map(ArrayType)
            | inner.map(lambda value: MapType(STRING, value))
            | fields.map(lambda found: StructType(tuple(StructField(*field) for field in found)))
        )

    return st.recursive(scalars, inside, max_leaves=4)


_WHOLE_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
_LEAVES: dict[SqlType, st.SearchStrategy[object]] = {
    BOOLEAN: st.booleans(),
    INTEGER: st.integers(-(2**31), 2**31 - 1),
    BIGINT: st.integers(-(2**63), 2**63 - 1),
    # JSON has no negative zero, and Java one NaN.
    DOUBLE: st.floats().map(lambda value: math.nan if math.isnan(value) else value + 0.0),
    STRING: _WHOLE_TEXT,
    BYTES: st.binary(max_size=8),
    TIME: st.integers(0, 86_400_000).map(lambda ms: ms * 1_000),
    DATE: st.integers(-(2**31) + 1, 2**31 - 1),
    TIMESTAMP: st.integers(-(10**15), 10**15).map(lambda ms: ms * 1_000),
}


def _values(sql_type: SqlType) -> st.SearchStrategy[object]:
    match sql_type:
        case DecimalType(precision, scale):
            limit = 10**precision - 1
            exact = Context(prec=precision)
            made = st.integers(-limit, limit).map(lambda n: exact.scaleb(Decimal(n), -scale))
            return st.none() | made
        case ArrayType(element):
            return st.none() | st.lists(_values(element), max_size=3)
        case MapType(_, value):
            entries = st.dictionaries(_WHOLE_TEXT, _values(value), max_size=3)
            return st.none() | entries.map(lambda found: list(found.items()))
        case StructType(fields):
            structs = st.fixed_dictionaries({f.name: _values(f.type) for f in fields})
            return st.none() | structs
        case _:
            return st.none() | _LEAVES[sql_type]


def _physical(value: object, sql_type: SqlType) -> object:
    """A value with physical field names, as Arrow takes it."""
    match sql_type, value:
        case StructType(fields), dict():
            return {
                identifier(f.name)[1:-1].replace('""', '"'): _physical(value[f.name], f.type)
                for f in fields
            }
        case ArrayType(element), list():
            return [_physical(item, element) for item in value]
        case MapType(_, inner), list():
            return [(key, _physical(item, inner)) for key, item in value]
        case _:
            return value


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_json_reads_what_it_wrote(data: st.DataObject) -> None:
    names = st.text('abAB é"\\', min_size=1, max_size=4)
    made = data.draw(st.lists(st.tuples(names, _types()), min_size=1, max_size=4,
                              unique_by=lambda column: column[0]))  # fmt: skip
    columns = [Column(name, sql_type) for name, sql_type in made]
    rows = data.draw(
        st.lists(st.tuples(*(_values(column.type) for column in columns)), min_size=1, max_size=8)
    )
    duck = shared_duck()
    physical = [
        [_physical(value, column.type) for value, column in zip(row, columns, strict=True)]
        for row in rows
    ]
    _load(duck, columns, physical)
    payloads = encode(duck, "JSON", columns, "origin")
    expected = _spelled(duck, columns)
    decoder = make_decoder("JSON", columns)
    assert decode(duck, decoder, payloads) == expected
    with pytest.MonkeyPatch.context() as patch:
        assert decode_in_sql(patch, duck, decoder, payloads) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_delimited_reads_what_it_wrote(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(list(SCALARS)), min_size=2, max_size=4))
    columns = [Column(f"C{index}", sql_type) for index, sql_type in enumerate(types)]
    delimiter = data.draw(st.sampled_from([",", "|", "TAB", "SPACE", "-", "1", "é"]))
    rows = data.draw(
        st.lists(st.tuples(*(_values(column.type) for column in columns)), min_size=1, max_size=8)
    )
    # An empty field is NULL, whatever it was.
    told = [tuple(None if value in ("", b"") else value for value in row) for row in rows]
    duck = shared_duck()
    _load(duck, columns, rows)
    payloads = encode(duck, "DELIMITED", columns, "origin", wrapped=False, delimiter=delimiter)
    _load(duck, columns, told)
    expected = _spelled(duck, columns)
    decoder = make_decoder("DELIMITED", columns, wrapped=False, delimiter=delimiter)
    assert decode(duck, decoder, payloads) == expected
    with pytest.MonkeyPatch.context() as patch:
        assert decode_in_sql(patch, duck, decoder, payloads) == expected


def test_every_supported_format_is_here() -> None:
    named = {name for name, _, _ in SUPPORTED}
    options = FormatOptions(wrapped=False)
    assert named <= set(FORMATS)
    for name in named:
        FORMATS[name].check([Column("A", STRING)], options, is_key=False)


def test_decimals_too_wide_for_duckdb_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = DecimalType(45, 3)
    struct = StructType((StructField("d", wide),))
    columns = [Column("A", wide), Column("B", ArrayType(wide)), Column("C", struct)]
    number = "123456789012345678901234567890123456789012.340"
    duck = shared_duck()
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE origin AS SELECT "
        f"'{number}' AS \"A\", ['{number}', NULL] AS \"B\", {{'d$1': '{number}'}} AS \"C\""
    )
    payloads = encode(duck, "JSON", columns, "origin")
    assert payloads == [f'{{"A":{number},"B":[{number},null],"C":{{"d":{number}}}}}'.encode()]
    decoder = make_decoder("JSON", columns)
    assert decode_in_sql(monkeypatch, duck, decoder, payloads) == _spelled(duck, columns)
    text = encode(duck, "DELIMITED", columns[:1], "origin", wrapped=False)
    decoder = make_decoder("DELIMITED", columns[:1], wrapped=False)
    assert text == [number.encode()]
    assert decode(duck, decoder, [b"1.5"]) == [("1.500",)]
