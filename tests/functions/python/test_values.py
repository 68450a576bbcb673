"""Values of every type come to Python and back as the hints say."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from merganser import aggregate_function, scalar_function, table_function
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.functions.in_force import InForce, using
from merganser.engine.functions.python.declarations import Declarations
from merganser.engine.functions.python.hints import DefinitionError
from merganser.engine.functions.python.routine import define_all
from merganser.errors import NameTakenError, TypeMismatchError, UserError
from tests.expressions.evaluation import bind, duck
from tests.functions.python.running import declaring

NAIVE = datetime.datetime.fromisoformat("2020-02-28T00:00:00")


@dataclass
class Point:
    """A place."""

    x: float
    name: str | None = None


class Pair(TypedDict):
    """Two numbers."""

    first: int
    second: int


def value(declared: Declarations, text: str) -> tuple[object, object]:
    """The value of an expression that calls declared functions, and whether it fails."""
    with using(lambda: InForce(declared.functions)):
        compiled = compile_expression(bind(text))
    define_all(duck())
    ((found, failed),) = duck().rows(f"SELECT {compiled.sql}, {compiled.failed or 'FALSE'}")
    return found, failed


def _declare_structs() -> None:
    @scalar_function
    def point(x: float, name: str | None) -> Point:
        return Point(x, name)

    @scalar_function
    def name_of(point: Point) -> str | None:
        return point.name

    @scalar_function
    def swapped(pair: Pair) -> Pair:
        return {"first": pair["second"], "second": pair["first"]}

    @table_function
    def points(a: dict[str, float]) -> list[Point]:
        return [Point(x, name) for name, x in a.items()]


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A function for each type."""
    with declaring() as found:

        @scalar_function
        def flip(a: bool) -> bool:
            return not a

        @scalar_function
        def doubled(a: float) -> float:
            return a * 2

        @scalar_function
        def backwards(a: bytes) -> bytes:
            return a[::-1]

        @scalar_function
        def later(a: datetime.datetime, days: int) -> datetime.datetime:
            return a + datetime.timedelta(days=days, microseconds=1999)

        @scalar_function
        def zoned(a: datetime.datetime) -> datetime.datetime:
            return a.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))

        @scalar_function
        def first_of_month(a: datetime.date) -> datetime.date:
            return a.replace(day=1)

        @scalar_function
        def noon(a: datetime.time) -> datetime.time:
            return a.replace(hour=12)

        @scalar_function
        def taxed(
            a: Annotated[Decimal, "DECIMAL(10, 2)"],
        ) -> Annotated[Decimal, "DECIMAL(10, 2)"]:
            return a * Decimal("1.105")

        @scalar_function
        def lengths(a: list[str]) -> dict[str, int]:
            return {each: len(each) for each in a}

        @scalar_function
        def keys_of(a: dict[str, int]) -> list[str]:
            return sorted(a)

        _declare_structs()

        @scalar_function
        def next_int(a: Annotated[int, "INT"]) -> Annotated[int, "INT"]:
            return a + 1

        @scalar_function(types=["T", "T..."], returns="ARRAY<T>")
        def listed(first: object, *others: object) -> list[object]:
            return [first, *others]

    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FLIP(TRUE)", False),
        ("FLIP(NULL)", True),
        ("DOUBLED(1)", 2.0),
        ("DOUBLED(DECIMAL '1.5')", 3.0),
        ("BACKWARDS(TO_BYTES('abc', 'utf8'))", b"cba"),
        ("LATER('2020-02-28T00:00:00', 1)", NAIVE.replace(day=29, microsecond=1000)),
        ("ZONED('2020-02-28T00:00:00')", NAIVE.replace(day=27, hour=22)),
        ("FIRST_OF_MONTH('2020-02-28')", datetime.date(2020, 2, 1)),
        ("NOON('01:02:03')", datetime.time(12, 2, 3)),
        ("TAXED(DECIMAL '1.00')", Decimal("1.11")),
        ("LENGTHS(ARRAY['a', 'bc'])", {"a": 1, "bc": 2}),
        ("KEYS_OF(MAP('b' := 1, 'a' := 2))", ["a", "b"]),
        ("POINT(1.5, 'p')->NAME", "p"),
        ("NAME_OF(POINT(1, NULL))", None),
        ("NAME_OF(POINT(1, 'x'))", "x"),
        (
            "SWAPPED(STRUCT(FIRST := CAST(1 AS BIGINT), SECOND := CAST(2 AS BIGINT)))",
            {"FIRST": 2, "SECOND": 1},
        ),
        ("NEXT_INT(1)", 2),
        ("POINTS(MAP('a' := 1.5))", [{"X": 1.5, "NAME": "a"}]),
        ("LISTED('a')", ["a"]),
        ("LISTED(1, 2, 3)", [1, 2, 3]),
        ("LISTED(LISTED(TRUE))", [[True]]),
    ],
)
def test_value(declared: Declarations, text: str, expected: object) -> None:
    assert value(declared, text) == (expected, False)


def test_result_of_another_type_fails() -> None:
    with declaring() as found:
        scalar_function(name="A", types=["INT"], returns="INT")(lambda a: "text")
        scalar_function(name="B", types=["INT"], returns="STRING")(lambda a: 1)
        scalar_function(name="C", types=["INT"], returns="INT")(lambda a: 2**40)
        scalar_function(name="D", types=["INT"], returns="DECIMAL(3, 1)")(lambda a: Decimal(100))
        scalar_function(name="E", types=["INT"], returns="ARRAY<INT>")(lambda a: "12")
        scalar_function(name="F", types=["INT"], returns="BOOLEAN")(lambda a: 1)
    for name in "ABCDEF":
        assert value(found, f"{name}(1)") == (None, True), name


def test_time_that_python_has_not_fails_alone(declared: Declarations) -> None:
    with using(lambda: InForce(declared.functions)):
        compiled = compile_expression(bind("ZONED(FROM_UNIXTIME(N))", N="BIGINT"))
    define_all(duck())
    values = "(0), (253402300800000), (NULL), (86400000)"  # The second is in the year 10000.
    rows = duck().rows(
        f'SELECT {compiled.sql} IS NULL, {compiled.failed} FROM (VALUES {values}) AS t("N")'
    )
    assert rows == [(False, False), (True, True), (True, True), (False, False)]


def test_null_is_not_passed_where_it_is_not_wanted() -> None:
    with declaring() as found:

        @scalar_function(null_call=False)
        def text_size(text: str) -> int:
            return len(text)

        @scalar_function(null_call=False, vectorized=True, types=["STRING"], returns="INT")
        def text_size_v(texts: pa.Array) -> pa.Array:
            assert texts.null_count == 0
            return pc.utf8_length(texts)

    assert value(found, "TEXT_SIZE(NULL)") == (None, False)
    assert value(found, "TEXT_SIZE_V(NULL)") == (None, False)
    assert value(found, "TEXT_SIZE_V('abc')") == (3, False)


def test_vectorized_function_is_given_batches_and_loses_only_bad_rows() -> None:
    sizes: list[int] = []
    with declaring() as found:

        @scalar_function(vectorized=True, types=["BIGINT"], returns="BIGINT")
        def checked(numbers: pa.Array) -> pa.Array:
            sizes.append(len(numbers))
            if pc.any(pc.equal(numbers, 7)).as_py():
                raise ValueError("seven")
            return numbers

    with using(lambda: InForce(found.functions)):
        compiled = compile_expression(bind("CHECKED(N)", N="BIGINT"))
    define_all(duck())
    rows = duck().rows(f'SELECT {compiled.sql} FROM (SELECT range AS "N" FROM range(100))')
    assert [n for (n,) in rows] == [n if n != 7 else None for n in range(100)]
    assert sizes[0] == 100
    assert len(sizes) < 30


def test_functions_may_have_overloads_defaults_and_aliases() -> None:
    with declaring() as found:

        @scalar_function(name="SHOW_IT", aliases=["shown"])
        def _number(value: int, base: int = 10) -> str:
            return f"number {value} {base}"

        @scalar_function(name="SHOW_IT", aliases=["shown"])
        def _text(value: str) -> str:
            return f"text {value}"

    assert value(found, "SHOW_IT(1)")[0] == "number 1 10"
    assert value(found, "SHOWN(1, 2)")[0] == "number 1 2"
    assert value(found, "shown('a')")[0] == "text a"
    with pytest.raises(TypeMismatchError, match="SHOW_IT does not accept parameters"):
        value(found, "SHOW_IT(TRUE)")


def test_nothing_that_a_function_raises_gets_out() -> None:
    def leave(number: int) -> int:
        raise SystemExit(number)

    def recurse(number: int) -> int:
        return recurse(number + 1)

    with declaring() as found:
        scalar_function(leave)
        scalar_function(recurse)
    assert value(found, "LEAVE(1)") == (None, True)
    assert value(found, "RECURSE(1)") == (None, True)


def _no_hint(a) -> int:  # type: ignore[no-untyped-def] # on purpose.
    return int(a)


def _bare_decimal(a: Decimal) -> int:
    return int(a)


def _no_result(a: int):  # type: ignore[no-untyped-def] # on purpose.
    del a


def _by_name(a: int, *, b: int) -> int:
    return a + b


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_no_hint, "parameter a has no type hint"),
        (_bare_decimal, "Decimal without precision and scale is no SQL type"),
        (_no_result, "does not say what it returns"),
        (_by_name, "parameter b can only be given by name"),
    ],
)
def test_function_without_signature_is_refused(function: object, message: str) -> None:
    with declaring(), pytest.raises(DefinitionError, match=message):
        scalar_function(function)  # type: ignore[call-overload] # found out at run time.


def test_names_are_unique() -> None:
    def size(a: str) -> int:
        return len(a)

    with declaring():
        with pytest.raises(NameTakenError, match="LEN is one of the language"):
            scalar_function(name="len")(size)
        scalar_function(size)
        scalar_function(size)  # The same once more, as when a module is read again.
        with pytest.raises(NameTakenError, match=r"SIZE\(STRING\) is declared twice"):
            scalar_function(name="size")(lambda_of_text)
        with pytest.raises(NameTakenError, match="another kind"):
            table_function(name="size", returns="INT")(size)
        with pytest.raises(DefinitionError, match="cannot be the name of a function"):
            scalar_function(name="a b")(size)


def lambda_of_text(a: str) -> int:
    """Another function of a text."""
    return len(a) + 1


def test_aggregate_must_be_whole() -> None:
    with declaring():
        with pytest.raises(DefinitionError, match="has no merge"):

            @aggregate_function
            class Half:
                def initialise(self) -> int:
                    return 0

                def add(self, state: int, value: int) -> int:
                    return state + value

        with pytest.raises(UserError, match="is no SQL type"):

            @aggregate_function
            class Odd:
                def initialise(self) -> set[int]:
                    return set()

                def add(self, state: set[int], value: int) -> set[int]:
                    return state | {value}

                def merge(self, older: set[int], newer: set[int]) -> set[int]:
                    return older | newer
